"""What an event of a meeting is called, for people: transcript and chapters."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command.conference.models import MeetingEvent

WORDS = {
    "begin": _("The meeting begins"),
    "end": _("The meeting ends"),
    "enter": _("joined"),
    "wait": _("came to the lobby"),
    "declined": _("declined the call"),
    "spoke": _("spoke for %(seconds)s s"),
    "paper": _("put a file before the meeting: %(name)s"),
    "show_paper": _("showed a document page by page"),
    "ask_floor": _("asked for the floor"),
    "give_floor": _("gave the floor to %(target)s"),
    "refuse_floor": _("did not give the floor to %(target)s"),
    "share": _("shared a screen"),
    "request_chair": _("took the chair"),
    "release_chair": _("released the chair"),
    "give_chair": _("gave the chair to %(target)s"),
    "mute": _("muted %(target)s"),
    "unmute": _("took the mute from %(target)s"),
    "mute_all": _("muted everybody"),
    "unmute_all": _("took everybody's mute away"),
    "broadcast": _("broadcast %(target)s"),
    "spotlight": _("put %(target)s in the spotlight"),
    "begin_roll_call": _("called the roll"),
    "close_roll_call": _("closed the roll-call"),
    "answer_roll_call": pgettext_lazy("meeting", "signed in"),
    "mark_present": _("marked %(target)s as present"),
    "open_vote": _("put to the vote: %(question)s"),
    "close_vote": _("closed the vote"),
    "admit": _("let in %(target)s"),
    "remove": _("removed %(target)s"),
    "invite": _("invited %(target)s"),
    "call": _("called %(target)s"),
    "bring_terminal": _("called %(target)s"),
    "hang_up": _("hung up on %(target)s"),
    "lock": _("locked or unlocked the meeting"),
    "extend": _("extended the meeting by %(minutes)s minutes"),
}


def event_words(event: MeetingEvent) -> str:
    """The event in words; "" for one that nobody needs to read."""
    words = WORDS.get(event.what)
    if words is None:
        return ""
    nobody = str(_("nobody")) if event.what in ("broadcast", "spotlight") else str(_("everybody"))
    known = {"target": event.target.name if event.target else nobody, "seconds": "?", "name": "", "question": "",
             "minutes": "?"}  # fmt: skip
    return str(words) % (known | {key: value for key, value in event.data.items() if key in known})
