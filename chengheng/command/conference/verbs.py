"""What is done inside a meeting: the chair's verbs and everybody's own. `use` is the only door.

Each verb gets an `Act`: the meeting (locked), the place of who acts, their user, and the values that came, which are
anything until checked. What a verb writes is what everybody sees; the live process only carries it out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.command.conference import actions, queries, rules, terminals
from chengheng.command.conference.errors import (
    BadValue,
    BadVote,
    BoardClosed,
    BoardFull,
    ChairTaken,
    MeetingNotRunning,
    MicsFull,
    MicsNotFree,
    MutedByChair,
    NoRollCall,
    NotHere,
    NotYourVerb,
    NoVote,
    RollCallOpen,
    SomebodyShares,
    SomebodyShows,
    VoteOpen,
)
from chengheng.command.conference.models import (
    Ballot,
    Meeting,
    Participant,
    Remark,
    RollCall,
    RollCallAnswer,
    Stroke,
    Vote,
)
from chengheng.command.models import Site
from chengheng.common import files, trail
from chengheng.common.files import pages
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User

_OFTEN = {"say", "cast", "draw", "turn_page"}
"""Verbs that are not among the meeting's events either."""
_QUIET = _OFTEN | {"open_mic", "close_mic", "ask_floor", "withdraw_floor", "answer_roll_call"}
"""Verbs that leave no entry in the trail: what they write is their own record."""


@dataclass
class Act:
    """One use of a verb."""

    meeting: Meeting
    me: Participant
    user: User
    now: datetime
    data: dict[str, Any]

    def other(self) -> Participant:
        """The participant that is meant by "target". Raises NotHere."""
        row = self.meeting.participants.filter(pk=self.number("target", 0, 2**53), removed_at=None).first()
        if row is None:
            raise NotHere(name="")
        return row

    def other_or_none(self) -> Participant | None:
        return None if self.data.get("target") is None else self.other()

    def number(self, name: str, least: int, most: int) -> int:
        value = self.data.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadValue(field=name)
        return value

    def flag(self, name: str = "on") -> bool:
        value = self.data.get(name)
        if not isinstance(value, bool):
            raise BadValue(field=name)
        return value

    def text(self, name: str, most: int, least: int = 1) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not least <= len(value.strip()) <= most:
            raise BadValue(field=name)
        return value.strip().replace("\0", "")

    def set(self, **fields: Any) -> None:
        """Change the meeting."""
        Meeting.objects.filter(pk=self.meeting.pk).update(**fields)
        for name, value in fields.items():
            setattr(self.meeting, name, value)

    def change(self, row: Participant, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(update_fields=list(fields))


Verb = Callable[[Act], Participant | None]
_VERBS: dict[str, Verb] = {}


def _verb(function: Verb) -> Verb:
    _VERBS[function.__name__] = function
    return function


@transaction.atomic
def use(verb: str, participant_pk: int, user: User, data: dict[str, Any], *, now: datetime | None = None) -> None:
    """Use a verb in a meeting. Raises NotYourVerb, MeetingNotRunning and what the verb raises."""
    now = now or timezone.now()
    meeting = Meeting.objects.select_for_update(of=("self",)).filter(participants__pk=participant_pk).first()
    me = Participant.objects.filter(pk=participant_pk, removed_at=None).first()
    if meeting is None or me is None or verb not in _VERBS or not rules.may(verb, me.role, meeting.chair_id == me.pk):
        raise NotYourVerb
    if not meeting.is_running:
        raise MeetingNotRunning
    if me.admitted_at is None:
        raise NotYourVerb
    act = Act(meeting, me, user, now, data)
    target = _VERBS[verb](act)
    kept = {key: value for key, value in data.items() if key not in ("target", "text") and _is_small(value)}
    if verb not in _OFTEN:
        actions.note_event(meeting, verb, now, me, user, target, **kept)
    if verb not in _QUIET:
        trail.record(
            "command.meeting.control", user, meeting,
            {"verb": verb, "by": me.name, **({"target": target.name} if target else {}), **kept},
        )  # fmt: skip
    actions.announce(meeting.pk)


def _is_small(value: Any) -> bool:
    return isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 200)


# Everybody's own


@_verb
def say(act: Act) -> None:
    Remark.objects.create(meeting=act.meeting, participant=act.me, by=act.user, at=act.now, text=act.text("text", 2000))


def _open(act: Act, row: Participant) -> None:
    """Open a microphone, if there is room for one more."""
    if row.mic == "open":
        return
    here = act.meeting.participants.filter(mic="open", connected_at__isnull=False).exclude(pk=row.pk)
    if here.count() >= rules.MOST_MICS:
        raise MicsFull(most=rules.MOST_MICS)
    act.change(row, mic="open")


@_verb
def open_mic(act: Act) -> None:
    leads = rules.powers(act.me.role, act.meeting.chair_id == act.me.pk) in ("chair", "co_chair", "operator")
    if not leads and act.me.mic == "held":
        raise MutedByChair
    if not leads and not act.meeting.free_mics:
        raise MicsNotFree
    _open(act, act.me)


@_verb
def close_mic(act: Act) -> None:
    if act.me.mic == "open":
        act.change(act.me, mic="closed")


@_verb
def ask_floor(act: Act) -> None:
    if act.me.asked_floor_at is None:
        act.change(act.me, asked_floor_at=act.now)


@_verb
def withdraw_floor(act: Act) -> None:
    act.change(act.me, asked_floor_at=None)


@_verb
def answer_roll_call(act: Act) -> None:
    _sign_in(act, act.me, "self")


@_verb
def cast(act: Act) -> None:
    vote = Vote.objects.filter(meeting=act.meeting, closed_at=None).first()
    if vote is None:
        raise NoVote
    choice = act.number("choice", 0, len(vote.options) - 1)
    Ballot.objects.update_or_create(
        vote=vote, participant=act.me, defaults={"choice": choice, "at": act.now, "by": act.user}
    )


@_verb
def share(act: Act) -> None:
    holder = act.meeting.presenter
    leads = rules.powers(act.me.role, act.meeting.chair_id == act.me.pk) in ("chair", "co_chair")
    if holder is not None and holder.connected_at is not None and holder.pk != act.me.pk and not leads:
        raise SomebodyShares(name=holder.name)
    act.set(presenter=act.me)


@_verb
def unshare(act: Act) -> None:
    if act.meeting.presenter_id == act.me.pk:
        act.set(presenter=None)


@_verb
def show_paper(act: Act) -> None:
    """Put one of the meeting's papers before everybody; who put it there, and the chair, turn its pages."""
    _may_turn(act)
    papers = files.of(queries.papers_of(act.meeting), "paper")
    paper = papers.filter(pk=act.number("file", 1, 2**53)).first()
    if paper is None:
        raise BadValue(field="file")
    act.set(shown_paper=paper.pk, shown_pages=pages.count(paper.file), shown_page=1, shown_by=act.me, board_open=False)


@_verb
def turn_page(act: Act) -> None:
    """Turn to a page: everybody follows."""
    if act.meeting.shown_paper is None:
        raise BadValue(field="page")
    _may_turn(act)
    act.set(shown_page=act.number("page", 1, act.meeting.shown_pages))


@_verb
def hide_paper(act: Act) -> None:
    _may_turn(act)
    act.set(shown_paper=None, shown_by=None)


def _may_turn(act: Act) -> None:
    """Who shows it, or the chair's side; anybody who may send when nobody (any more) shows anything."""
    holder = act.meeting.shown_by
    leads = rules.powers(act.me.role, act.meeting.chair_id == act.me.pk) in ("chair", "co_chair", "operator")
    shows = act.meeting.shown_paper is not None and holder is not None and holder.connected_at is not None
    if shows and holder is not None and holder.pk != act.me.pk and not leads:
        raise SomebodyShows(name=holder.name)


@_verb
def request_chair(act: Act) -> None:
    """The chair is free to take when it was released; who called the meeting may always have it back."""
    holder = act.meeting.chair
    if holder is not None and holder.pk != act.me.pk and act.me.role != "chair":
        raise ChairTaken(name=holder.name)
    act.set(chair=act.me)


@_verb
def draw(act: Act) -> None:
    """A stroke on the whiteboard that the chair has put up."""
    if not act.meeting.board_open:
        raise BoardClosed
    points: Any = act.data.get("points")
    colour = act.data.get("colour")
    if not rules.stroke_fits(points) or colour not in rules.INKS:
        raise BadValue(field="points")
    if act.meeting.strokes.filter(pk__gt=act.meeting.board_from).count() >= rules.MOST_STROKES:
        raise BoardFull(most=rules.MOST_STROKES)
    Stroke.objects.create(
        meeting=act.meeting, participant=act.me, by=act.user, at=act.now, colour=colour,
        width=act.number("width", 1, 60), points=points,
    )  # fmt: skip


# With the chair's power


@_verb
def board(act: Act) -> None:
    """Put the whiteboard up before everybody, or take it down; what is drawn on it stays."""
    on = act.flag()
    act.set(board_open=on, **({"shown_paper": None, "shown_by": None} if on else {}))


@_verb
def wipe_board(act: Act) -> None:
    """Wipe the whiteboard; the strokes are kept, nobody sees them any more."""
    last = act.meeting.strokes.order_by("-pk").values_list("pk", flat=True).first()
    act.set(board_from=last or 0)


@_verb
def mute(act: Act) -> Participant:
    row = act.other()
    act.change(row, mic="held")
    return row


@_verb
def mute_all(act: Act) -> None:
    """Everybody but who has the chair and who does it; who is muted cannot undo it."""
    rows = act.meeting.participants.exclude(pk__in=[act.me.pk, act.meeting.chair_id or 0]).exclude(role="viewer")
    rows.update(mic="held")


@_verb
def unmute(act: Act) -> Participant:
    """Take the mute back: the microphone may be opened by its owner again (opening it from afar would be listening in)."""
    row = act.other()
    if row.role == "terminal":  # it has a key of its own for its microphone, which we do not see
        _open(act, row)
    elif row.mic == "held":
        act.change(row, mic="closed")
    return row


@_verb
def unmute_all(act: Act) -> None:
    act.meeting.participants.filter(mic="held").update(mic="closed")
    for row in act.meeting.participants.filter(role="terminal", mic="closed", connected_at__isnull=False):
        with contextlib.suppress(MicsFull):
            _open(act, row)


@_verb
def hold_camera(act: Act) -> Participant:
    row = act.other()
    act.change(row, camera_held=True)
    return row


@_verb
def release_camera(act: Act) -> Participant:
    row = act.other()
    act.change(row, camera_held=False)
    return row


@_verb
def set_layout(act: Act) -> None:
    places = act.number("places", 1, 16)
    if places not in rules.LAYOUTS:
        raise BadValue(field="places")
    act.set(layout=places)


@_verb
def set_banner(act: Act) -> None:
    act.set(banner=act.text("text", 120, 0))


@_verb
def spotlight(act: Act) -> Participant | None:
    row = act.other_or_none()
    act.set(spotlight=row, poll_seconds=0)
    return row


@_verb
def broadcast(act: Act) -> Participant | None:
    """Show one venue to everybody (广播会场), whatever they had chosen; without a target, stop."""
    row = act.other_or_none()
    act.set(broadcast=row)
    return row


@_verb
def poll(act: Act) -> None:
    """Show everybody in turn (轮询), so many seconds each; 0 stops."""
    seconds = act.number("seconds", 0, rules.POLL_SECONDS[1])
    if seconds and seconds < rules.POLL_SECONDS[0]:
        raise BadValue(field="seconds")
    act.set(poll_seconds=seconds, poll_started_at=act.now if seconds else None)


@_verb
def voice_switch(act: Act) -> None:
    act.set(voice_switch=act.flag())


@_verb
def call(act: Act) -> Participant:
    row = act.other()
    if row.role == "camera":
        raise BadValue(field="target")
    actions.ring(act.meeting, [row], act.now)
    return row


@_verb
def call_absent(act: Act) -> None:
    """Call all who are not here once more."""
    actions.ring(act.meeting, act.meeting.participants.exclude(role__in=("viewer", "camera")), act.now)


@_verb
def invite(act: Act) -> Participant:
    """Bring one more venue in while the meeting runs."""
    site = Site.objects.filter(pk=act.number("site", 1, 2**53)).select_related("organisation").first()
    if site is None or not access.may(act.user, "command.meeting.call", site):
        raise BadValue(field="site")
    row, _made = Participant.objects.get_or_create(
        meeting=act.meeting, site=site,
        defaults={"role": "site", "organisation": site.organisation, "name": site.name,
                  "position": act.meeting.participants.count()},
    )  # fmt: skip
    if row.removed_at is not None:
        act.change(row, removed_at=None, first_joined_at=None)
    actions.ring(act.meeting, [row], act.now)
    return row


@_verb
def bring_camera(act: Act) -> Participant:
    """Show a camera of the video system as a participant; who brings it must be one who may watch it."""
    return actions.bring_camera(act.meeting, act.user, act.text("picture", 60), act.now)


@_verb
def bring_terminal(act: Act) -> Participant:
    """Call a terminal (SIP) into the meeting."""
    return terminals.bring(act.meeting, act.user, act.number("terminal", 1, 2**53), act.now)


@_verb
def hang_up(act: Act) -> Participant:
    """End the call of a terminal; it may be called again."""
    row = act.other()
    if row.role != "terminal":
        raise BadValue(field="target")
    act.change(row, call="")
    return row


@_verb
def record(act: Act) -> None:
    if act.flag():
        actions.begin_recording(act.meeting, act.now)
    else:
        act.set(recording=False)


@_verb
def stop_share(act: Act) -> None:
    act.set(presenter=None)


@_verb
def give_floor(act: Act) -> Participant:
    """Grant a request for the floor: the microphone may speak, and the picture goes to it."""
    row = act.other()
    if row.connected_at is None:
        raise NotHere(name=row.name)
    if row.asked_floor_at is None:
        raise BadValue(field="target")
    _open(act, row)
    act.change(row, asked_floor_at=None)
    act.set(spotlight=row)
    return row


@_verb
def refuse_floor(act: Act) -> Participant:
    row = act.other()
    act.change(row, asked_floor_at=None)
    return row


@_verb
def begin_roll_call(act: Act) -> None:
    if RollCall.objects.filter(meeting=act.meeting, closed_at=None).exists():
        raise RollCallOpen
    RollCall.objects.create(meeting=act.meeting, began_at=act.now, by=act.user)
    _sign_in(act, act.me, "self")


def _sign_in(act: Act, row: Participant, how: str) -> None:
    sheet = RollCall.objects.filter(meeting=act.meeting, closed_at=None).first()
    if sheet is None:
        raise NoRollCall
    RollCallAnswer.objects.get_or_create(
        roll_call=sheet, participant=row, defaults={"at": act.now, "how": how, "by": act.user}
    )


@_verb
def mark_present(act: Act) -> Participant:
    row = act.other()
    _sign_in(act, row, "chair")
    return row


@_verb
def close_roll_call(act: Act) -> None:
    if not RollCall.objects.filter(meeting=act.meeting, closed_at=None).update(closed_at=act.now):
        raise NoRollCall


@_verb
def open_vote(act: Act) -> None:
    if Vote.objects.filter(meeting=act.meeting, closed_at=None).exists():
        raise VoteOpen
    options = act.data.get("options")
    question = act.text("question", 200)
    if (
        not isinstance(options, list)
        or not 2 <= len(options) <= 8
        or not all(isinstance(one, str) and 0 < len(one.strip()) <= 60 for one in options)
        or len({one.strip() for one in options}) != len(options)
    ):
        raise BadVote(field="options")
    Vote.objects.create(
        meeting=act.meeting, question=question, options=[one.strip() for one in options], opened_at=act.now, by=act.user
    )


@_verb
def close_vote(act: Act) -> None:
    if not Vote.objects.filter(meeting=act.meeting, closed_at=None).update(closed_at=act.now):
        raise NoVote


@_verb
def admit(act: Act) -> Participant | None:
    """Let one in from the lobby; without a target, everybody."""
    row = act.other_or_none()
    rows = act.meeting.participants.filter(admitted_at=None, connected_at__isnull=False)
    (rows.filter(pk=row.pk) if row else rows).update(admitted_at=act.now)
    return row


@_verb
def lock(act: Act) -> None:
    act.set(locked=act.flag())


@_verb
def lobby(act: Act) -> None:
    act.set(lobby=act.flag())


@_verb
def free_mics(act: Act) -> None:
    act.set(free_mics=act.flag())


@_verb
def extend(act: Act) -> None:
    minutes = act.number("minutes", 5, 240)
    ends = max(act.meeting.ends_at, act.now) + timedelta(minutes=minutes)
    if ends - (act.meeting.began_at or act.meeting.starts_at) > timedelta(minutes=rules.LONGEST_MINUTES):
        raise BadValue(field="minutes")
    act.set(ends_at=ends)


@_verb
def remove(act: Act) -> Participant:
    row = act.other()
    if row.pk == act.meeting.chair_id or row.pk == act.me.pk:
        raise BadValue(field="target")
    act.change(row, removed_at=act.now, mic="held", call="")
    for name in ("spotlight", "broadcast", "presenter"):
        if getattr(act.meeting, f"{name}_id") == row.pk:
            act.set(**{name: None})
    return row


@_verb
def release_chair(act: Act) -> None:
    act.set(chair=None)


@_verb
def give_chair(act: Act) -> Participant:
    row = act.other()
    if row.connected_at is None or row.role in ("viewer", "camera", "terminal"):
        raise NotHere(name=row.name)
    act.set(chair=row)
    return row


@_verb
def end(act: Act) -> None:
    actor = act.user if queries.may_lead(act.user, "command.meeting.end", act.meeting) else SYSTEM
    actions.end_meeting(act.meeting, actor, now=act.now)


assert set(_VERBS) == set(rules.VERBS), set(_VERBS) ^ set(rules.VERBS)
