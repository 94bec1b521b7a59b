"""What people and the live process do with terminals (SIP telephones of venues): enter, sign in, bring in, come, go.

A terminal has a place of its own in a meeting beside its venue's, as a camera has: with sound, and it can be called.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chengheng.command.conference import actions, engine, rules
from chengheng.command.conference.errors import BadValue, MeetingLocked, Removed, TerminalsFull
from chengheng.command.conference.models import Attendance, Meeting, Participant, RollCall, RollCallAnswer, Terminal
from chengheng.command.models import Site
from chengheng.common import trail
from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.people.models import User
from chengheng.protocols.sip import digest

REALM = "chengheng"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_KEY = "terminal:"


def is_on() -> bool:
    """Whether terminals can take part here."""
    return engine.is_here() and bool(settings.TERMINAL_PORT)


class Where(NamedTuple):
    """How a terminal is called: the request's address, and where the request goes."""

    number: str
    uri: str
    host: str
    port: int
    way: str
    encryption: str = ""


class Known(NamedTuple):
    """A terminal as its sign-in is checked."""

    pk: int
    number: str
    digest: str
    encryption: str = ""


@transaction.atomic
def save(actor: Any, terminal: Terminal, *, renew: bool = False) -> str:
    """Enter or change a terminal; the password of a new one (or a renewed one), which nobody can read again, else ""."""
    access.require(actor, "command.site.change")
    access.fetch(actor, "command.site.change", Site.objects.all(), pk=terminal.site_id)
    new, password = terminal.pk is None, ""
    if not new:
        access.fetch_locked(actor, "command.site.change", Terminal.objects.all(), pk=terminal.pk)
    if new or renew or not digest_fits(terminal):
        password = "".join(secrets.choice(_ALPHABET) for _index in range(16))
        terminal.digest = f"{terminal.number}:{digest.ha1(terminal.number, REALM, password)}"
        terminal.contact, terminal.registered_until = "", None
    terminal.save()
    trail.record("command.site.change", actor, terminal.site, {
        "terminal": terminal.number, "in_use": terminal.in_use, "address": terminal.address,
        "encryption": terminal.encryption, "password": bool(password),
    })  # fmt: skip
    return password


def digest_fits(terminal: Terminal) -> bool:
    """Whether the digest was made for the number that the terminal has now."""
    return terminal.digest.startswith(f"{terminal.number}:")


# What the live process asks and tells


def known(number: str) -> Known | None:
    row = Terminal.objects.filter(number=number, in_use=True).first()
    return Known(row.pk, row.number, row.digest.partition(":")[2], row.encryption) if row is not None else None


def signed_in(
    pk: int, contact: str, host: str, port: int, way: str, seconds: int, agent: str, *, now: datetime | None = None
) -> None:
    """A terminal has registered (`seconds` 0: it signed off)."""
    now = now or timezone.now()
    Terminal.objects.filter(pk=pk).update(
        contact=contact[:300], host=host[:60], port=port, way=way[:3], agent=agent[:120],
        registered_until=now + timedelta(seconds=seconds) if seconds else None,
    )  # fmt: skip


def where(participant_pk: int) -> Where | None:
    """How the terminal of a place is called; None when it cannot be (it is not registered, or not in use)."""
    row = terminal_of(participant_pk)
    if row is None or not row.is_reachable:
        return None
    if row.address:
        host, _colon, port = (
            row.address.rpartition(":") if row.address.rpartition(":")[2].isdecimal() else (row.address, "", "")
        )
        return Where(row.number, f"sip:{row.number}@{row.address}", host, int(port or 5060), "udp", row.encryption)
    return Where(row.number, row.contact, row.host, row.port, row.way, row.encryption)


def terminal_of(participant_pk: int) -> Terminal | None:
    key = Participant.objects.filter(pk=participant_pk, role="terminal").values_list("picture", flat=True).first()
    return Terminal.objects.filter(pk=int(key.removeprefix(_KEY))).first() if key else None


def _place(meeting: Meeting, terminal: Terminal, user: User | None, admitted_at: datetime | None) -> Participant:
    """The terminal's place, made or found. Raises TerminalsFull."""
    key = f"{_KEY}{terminal.pk}"
    row = meeting.participants.filter(picture=key).first()
    others = meeting.participants.filter(role="terminal", removed_at=None).exclude(pk=row.pk if row else 0)
    if others.count() >= rules.MOST_TERMINALS:
        raise TerminalsFull(most=rules.MOST_TERMINALS)
    if row is None:
        row = Participant(meeting=meeting, role="terminal", picture=key, position=meeting.participants.count(),
                          organisation=terminal.site.organisation, admitted_at=admitted_at)  # fmt: skip
    row.name, row.brought_by = terminal.name[:120], user or row.brought_by
    return row


def bring(meeting: Meeting, user: User, pk: int, now: datetime) -> Participant:
    """Give a terminal a place in a meeting and call it. Raises BadValue, TerminalsFull."""
    terminal = Terminal.objects.select_related("site__organisation").filter(pk=pk, in_use=True).first()
    if terminal is None or not access.may(user, "command.meeting.call", terminal.site):
        raise BadValue(field="terminal")
    row = _place(meeting, terminal, user, now)
    row.removed_at, row.admitted_at = None, row.admitted_at or now
    row.save()
    actions.ring(meeting, [row], now)
    return row


@transaction.atomic
def calls_in(terminal_pk: int, dialled: str, *, now: datetime | None = None) -> tuple[int, int]:
    """A terminal has dialled: a meeting's number, or 0 for the one that its venue is called to now. Meeting and place.

    Raises NotFound, Removed, MeetingLocked, TerminalsFull.
    """
    now = now or timezone.now()
    terminal = Terminal.objects.select_related("site__organisation").filter(pk=terminal_pk, in_use=True).first()
    if terminal is None or not dialled.isdecimal():
        raise NotFound
    places = Participant.objects.filter(meeting__state="running")
    mine = places.filter(site=terminal.site_id) | places.filter(picture=f"{_KEY}{terminal.pk}")
    meetings = Meeting.objects.filter(pk__in=mine.values("meeting"), state="running").order_by("-began_at")
    if int(dialled):
        meetings = meetings.filter(pk=int(dialled)) if len(dialled) < 10 else meetings.none()
    found = meetings.first()
    if found is None:
        raise NotFound
    meeting = Meeting.objects.select_for_update(of=("self",)).get(pk=found.pk)
    row = _place(meeting, terminal, None, None if meeting.lobby else now)
    if row.removed_at is not None:
        raise Removed
    if meeting.locked and row.first_joined_at is None:
        raise MeetingLocked
    row.call = "accepted"
    row.save()
    return meeting.pk, row.pk


@transaction.atomic
def came(participant_pk: int, *, now: datetime | None = None) -> Attendance | None:
    """The call stands. Its microphone is open when venues may open theirs and there is room: who answers has it in hand."""
    now = now or timezone.now()
    meeting = Meeting.objects.select_for_update(of=("self",)).filter(participants__pk=participant_pk).first()
    row = Participant.objects.filter(pk=participant_pk, role="terminal", removed_at=None).first()
    if meeting is None or row is None or not meeting.is_running:
        return None
    others = meeting.participants.filter(mic="open", connected_at__isnull=False).exclude(pk=row.pk)
    if row.mic != "held":
        row.mic = "open" if meeting.free_mics and others.count() < rules.MOST_MICS else "closed"
    first = row.first_joined_at is None
    row.first_joined_at, row.connected_at, row.call = row.first_joined_at or now, now, "accepted"
    row.save(update_fields=["first_joined_at", "connected_at", "call", "mic"])
    if first:
        actions.note_event(meeting, "enter" if row.admitted_at else "wait", now, row)
    actions.announce(meeting.pk)
    return Attendance.objects.create(participant=row, user=None, joined_at=now)


@transaction.atomic
def went(participant_pk: int, attendance: Attendance | None, why: str, *, now: datetime | None = None) -> None:
    """The call is over, or did not come about: `why` is left, declined, missed, hung_up, removed, ended, lost, restart."""
    now = now or timezone.now()
    row = Participant.objects.select_for_update().filter(pk=participant_pk).first()
    if row is None:
        return
    if attendance is not None:
        Attendance.objects.filter(pk=attendance.pk, left_at=None).update(left_at=now, why=why[:20])
    row.connected_at = None
    if why in ("declined", "missed"):
        row.call = why
    elif why != "restart":
        row.call = "" if row.call == "accepted" else row.call
    row.save(update_fields=["connected_at", "call"])
    if why == "declined":
        actions.note_event(row.meeting, "declined", now, row)
    actions.announce(row.meeting_id)


@transaction.atomic
def pressed(participant_pk: int, key: str, *, now: datetime | None = None) -> None:
    """A key during the call: 1 signs in to the roll-call, 2 asks for the floor, 3 takes that back."""
    now = now or timezone.now()
    row = Participant.objects.select_for_update().filter(
        pk=participant_pk, role="terminal", removed_at=None, admitted_at__isnull=False, meeting__state="running"
    ).select_related("meeting").first()  # fmt: skip
    if row is None:
        return
    if key == "1":
        roll = RollCall.objects.filter(meeting=row.meeting, closed_at=None).first()
        if roll is None:
            return
        _row, made = RollCallAnswer.objects.get_or_create(
            roll_call=roll, participant=row, defaults={"at": now, "how": "self"}
        )
        if made:
            actions.note_event(row.meeting, "answer_roll_call", now, row)
    elif key in ("2", "3"):
        wanted = (row.asked_floor_at or now) if key == "2" else None
        if wanted == row.asked_floor_at:
            return
        row.asked_floor_at = wanted
        row.save(update_fields=["asked_floor_at"])
        actions.note_event(row.meeting, "ask_floor" if wanted else "withdraw_floor", now, row)
    else:
        return
    actions.announce(row.meeting_id)


def choices(user: Any, meeting: Meeting) -> list[dict[str, Any]]:
    """The terminals that the user may bring into a meeting, for its page."""
    sites = access.visible(user, "command.meeting.call", Site.objects.all())
    rows = Terminal.objects.filter(in_use=True, site__in=sites).select_related("site")
    here = set(meeting.participants.filter(role="terminal", removed_at=None).values_list("picture", flat=True))
    return [
        {"id": row.pk, "name": f"{row.name} · {row.site.name}", "here": row.is_reachable}
        for row in rows if f"{_KEY}{row.pk}" not in here
    ]  # fmt: skip
