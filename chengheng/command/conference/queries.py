"""What people ask of meetings; and the one document that everybody in a meeting sees."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from chengheng.command.conference import rules
from chengheng.command.conference.models import Meeting, MeetingPapers, Participant, Remark, RollCall, Stroke, Vote
from chengheng.command.models import Site
from chengheng.common import files, pictures
from chengheng.common.files import pages
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


_STATE = """
select m.id, m.title, m.agenda, m.state, m.began_at, m.ends_at, m.layout, m.banner, m.locked, m.lobby, m.free_mics,
    m.recording, m.voice_switch, m.poll_seconds, m.poll_started_at, m.chair_id, m.spotlight_id, m.broadcast_id,
    m.presenter_id, m.board_open, m.board_from, m.shown_paper, m.shown_page, m.shown_pages, m.shown_by_id,
    (select f.name from files_attachment f where f.id = m.shown_paper and f.withdrawn_at is null) as shown_name,
    (select f.media_type from files_attachment a join files_file f on f.id = a.file_id where a.id = m.shown_paper) as shown_type,
    coalesce((select t.folder from command_meetingrecording t where t.meeting_id = m.id), '') as tape,
    coalesce((select max(r.id) from command_remark r where r.meeting_id = m.id), 0) as said,
    exists(select from command_rollcall r where r.meeting_id = m.id) as rolls,
    exists(select from command_vote v where v.meeting_id = m.id) as votes,
    exists(select from files_attachment f where f.subject_type = %s and f.subject_id = m.id::text and f.kind = 'paper'
        and f.withdrawn_at is null) as papers,
    (select json_agg(json_build_object(
        'id', p.id, 'name', p.name, 'role', p.role, 'site', p.site_id, 'here', p.connected_at is not null, 'call', p.call,
        'mic', p.mic, 'cameraHeld', p.camera_held, 'floor', p.asked_floor_at,
        'waiting', p.connected_at is not null and p.admitted_at is null, 'admitted', p.admitted_at is not null,
        'removed', p.removed_at is not null
    ) order by p.position, p.id) from command_participant p where p.meeting_id = m.id)::text as participants
from command_meeting m where m.id = %s
"""


def state(meeting_pk: int) -> dict[str, Any] | None:
    """The whole visible state of a meeting: what a browser needs to draw it, and the live process to enforce it.

    One statement, written by hand: it is asked after every act of everybody, and to have Django write it took ten times
    as long as to run it. Roll-call, vote and files are asked for only where there are any.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [MeetingPapers._meta.label_lower, meeting_pk])
        row: Any = cursor.fetchone()
        if row is None:
            return None
        found = dict(zip((column.name for column in cursor.description), row, strict=True))
    roll = RollCall.objects.filter(meeting=meeting_pk).order_by("-began_at").first() if found["rolls"] else None
    vote = Vote.objects.filter(meeting=meeting_pk).order_by("-opened_at").first() if found["votes"] else None
    papers = files.of(MeetingPapers(pk=meeting_pk), "paper").select_related("by") if found["papers"] else ()
    return {
        "id": found["id"], "title": found["title"], "agenda": found["agenda"], "state": found["state"],
        "began": _stamp(found["began_at"]), "ends": _stamp(found["ends_at"]), "layout": found["layout"],
        "banner": found["banner"], "locked": found["locked"], "lobby": found["lobby"], "freeMics": found["free_mics"],
        "recording": found["recording"], "voiceSwitch": found["voice_switch"], "poll": found["poll_seconds"],
        "pollStarted": _stamp(found["poll_started_at"]), "chair": found["chair_id"], "spotlight": found["spotlight_id"],
        "broadcast": found["broadcast_id"], "presenter": found["presenter_id"],
        "participants": json.loads(found["participants"] or "[]"),
        "roll": roll and {
            "open": roll.closed_at is None, "began": _stamp(roll.began_at),
            "answers": dict(roll.answers.values_list("participant", "how")),
        },
        "vote": vote and _vote(vote),
        "board": {"open": found["board_open"], "from": found["board_from"]},
        "paper": None if found["shown_name"] is None else {
            "id": found["shown_paper"], "name": found["shown_name"], "page": found["shown_page"],
            "pages": found["shown_pages"], "by": found["shown_by_id"],
            "url": reverse("files:page", args=[found["shown_paper"], found["shown_page"]])
            if found["shown_type"] == pages.PDF else reverse("files:content", args=[found["shown_paper"]]),
        },
        "tape": found["tape"],
        "files": [
            {"id": row.pk, "name": row.name, "url": row.get_absolute_url(), "by": str(row.by or ""),
             "pages": pages.can(row.file.media_type)} for row in papers
        ],
        "said": found["said"],
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
