"""Who does what in public opinion: clerk, analyst, verifier, spokesperson, chief; and who only reads."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "opinion.item.view": _("View items and events"),
    "opinion.item.correct": _("Correct what the machine said of an item"),
    "opinion.item.import": _("Import items"),
    "opinion.item.attach": _("Attach pictures, videos and sounds to items"),
    "opinion.item.deliver": _("Deliver items by the push-in API"),
    "opinion.item.read_media": _("Read the words of a picture, video or sound"),
    "opinion.source.view": _("View sources"),
    "opinion.source.change": _("Change sources"),
    "opinion.source.wake": _("Wake a source that was put aside"),
    "opinion.rule.view": _("View alert rules"),
    "opinion.rule.change": _("Change alert rules"),
    "opinion.rule.try": _("Try a rule on stored items"),
    "opinion.alert.view": _("View alerts"),
    "opinion.alert.raise": _("Raise an alert"),
    "opinion.alert.acknowledge": _("Acknowledge an alert"),
    "opinion.alert.escalate": _("Escalate an alert"),
    "opinion.alert.assign": _("Have an alert answered"),
    "opinion.alert.answer": _("Answer an alert"),
    "opinion.alert.close": _("Close an alert"),
    "opinion.alert.dismiss": _("Dismiss an alert"),
    "opinion.claim.view": _("View claims"),
    "opinion.claim.suspect": _("Suspect a false story"),
    "opinion.claim.take_up": _("Take up a claim"),
    "opinion.claim.evidence": _("Keep evidence"),
    "opinion.claim.judge": _("Give the first verdict"),
    "opinion.claim.confirm": _("Confirm the verdict as second person"),
    "opinion.claim.send_back": _("Send back for more evidence"),
    "opinion.claim.draft": _("Draft the statement"),
    "opinion.claim.sign": _("Sign off the statement"),
    "opinion.claim.publish": _("Publish and push the statement"),
    "opinion.claim.follow": _("Follow the effect"),
    "opinion.claim.archive": _("Archive the claim"),
    "opinion.claim.dismiss": _("Dismiss the suspicion"),
    "opinion.model.view": _("View trained models"),
    "opinion.model.train": _("Train and put models to use"),
    "opinion.report.view": _("View reports"),
    "opinion.report.compose": _("Compose a report"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_LOOK = (
    "opinion.item.view", "opinion.source.view", "opinion.rule.view", "opinion.alert.view", "opinion.claim.view",
    "opinion.model.view", "opinion.report.view",
)  # fmt: skip
_CLERK = (
    *_LOOK, "opinion.item.correct", "opinion.item.import", "opinion.item.attach", "opinion.rule.try", "opinion.alert.raise",
    "opinion.alert.acknowledge", "opinion.alert.escalate", "opinion.alert.assign", "opinion.alert.answer",
    "opinion.alert.dismiss", "opinion.claim.suspect", "opinion.claim.take_up", "opinion.claim.evidence",
    "opinion.claim.judge", "opinion.claim.draft", "opinion.claim.follow", "opinion.report.compose", "opinion.source.wake",
)  # fmt: skip
_CHIEF = (
    *_CLERK, "opinion.alert.close", "opinion.claim.confirm", "opinion.claim.send_back", "opinion.claim.sign",
    "opinion.claim.publish", "opinion.claim.archive", "opinion.claim.dismiss", "opinion.rule.change",
    "opinion.source.change", "opinion.model.train",
)  # fmt: skip


def _role(code: str, label: object, acts_: tuple[str, ...], reach: Reach = Reach.ALL) -> None:
    declare(Role(code=f"opinion.{code}", label=label, grants=dict.fromkeys(acts_, reach), group="opinion"))  # type: ignore[arg-type]


_role("clerk", _("Opinion clerk"), _CLERK)
_role(
    "verifier",
    _("Opinion verifier"),
    (*_LOOK, "opinion.claim.evidence", "opinion.claim.confirm", "opinion.claim.send_back"),
)
_role("chief", _("Opinion chief"), _CHIEF)
_role("reader", _("Opinion reader"), _LOOK)
_role(
    "district", _("District opinion liaison"),
    ("opinion.item.view", "opinion.alert.view", "opinion.alert.acknowledge", "opinion.alert.answer", "opinion.claim.view"),
    Reach.AREA,
)  # fmt: skip
_role("deliverer", _("Data service (machine account)"), ("opinion.item.deliver",))
