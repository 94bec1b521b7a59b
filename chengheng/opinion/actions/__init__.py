"""What people and machines may do in public opinion: one function per act, one transaction each."""

from chengheng.opinion.actions.alerts import (
    answer_alert,
    hand_over_alert,
    raise_bursts,
    raise_by_hand,
    raise_by_rules,
    take_alert_step,
    tell_held,
)
from chengheng.opinion.actions.arriving import arrive, comment, read_all, read_arrivals
from chengheng.opinion.actions.claims import (
    confirm_verdict,
    draft_statement,
    first_verdict,
    keep_evidence,
    publish_statement,
    sign_statement,
    suspect,
    take_up,
)
from chengheng.opinion.actions.fetching import fetch_medium
from chengheng.opinion.actions.hubs import (
    answer_hub,
    book_hubs,
    note_hub,
    note_hub_failure,
    public_address,
    request_of,
    take_push,
)
from chengheng.opinion.actions.media import ask_again, attach_medium, read_medium, set_media_limit
from chengheng.opinion.actions.models import correct, train, train_from_corrections, use_model
from chengheng.opinion.actions.reports import compose_report
from chengheng.opinion.actions.rules import save_rule, try_rule
from chengheng.opinion.actions.sources import (
    new_secret,
    note_failure,
    note_reading,
    note_silence,
    save_source,
    wake_source,
)

__all__ = [
    "answer_alert",
    "answer_hub",
    "arrive",
    "ask_again",
    "attach_medium",
    "book_hubs",
    "comment",
    "compose_report",
    "confirm_verdict",
    "correct",
    "draft_statement",
    "fetch_medium",
    "first_verdict",
    "hand_over_alert",
    "keep_evidence",
    "new_secret",
    "note_failure",
    "note_hub",
    "note_hub_failure",
    "note_reading",
    "note_silence",
    "public_address",
    "publish_statement",
    "raise_bursts",
    "raise_by_hand",
    "raise_by_rules",
    "read_all",
    "read_arrivals",
    "read_medium",
    "request_of",
    "save_rule",
    "save_source",
    "set_media_limit",
    "sign_statement",
    "suspect",
    "take_alert_step",
    "take_push",
    "take_up",
    "tell_held",
    "train",
    "train_from_corrections",
    "try_rule",
    "use_model",
    "wake_source",
]  # fmt: skip
