"""What people and machines do with meetings: call, begin, end, enter, leave. The chair's verbs are in `verbs`.

The order in every act: permission, lock, check, change, record, tell; `announce` last, so that the live process makes
the media engine agree when the act commits.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chengheng.command import actions as dispatch
from chengheng.command.conference import engine, queries, rules
from chengheng.command.conference.errors import (
    BadTimes,
    BadValue,
    CamerasFull,
    EngineOff,
    MeetingLocked,
    MeetingNotRunning,
    NobodyInvited,
    Removed,
    TicketRefused,
)
from chengheng.command.conference.models import (
    Attendance,
    Meeting,
    MeetingEvent,
    MeetingRecording,
    MeetingTemplate,
    Participant,
    RollCall,
    SiteGroup,
    Ticket,
    Vote,
)
from chengheng.command.models import LinkCheck, Site
from chengheng.common import files, flow, notices, pictures, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User

CHANNEL = "chengheng_meeting"  # of PostgreSQL's NOTIFY; the payload is the meeting's id
_ON_PURPOSE = ("left", "removed", "ended", "signed_out")
_SHORT_BREAK = timedelta(minutes=1)
_SITE_ROLES = ("command.site", "command.district_dispatcher")


def announce(meeting_pk: int | None) -> None:
    """Tell the live process, when this transaction commits, that a meeting's rows have changed."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [CHANNEL, str(meeting_pk)])


def note_event(
    meeting: Meeting, what: str, now: datetime, by: Participant | None = None, user: User | None = None,
    target: Participant | None = None, **data: Any,
) -> MeetingEvent:  # fmt: skip
    """Write down what happened in a meeting."""
    return MeetingEvent.objects.create(meeting=meeting, at=now, what=what, by=by, user=user, target=target, data=data)


# Groups and templates


@transaction.atomic
def save_group(actor: Any, group: SiteGroup, sites: Iterable[Site]) -> SiteGroup:
    """Enter or change a group of venues."""
    return _save_set(actor, group, {"sites": list(sites)})


@transaction.atomic
def save_template(
    actor: Any, template: MeetingTemplate, groups: Iterable[SiteGroup], sites: Iterable[Site]
) -> MeetingTemplate:
    """Enter or change a template."""
    return _save_set(actor, template, {"groups": list(groups), "sites": list(sites)})


def _save_set(actor: Any, row: Any, many: dict[str, list[Any]]) -> Any:
    access.require(actor, "command.meeting.change")
    new = row.pk is None
    if new and row.organisation_id is None:
        row.organisation = actor.organisation
    if not new:
        access.fetch_locked(actor, "command.meeting.change", type(row).objects.all(), pk=row.pk)
    row.save()
    for name, rows in many.items():
        getattr(row, name).set(rows)
    trail.record(
        "command.meeting.change", actor, row, {name: [one.pk for one in rows] for name, rows in many.items()}, new=new
    )
    return row


# Calling


@transaction.atomic
def call_meeting(
    actor: Any, *, title: str, starts_at: datetime, minutes: int, sites: Iterable[Site],
    co_chairs: Iterable[User] = (), operators: Iterable[User] = (), viewers: Iterable[User] = (), agenda: str = "",
    layout: int = 9, lobby: bool = False, free_mics: bool = True, record: bool = False, repeat: str = "",
    repeat_until: date | None = None, follows: Meeting | None = None, chair: User | None = None,
    cameras: Iterable[str] = (), now: datetime | None = None,
) -> Meeting:  # fmt: skip
    """Call a meeting of venues; who calls it chairs it. `cameras` are keys of `common.pictures`. Raises NobodyInvited, BadTimes, BadValue, NotFound.

    The venue of the chair's own organisation, when it is among them, is the chair's place.
    """
    access.require(actor, "command.meeting.call")
    now = now or timezone.now()
    wanted = list(dict.fromkeys(site.pk for site in sites))
    if not wanted:
        raise NobodyInvited(field="sites")
    found = {
        site.pk: site for site in access.visible(actor, "command.meeting.call", Site.objects.filter(pk__in=wanted))
    }
    if len(found) != len(wanted):
        raise NotFound
    if not 1 <= minutes <= rules.LONGEST_MINUTES:
        raise BadTimes(field="minutes")
    if layout not in rules.LAYOUTS:
        raise BadValue(field="layout")
    leader: User = chair or actor
    meeting = flow.begin(
        Meeting(
            title=title.strip()[:120], agenda=agenda.strip(), organisation=leader.organisation, made_by=leader,
            starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes), layout=layout, lobby=lobby,
            holder=leader, free_mics=free_mics, record=record, repeat=repeat, repeat_until=repeat_until, follows=follows,
        ),
        actor, now=now,
    )  # fmt: skip
    rows = []
    own = next((site for site in found.values() if site.organisation_id == leader.organisation_id), None)
    rows.append(
        Participant(
            meeting=meeting, role="chair", user=leader, site=own, organisation=leader.organisation,
            name=f"{own.name} {leader}" if own else str(leader),
        )
    )  # fmt: skip
    taken = {leader.pk}
    for role, people in (("co_chair", co_chairs), ("operator", operators), ("viewer", viewers)):
        for person in people:
            if person.pk not in taken:
                taken.add(person.pk)
                rows.append(
                    Participant(
                        meeting=meeting, role=role, user=person, organisation=person.organisation, name=str(person)
                    )
                )
    for pk in wanted:
        site = found[pk]
        if own is None or site.pk != own.pk:
            rows.append(
                Participant(meeting=meeting, role="site", site=site, organisation=site.organisation, name=site.name)
            )
    for place, row in enumerate(rows):
        row.position = place
    made = Participant.objects.bulk_create(rows)
    Meeting.objects.filter(pk=meeting.pk).update(chair=made[0])
    meeting.chair = made[0]
    for key in dict.fromkeys(cameras):
        bring_camera(meeting, leader, key, now)
    trail.record(
        "command.meeting.call", actor, meeting,
        {"starts_at": starts_at.isoformat(), "minutes": minutes, "sites": [found[pk].code for pk in wanted]}, new=True,
    )  # fmt: skip
    if starts_at > now:
        for participant in made[1:]:
            _tell(
                participant, meeting, _("Meeting on %(at)s: %(title)s"),
                {"at": f"{timezone.localtime(starts_at):%m-%d %H:%M}", "title": meeting.title}, "info",
            )  # fmt: skip
    return meeting


def bring_camera(meeting: Meeting, user: User, key: str, now: datetime) -> Participant:
    """Give a camera a place in a meeting; the live process then calls it up. Raises NotFound, CamerasFull."""
    subject = pictures.get(user, key)
    row = meeting.participants.filter(picture=key).first()
    shown = meeting.participants.filter(role="camera", removed_at=None).exclude(pk=row.pk if row else 0)
    if shown.count() >= rules.MOST_CAMERAS:
        raise CamerasFull(most=rules.MOST_CAMERAS)
    if row is None:
        row = Participant(meeting=meeting, role="camera", picture=key, organisation=meeting.organisation,
                          position=meeting.participants.count())  # fmt: skip
    row.name, row.brought_by, row.admitted_at, row.removed_at = str(subject)[:120], user, now, None
    row.save()
    trail.record("command.meeting.camera", user, subject, {"meeting": meeting.pk}, str(meeting))
    return row


@transaction.atomic
def show_camera(participant_pk: int, on: bool, *, now: datetime | None = None) -> None:
    """A camera's picture has come, or gone."""
    now = now or timezone.now()
    row = Participant.objects.select_for_update().filter(pk=participant_pk, role="camera").first()
    if row is None:
        return
    row.connected_at = now if on else None
    row.first_joined_at = row.first_joined_at or row.connected_at
    row.save(update_fields=["connected_at", "first_joined_at"])
    announce(row.meeting_id)


def _tell(participant: Participant, meeting: Meeting, title: Any, params: dict[str, Any], level: str) -> None:
    if participant.user_id:
        notices.tell(participant.user, title, subject=participant, level=level, params=params)
        return
    for role in _SITE_ROLES:
        notices.tell(None, title, role=role, organisation=participant.organisation, subject=participant, level=level,
                     params=params)  # fmt: skip


def call_now(actor: Any, *, title: str, sites: Iterable[Site], **more: Any) -> Meeting:
    """An instant meeting: called and begun at once."""
    with transaction.atomic():
        meeting = call_meeting(actor, title=title, starts_at=timezone.now(), sites=sites, **more)
        return begin_meeting(meeting, actor)


@transaction.atomic
def begin_meeting(meeting: Meeting, actor: Any, *, now: datetime | None = None, **taken: Any) -> Meeting:
    """Begin: every venue rings. Raises EngineOff where there is no media engine."""
    if not engine.is_here():
        raise EngineOff
    now = now or timezone.now()
    length = meeting.ends_at - meeting.starts_at
    meeting = flow.take(
        meeting, "begin", actor, now=now,
        fields={"began_at": now, "ends_at": max(meeting.ends_at, now + length)}, **taken,
    )  # fmt: skip
    note_event(meeting, "begin", now, user=actor if actor.pk else None)
    ring(meeting, meeting.participants.exclude(role__in=("chair", "viewer", "camera")), now)
    if meeting.record:
        begin_recording(meeting, now)
    announce(meeting.pk)
    _follow(meeting)
    return meeting


def ring(meeting: Meeting, participants: Iterable[Participant], now: datetime) -> int:
    """Ring those who are not here; their consoles sound, and who is on duty is told. Returns how many."""
    rung = 0
    for participant in participants:
        if participant.connected_at is None and participant.removed_at is None:
            Participant.objects.filter(pk=participant.pk).update(call="ringing", called_at=now)
            rung += 1
            if participant.role == "terminal":  # the live process dials it
                continue
            _tell(participant, meeting, _("Calling: %(title)s"), {"title": meeting.title}, "urgent")
    return rung


def _follow(meeting: Meeting) -> Meeting | None:
    """Call the next meeting of a repeated one; once."""
    start = rules.repeats_on(timezone.localtime(meeting.starts_at), meeting.repeat, meeting.repeat_until)
    if start is None or Meeting.objects.filter(follows=meeting).exists() or meeting.made_by is None:
        return None
    people: dict[str, list[User]] = {"co_chair": [], "operator": [], "viewer": []}
    for row in meeting.participants.filter(removed_at=None, site=None).select_related("user"):
        if row.role in people and row.user is not None:
            people[row.role].append(row.user)
    return call_meeting(
        SYSTEM, chair=meeting.made_by, title=meeting.title, agenda=meeting.agenda, starts_at=start,
        minutes=round((meeting.ends_at - max(meeting.starts_at, meeting.began_at or meeting.starts_at)).total_seconds() / 60),
        sites=[row.site for row in meeting.participants.exclude(site=None).select_related("site") if row.site],
        co_chairs=people["co_chair"], operators=people["operator"], viewers=people["viewer"], layout=meeting.layout,
        lobby=meeting.lobby, free_mics=meeting.free_mics, record=meeting.record, repeat=meeting.repeat,
        repeat_until=meeting.repeat_until, follows=meeting,
    )  # fmt: skip


@transaction.atomic
def end_meeting(meeting: Meeting, actor: Any, *, now: datetime | None = None, note: str = "", **taken: Any) -> Meeting:
    """End: everybody is out, what is open is closed, a recording goes to be put together."""
    now = now or timezone.now()
    meeting = flow.take(
        meeting, "end", actor, now=now, note=note,
        fields={"ended_at": now, "recording": False, "poll_seconds": 0, "voice_switch": False}, **taken,
    )  # fmt: skip
    close_up(meeting, now)
    note_event(meeting, "end", now, user=actor if actor.pk else None)
    announce(meeting.pk)
    return meeting


def close_up(meeting: Meeting, now: datetime) -> None:
    """What the end of a meeting leaves behind."""
    RollCall.objects.filter(meeting=meeting, closed_at=None).update(closed_at=now)
    Vote.objects.filter(meeting=meeting, closed_at=None).update(closed_at=now)
    meeting.participants.filter(call="ringing").update(call="missed")
    end_recording(meeting)


@transaction.atomic
def cancel_meeting(meeting: Meeting, actor: Any, *, note: str = "", **taken: Any) -> Meeting:
    """Call a meeting off; everybody invited is told."""
    meeting = flow.take(meeting, "cancel", actor, note=note, **taken)
    for participant in meeting.participants.exclude(role="chair").select_related("user", "organisation"):
        _tell(participant, meeting, _("Called off: %(title)s"), {"title": meeting.title}, "warning")
    return meeting


# Recording


def begin_recording(meeting: Meeting, now: datetime) -> MeetingRecording:
    """Have the engine record; a meeting has one recording, going on may stop and begin again."""
    tape, _made = MeetingRecording.objects.get_or_create(
        meeting=meeting, defaults={"folder": f"m{meeting.pk}-{secrets.token_hex(6)}", "began_at": now}
    )
    MeetingRecording.objects.filter(pk=tape.pk).update(state="running")
    Meeting.objects.filter(pk=meeting.pk).update(recording=True)
    meeting.recording = True
    return tape


def end_recording(meeting: Meeting) -> None:
    """The recording of a meeting that is over waits to be put together."""
    from chengheng.command.conference import tasks

    tape = MeetingRecording.objects.filter(meeting=meeting, state="running").first()
    if tape is not None:
        MeetingRecording.objects.filter(pk=tape.pk).update(state="waiting")
        tasks.put_together.configure(schedule_in={"seconds": 5}).defer(recording=tape.pk)


# Coming and going


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def make_ticket(user: User, meeting: Meeting, *, now: datetime | None = None) -> str:
    """The right to connect to a meeting once, within a minute. Raises NotFound, Removed, MeetingNotRunning, MeetingLocked."""
    now = now or timezone.now()
    place = queries.place_of(user, meeting)
    may_watch = place is None and access.may(user, "command.meeting.watch", meeting)
    if place is None and not may_watch:
        raise NotFound
    if not meeting.is_running:
        raise MeetingNotRunning
    if place is None:
        if meeting.locked:
            raise MeetingLocked
        place, _made = Participant.objects.get_or_create(
            meeting=meeting, user=user, site=None,
            defaults={"role": "viewer", "organisation": user.organisation, "name": str(user), "position": 999},
        )  # fmt: skip
    _let_in(meeting, place)
    return _new_ticket(user, now, participant=place)


def _let_in(meeting: Meeting, place: Participant) -> None:
    if place.removed_at is not None:
        raise Removed
    if meeting.locked and place.first_joined_at is None and place.role not in ("chair", "co_chair"):
        raise MeetingLocked


@transaction.atomic
def make_console_ticket(user: User, site: Site, *, now: datetime | None = None) -> str:
    """The right of a venue's console to be rung."""
    access.fetch(user, "command.meeting.attend", Site.objects.all(), pk=site.pk)
    return _new_ticket(user, now or timezone.now(), site=site)


def _new_ticket(user: User, now: datetime, **what: Any) -> str:
    text = secrets.token_urlsafe(32)
    Ticket.objects.filter(made_at__lt=now - timedelta(hours=1)).delete()
    Ticket.objects.create(digest=_digest(text), user=user, made_at=now, **what)
    return text


@transaction.atomic
def take_ticket(text: str, *, now: datetime | None = None) -> Ticket:
    """Use a ticket up. Raises TicketRefused for one that is forged, old or used; what it opens is checked again."""
    now = now or timezone.now()
    fresh = Ticket.objects.filter(
        digest=_digest(text), used_at=None, made_at__gt=now - timedelta(seconds=rules.TICKET_SECONDS)
    )
    if fresh.update(used_at=now) != 1:
        raise TicketRefused
    ticket = Ticket.objects.select_related("participant__meeting", "site", "user").get(digest=_digest(text))
    if not ticket.user.is_active:
        raise TicketRefused
    if ticket.participant is not None:
        if not ticket.participant.meeting.is_running:
            raise MeetingNotRunning
        _let_in(ticket.participant.meeting, ticket.participant)
    return ticket


@transaction.atomic
def enter(participant_pk: int, user: User, *, now: datetime | None = None, tell: bool = True) -> Attendance:
    """Somebody's connection stands. With a lobby, who was not admitted waits there. `tell` False: whoever calls is the
    live process and reads the rows again itself."""
    now = now or timezone.now()
    meeting = Meeting.objects.select_for_update(of=("self",)).get(participants__pk=participant_pk)
    place = Participant.objects.get(pk=participant_pk)
    if not meeting.is_running:
        raise MeetingNotRunning
    _let_in(meeting, place)
    if place.admitted_at is None and (not meeting.lobby or place.role in ("chair", "co_chair", "operator")):
        place.admitted_at = now
    first = place.first_joined_at is None
    if place.mic == "open" and not _keeps_mic(place, now):
        place.mic = "closed"
    place.first_joined_at = place.first_joined_at or now
    place.connected_at = now
    if place.call:
        place.call = "accepted"
    place.save(update_fields=["admitted_at", "first_joined_at", "connected_at", "call", "mic"])
    attendance = Attendance.objects.create(participant=place, user=user, joined_at=now)
    if first:
        note_event(meeting, "enter" if place.admitted_at else "wait", now, place, user)
    if tell:
        announce(meeting.pk)
    return attendance


def _keeps_mic(place: Participant, now: datetime) -> bool:
    """Whether a microphone may still be open after a break: a short one, and there is room."""
    last = place.attendances.order_by("-joined_at").first()
    if last is not None and last.left_at is not None and now - last.left_at > _SHORT_BREAK:
        return False
    others = Participant.objects.filter(meeting=place.meeting_id, mic="open", connected_at__isnull=False)
    return others.exclude(pk=place.pk).count() < rules.MOST_MICS


@transaction.atomic
def leave(
    attendance: Attendance, why: str, *, loss_percent: Decimal | None = None, jitter_ms: Decimal | None = None,
    now: datetime | None = None,
) -> None:  # fmt: skip
    """Somebody's connection is gone. Who lost the line finds microphone and screen as they were on coming back."""
    now = now or timezone.now()
    place = attendance.participant
    Attendance.objects.filter(pk=attendance.pk, left_at=None).update(
        left_at=now, why=why[:20], loss_percent=loss_percent, jitter_ms=jitter_ms
    )
    if not place.attendances.filter(left_at=None).exists():
        Participant.objects.filter(pk=place.pk).update(connected_at=None)
        if why in _ON_PURPOSE:
            Participant.objects.filter(pk=place.pk).update(asked_floor_at=None)
            Participant.objects.filter(pk=place.pk, mic="open").update(mic="closed")
            Meeting.objects.filter(pk=place.meeting_id, presenter=place).update(presenter=None)
    announce(place.meeting_id)


@transaction.atomic
def close_stale(*, now: datetime | None = None) -> int:
    """The live process has begun anew: nobody is connected yet, whatever the last one left written.

    Microphones and who presents stay as they were: their owners are back within seconds.
    """
    now = now or timezone.now()
    Participant.objects.filter(connected_at__isnull=False).update(connected_at=None)
    return Attendance.objects.filter(left_at=None).update(left_at=now, why="restart")


@transaction.atomic
def answer_call(user: User, site: Site, meeting_pk: int, accept: bool) -> None:
    """A venue's console takes the call or declines it."""
    access.fetch(user, "command.meeting.attend", Site.objects.all(), pk=site.pk)
    place = Participant.objects.filter(meeting=meeting_pk, site=site, meeting__state="running").first()
    if place is None:
        raise NotFound
    if place.connected_at is None:
        place.call = "accepted" if accept else "declined"
        place.save(update_fields=["call"])
        if not accept:
            note_event(place.meeting, "declined", timezone.now(), place, user)
    announce(meeting_pk)


@transaction.atomic
def note_speech(participant_pk: int, seconds: float, *, now: datetime | None = None) -> None:
    """Somebody has spoken for so long until now; chapters of the recording come from this."""
    place = Participant.objects.select_related("meeting").get(pk=participant_pk)
    now = now or timezone.now()
    note_event(place.meeting, "spoke", now - timedelta(seconds=seconds), place, seconds=round(seconds, 1))


@transaction.atomic
def sweep(*, now: datetime | None = None) -> int:
    """Calls that nobody took are missed; meetings past their end with nobody in them are ended. Returns how many."""
    now = now or timezone.now()
    late = Participant.objects.filter(call="ringing", called_at__lt=now - timedelta(seconds=rules.RING_SECONDS))
    for meeting_pk in set(late.values_list("meeting", flat=True)):
        announce(meeting_pk)
    done = late.update(call="missed")
    for meeting in Meeting.objects.filter(state="running", ends_at__lt=now):
        if not meeting.participants.filter(connected_at__isnull=False).exclude(role="camera").exists():
            end_meeting(meeting, SYSTEM, now=now)
            done += 1
    return done


@transaction.atomic
def save_minutes(meeting: Meeting, actor: Any, text: str) -> Meeting:
    """Write the minutes' text."""
    meeting = Meeting.objects.select_for_update().get(pk=meeting.pk)
    if not queries.may_lead(actor, "command.meeting.change", meeting):
        raise NotPermitted(act="command.meeting.change")
    meeting.minutes_text = text.strip()[:20000]
    meeting.save(update_fields=["minutes_text"])
    trail.record("command.meeting.change", actor, meeting, {"minutes": len(meeting.minutes_text)})
    return meeting


@transaction.atomic
def add_paper(meeting: Meeting, user: User, content: Any, name: str) -> files.Attachment:
    """Put a file before everybody in the meeting; the caller has checked the place."""
    made = files.attach(files.store(content, name), queries.papers_of(meeting), "paper", by=user, name=name[:120])
    note_event(meeting, "paper", timezone.now(), queries.place_of(user, meeting), user, name=name[:120])
    announce(meeting.pk)
    return made


TEST_ALL = "test"
"""Announced instead of a meeting's id: every open console tests its line."""


def ask_for_line_tests() -> None:
    """Have every venue whose console is open test its line now."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [CHANNEL, TEST_ALL])


def missed_line_tests(since: datetime, *, now: datetime | None = None) -> int:
    """Venues in service that have not tested their line since a moment are down: nobody there could be rung. Returns how
    many; the main venue is not asked."""
    now = now or timezone.now()
    day = timezone.localtime(now).date()
    rows = Site.objects.filter(serves_from__lte=day).exclude(serves_until__lt=day).exclude(kind="main")
    done = 0
    for site in rows.exclude(pk__in=LinkCheck.objects.filter(at__gte=since, way="machine").values("site")):
        dispatch.check_link(
            SYSTEM, site, reached=False, way=LinkCheck.Way.MACHINE, at=now, note=gettext("No console was open for the daily test.")
        )  # fmt: skip
        done += 1
    return done


@transaction.atomic
def report_line(user: User, site_pk: int, told: Mapping[str, Any]) -> LinkCheck:
    """A venue reports what its own test of the line measured. Raises NotFound, BadValue."""
    site = access.fetch(user, "command.meeting.attend", Site.objects.all(), pk=site_pk)
    try:
        loss, jitter = Decimal(str(told.get("loss", ""))), Decimal(str(told.get("jitter", "")))
    except ArithmeticError:
        raise BadValue(field="loss") from None
    if not (loss.is_finite() and jitter.is_finite() and 0 <= loss <= 100 and 0 <= jitter <= 99999):
        raise BadValue(field="loss")
    return dispatch.check_link(
        SYSTEM, site, reached=told.get("reached") == "1", loss_percent=loss.quantize(Decimal("0.01")),
        jitter_ms=jitter.quantize(Decimal("0.1")), note=str(told.get("note", ""))[:300], way=LinkCheck.Way.MACHINE,
    )  # fmt: skip
