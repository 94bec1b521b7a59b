"""What people ask of meetings; and the one document that everybody in a meeting sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from chengheng.command.conference import rules
from chengheng.command.conference.models import Meeting, MeetingPapers, Participant, Remark, RollCall, Stroke, Vote
from chengheng.command.models import Site
from chengheng.common import files, pictures
from chengheng.common.people import access
from chengheng.common.people.models import User

LAST_REMARKS = 200


def meetings(user: Any) -> QuerySet[Meeting]:
    """The meetings that the user may see: by their office, or because they have a place in them."""
    mine = Q(user=user.pk) if user.pk else Q(pk__in=[])
    places = Participant.objects.filter(
        mine | Q(pk__in=access.visible(user, "command.meeting.attend", Participant.objects.all()).values("pk"))
    )
    seen = access.visible(user, "command.meeting.view", Meeting.objects.all())
    rows = Meeting.objects.filter(Q(pk__in=seen.values("pk")) | Q(pk__in=places.values("meeting")))
    return rows.select_related("organisation", "made_by")


def papers_of(meeting: Meeting) -> MeetingPapers:
    """What the meeting's files hang on."""
    return MeetingPapers.objects.get(pk=meeting.pk)


def may_lead(user: Any, act: str, meeting: Meeting) -> bool:
    """Whether the user may do something to a meeting as a whole: their office must reach the organisation that called
    it; having a place in it is not enough."""
    return access.may(user, act, meeting.organisation)


def place_of(user: User, meeting: Meeting) -> Participant | None:
    """The user's place: their own, or their venue's; None when they have none (yet)."""
    rows = meeting.participants.select_related("organisation")
    own = rows.filter(user=user).first()
    if own is not None:
        return own
    offices = {duty.organisation_id for _reach, duty in access.grants(user, "command.meeting.attend")}
    return rows.filter(site__isnull=False, user=None, organisation__in=offices).order_by("position").first()


def consoles(user: Any) -> QuerySet[Site]:
    """The venues whose console the user may keep: those of the organisations they are on duty for."""
    offices = {duty.organisation_id for _reach, duty in access.grants(user, "command.meeting.attend")}
    today = timezone.localdate()
    return Site.objects.filter(
        Q(serves_until=None) | Q(serves_until__gte=today), organisation__in=offices, serves_from__lte=today
    )


def calls_of(site_pk: int) -> list[dict[str, Any]]:
    """The running meetings that have a place for a venue, as its console shows them."""
    rows = Participant.objects.filter(site=site_pk, meeting__state="running", removed_at=None)
    return [
        {
            "meeting": row.meeting_id, "title": row.meeting.title, "from": str(row.meeting.organisation), "call": row.call,
            "here": row.is_here, "since": _stamp(row.called_at),
        }
        for row in rows.select_related("meeting__organisation").order_by("-called_at")
    ]  # fmt: skip


def picture_of(participant_pk: int) -> tuple[str, int | None] | None:
    """What a camera's place shows and who brought it; None when it is not to be shown (any more)."""
    row = Participant.objects.filter(
        pk=participant_pk, role="camera", removed_at=None, meeting__state="running", brought_by__is_active=True
    ).select_related("brought_by").first()  # fmt: skip
    if row is None or row.brought_by is None or not pictures.may_watch(row.brought_by, row.picture):
        return None
    return row.picture, row.brought_by_id


def upcoming(site: Site) -> QuerySet[Participant]:
    """What a venue is invited to: running, and to come."""
    return (
        Participant.objects.filter(site=site, meeting__state__in=("planned", "running"), removed_at=None)
        .select_related("meeting__organisation")
        .order_by("meeting__starts_at")
    )


def _stamp(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def state(meeting_pk: int) -> dict[str, Any] | None:
    """The whole visible state of a meeting: what a browser needs to draw it, and the live process to enforce it."""
    meeting = Meeting.objects.filter(pk=meeting_pk).first()
    if meeting is None:
        return None
    here = [
        {
            "id": row.pk, "name": row.name, "role": row.role, "site": row.site_id, "here": row.connected_at is not None,
            "call": row.call, "mic": row.mic, "cameraHeld": row.camera_held, "floor": _stamp(row.asked_floor_at),
            "waiting": row.connected_at is not None and row.admitted_at is None, "admitted": row.admitted_at is not None,
            "removed": row.removed_at is not None,
        }
        for row in meeting.participants.all()
    ]  # fmt: skip
    roll = RollCall.objects.filter(meeting=meeting).order_by("-began_at").first()
    vote = Vote.objects.filter(meeting=meeting).order_by("-opened_at").first()
    return {
        "id": meeting.pk, "title": meeting.title, "agenda": meeting.agenda, "state": meeting.state,
        "began": _stamp(meeting.began_at), "ends": _stamp(meeting.ends_at), "layout": meeting.layout,
        "banner": meeting.banner, "locked": meeting.locked, "lobby": meeting.lobby, "freeMics": meeting.free_mics,
        "recording": meeting.recording, "voiceSwitch": meeting.voice_switch, "poll": meeting.poll_seconds,
        "pollStarted": _stamp(meeting.poll_started_at), "chair": meeting.chair_id, "spotlight": meeting.spotlight_id,
        "broadcast": meeting.broadcast_id, "presenter": meeting.presenter_id, "participants": here,
        "roll": roll and {
            "open": roll.closed_at is None, "began": _stamp(roll.began_at),
            "answers": dict(roll.answers.values_list("participant", "how")),
        },
        "vote": vote and _vote(vote),
        "board": {"open": meeting.board_open, "from": meeting.board_from},
        "tape": getattr(getattr(meeting, "tape", None), "folder", ""),
        "files": [
            {"name": row.name, "url": row.get_absolute_url(), "by": str(row.by or "")}
            for row in files.of(papers_of(meeting), "paper")
        ],
    }  # fmt: skip


def _vote(vote: Vote) -> dict[str, Any]:
    """A vote as everybody sees it: the count when it is closed, who has cast while it is open (but not what)."""
    counts = dict(vote.ballots.values_list("choice").annotate(n=Count("pk")))
    return {
        "id": vote.pk, "question": vote.question, "options": vote.options, "open": vote.closed_at is None,
        "cast": list(vote.ballots.values_list("participant", flat=True)),
        "counts": [counts.get(at, 0) for at in range(len(vote.options))] if vote.closed_at else None,
    }  # fmt: skip


def remarks(meeting_pk: int, after: int = 0) -> list[dict[str, Any]]:
    """The chat's last lines, oldest first; with `after`, those that came since."""
    rows = Remark.objects.filter(meeting=meeting_pk, pk__gt=after).select_related("participant")
    found = list(rows.order_by("-pk")[:LAST_REMARKS])
    return [
        {"id": row.pk, "by": row.participant_id, "name": row.participant.name, "at": _stamp(row.at), "text": row.text}
        for row in reversed(found)
    ]


def strokes(meeting_pk: int, after: int = 0) -> list[dict[str, Any]]:
    """The whiteboard's strokes that nobody has wiped, oldest first; with `after`, those that came since."""
    start = Meeting.objects.filter(pk=meeting_pk).values_list("board_from", flat=True).first() or 0
    rows = Stroke.objects.filter(meeting=meeting_pk, pk__gt=max(start, after)).order_by("pk")[: rules.MOST_STROKES]
    return [
        {"id": row.pk, "by": row.participant_id, "colour": row.colour, "width": row.width, "points": row.points}
        for row in rows
    ]


def still_permitted(wanted: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Of pairs of user and session, those whose session is still alive."""
    from chengheng.common.live import users_of_sessions

    found = users_of_sessions(session for _user, session in wanted)
    return {(user, session) for user, session in wanted if session in found and found[session].pk == user}


def sheet(meeting: Meeting, roll: RollCall | None, now: datetime | None = None) -> list[dict[str, Any]]:
    """The sign-in sheet: every participant with when they came, how long they were there, when and how they signed in."""
    until = meeting.ended_at or now or timezone.now()
    answers = {row.participant_id: row for row in roll.answers.all()} if roll else {}
    rows = []
    for place in (
        meeting.participants.exclude(role__in=("viewer", "camera"))
        .select_related("organisation")
        .prefetch_related("attendances")
    ):
        spans = [(one.joined_at, one.left_at or until) for one in place.attendances.all()]
        answer = answers.get(place.pk)
        rows.append({
            "place": place, "joined_at": min((begin for begin, _end in spans), default=None),
            "left_at": None if place.is_here else max((end for _begin, end in spans), default=None),
            "seconds": rules.present_seconds(spans), "times": len(spans),
            "signed_at": answer.at if answer else None, "how": answer.get_how_display() if answer else "",
        })  # fmt: skip
    return rows
