"""Papers of a meeting as .docx: sign-in sheet, transcript of chat and decisions, minutes to be completed by hand."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from docx import Document

from chengheng.command.conference import queries
from chengheng.command.conference.models import Meeting, MeetingEvent, RollCall
from chengheng.command.conference.words import event_words


def sign_in_sheet(meeting: Meeting) -> bytes:
    """The sign-in sheet: the last roll-call, and who was there for how long."""
    document: Any = Document()
    document.add_heading(_("Sign-in sheet: %(title)s") % {"title": meeting.title}, 1)
    _facts(document, meeting)
    rolls: list[RollCall | None] = [*meeting.roll_calls.all()] or [None]
    for roll in rolls:
        if roll is not None:
            document.add_heading(_("Roll-call of %(at)s") % {"at": _clock(roll.began_at)}, 2)
        _sheet(document, meeting, roll)
    return _content(document)


def _sheet(document: Any, meeting: Meeting, roll: RollCall | None) -> None:
    head = (
        _("Venue"),
        _("Organisation"),
        _("Joined"),
        _("Left"),
        _("Minutes present"),
        pgettext("meeting", "Signed in"),
        _("How"),
    )
    _table(document, head, (
        (row["place"].name, str(row["place"].organisation), _clock(row["joined_at"]), _clock(row["left_at"]),
         str(round(row["seconds"] / 60)), _clock(row["signed_at"]) if row["signed_at"] else _("absent") if roll else "—",
         row["how"])
        for row in queries.sheet(meeting, roll)
    ))  # fmt: skip


def transcript(meeting: Meeting) -> bytes:
    """What was written and what was decided, in order of time."""
    document: Any = Document()
    document.add_heading(_("Transcript: %(title)s") % {"title": meeting.title}, 1)
    _facts(document, meeting)
    document.add_paragraph(_("Chat and acts in the order of time. What was spoken is in the recording only."))
    _table(document, (_("Time"), _("Who"), _("What")), (
        (f"{timezone.localtime(at):%H:%M:%S}", who, what) for at, who, what in lines(meeting)
    ))  # fmt: skip
    _votes(document, meeting)
    return _content(document)


def lines(meeting: Meeting) -> list[tuple[datetime, str, str]]:
    """Time, who, what: remarks and events, oldest first."""
    found = [
        (remark.at, remark.participant.name, remark.text) for remark in meeting.remarks.select_related("participant")
    ]
    for event in meeting.events.select_related("by", "target", "user"):
        words = event_words(event)
        if words:
            found.append((event.at, _who(event), words))
    return sorted(found, key=lambda line: line[0])


def _who(event: MeetingEvent) -> str:
    return event.by.name if event.by else str(event.user or "")


def minutes(meeting: Meeting) -> bytes:
    """The minutes (会议纪要): what is known is filled in, what was decided is to be written."""
    document: Any = Document()
    document.add_heading(_("Minutes: %(title)s") % {"title": meeting.title}, 1)
    _facts(document, meeting)
    rows = queries.sheet(meeting, None)
    present = [row["place"].name for row in rows if row["seconds"]]
    absent = [row["place"].name for row in rows if not row["seconds"]]
    for heading, text in (
        (_("Agenda"), meeting.agenda or "—"),
        (_("Present"), "、".join(present) or "—"),
        (_("Absent"), "、".join(absent) or "—"),
        (pgettext("minutes", "Discussed and decided"), meeting.minutes_text or _("(to be written)")),
    ):
        document.add_heading(heading, 2)
        document.add_paragraph(text)
    _votes(document, meeting)
    document.add_paragraph()
    document.add_paragraph(_("Recorded by: ____________    Checked by: ____________    Date: ____________"))
    return _content(document)


def _votes(document: Any, meeting: Meeting) -> None:
    votes = list(meeting.votes.exclude(closed_at=None).prefetch_related("ballots"))
    if not votes:
        return
    document.add_heading(_("Votes"), 2)
    for vote in votes:
        counts = [sum(ballot.choice == at for ballot in vote.ballots.all()) for at in range(len(vote.options))]
        result = "；".join(f"{option}：{count}" for option, count in zip(vote.options, counts, strict=True))
        document.add_paragraph(f"{vote.question}  {result}", style="List Bullet")


def _facts(document: Any, meeting: Meeting) -> None:
    chair = meeting.participants.filter(role="chair").first()
    _table(document, (), (
        (_("Called by"), str(meeting.organisation)),
        (_("Chair"), str(chair or "—")),
        (_("Began"), _clock(meeting.began_at)),
        (_("Ended"), _clock(meeting.ended_at)),
    ))  # fmt: skip


def _clock(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else "—"


def _table(document: Any, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    found = list(rows)
    if not found:
        return
    table = document.add_table(rows=0, cols=len(found[0]), style="Table Grid")
    for line in ([head] if head else []) + found:
        for cell, text in zip(table.add_row().cells, line, strict=True):
            cell.text = text


def _content(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
