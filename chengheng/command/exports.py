"""The after-action report of a plan's run as .docx: what was ordered of whom, and when it came back."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.shared import Cm
from PIL import Image

from chengheng.command import queries
from chengheng.command.models import PlanRun, Target
from chengheng.common import trail
from chengheng.common.errors import Refusal
from chengheng.common.files import keeping as files
from chengheng.common.trail.recording import subject_key
from chengheng.common.ui import words

MOST_PHOTOS = 60
"""How many photos a report carries (local rule): with them it is a file of some megabytes."""


def report(run: PlanRun) -> bytes:
    """The report of a run, as it stands now; a run that is not over says so."""
    figures = queries.run_figures(run)
    document: Any = Document()
    section = document.sections[0]
    section.orientation, section.page_width, section.page_height = (
        WD_ORIENT.LANDSCAPE,
        section.page_height,
        section.page_width,
    )
    document.add_heading(_("After-action report: %(plan)s") % {"plan": run.level.plan}, 1)
    if run.drill:
        document.add_paragraph(_("This was a drill."))
    if run.ended_at is None:
        document.add_paragraph(_("The run is not over; these are the figures so far."))
    in_time = _("in time")
    facts = (
        (_("Level"), f"{run.level.name}（{run.level.trigger}）"),
        (pgettext("plan", "Edition"), str(run.level.plan.edition)),
        (_("Reason"), run.reason),
        (_("Started"), f"{_clock(run.started_at)} {run.started_by or ''}"),
        (_("Ended"), f"{_clock(run.ended_at)} {run.ended_by or ''}"),
        (_("Organisations addressed"), str(figures["total"])),
        (
            pgettext("dispatch", "Received"),
            f"{figures['received']}（{in_time} {words.percent(figures['received_rate'])}）",
        ),
        (_("Finished"), f"{figures['finished']}（{in_time} {words.percent(figures['finished_rate'])}）"),
        (_("Sent back"), str(figures["returns"])),
    )
    _table(document, (), facts)
    document.add_heading(_("Conclusion"), 2)
    document.add_paragraph(run.conclusion or "—")
    document.add_heading(_("Who was late"), 2)
    if figures["missed"]:
        head = (_("Organisation"), pgettext("dispatch", "Order"), pgettext("clock", "Limit"), _("Due"), _("Done at"),
                _("Late by"), _("Escalation"))  # fmt: skip
        _table(document, head, (
            (one.target.addressee, one.target.order.title, one.label, _clock(one.due_at),
             _clock(one.done_at) if one.done_at else _("not done") if run.ended_at else _("still open"),
             one.behind_words, one.told)
            for one in figures["missed"]
        ))  # fmt: skip
    else:
        document.add_paragraph(_("Nobody has missed a limit."))
    shown = 0
    for entry in figures["orders"]:
        order = entry["order"]
        document.add_heading(str(order), 2)
        document.add_paragraph(order.body)
        head = (_("Organisation"), _("State"), pgettext("dispatch", "Received"), _("Receipt due"), _("Finished"),
                _("Finish due"), _("Held by"))  # fmt: skip
        _table(document, head, (
            (row.addressee, row.state_label, _clock(row.received_at), _clock(row.receipt_due_at),
             _clock(row.finished_at), _clock(row.finish_due_at), str(row.holder or "—"))
            for row in entry["targets"]
        ))  # fmt: skip
        shown += _photos(document, entry["photos"][: MOST_PHOTOS - shown])
    if figures["photos"] > shown:
        document.add_paragraph(
            _("%(count)s more photos are on the page of the run.") % {"count": figures["photos"] - shown}
        )
    document.add_heading(pgettext("report", "Course of events"), 2)
    _table(document, (_("Time"), _("What"), _("Who"), _("Note")), (
        (_clock(at), what, who, note) for at, what, who, note in events(run)
    ))  # fmt: skip
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _photos(document: Any, photos: list[tuple[Target, Any]]) -> int:
    """Put photos under an order, three in a row, each with who sent it and when; returns how many."""
    if not photos:
        return 0
    table = document.add_table(rows=0, cols=3)
    cells: list[Any] = []
    for at, (target, photo) in enumerate(photos):
        if at % 3 == 0:
            cells = table.add_row().cells
        cell = cells[at % 3]
        try:
            cell.paragraphs[0].add_run().add_picture(io.BytesIO(_printable(photo.file)), width=Cm(7.5))
        except (OSError, Refusal):
            cell.text = photo.name  # its content is gone: retention, or a store that was not carried along
        cell.add_paragraph(f"{target.addressee} · {_clock(photo.at)}")
    return len(photos)


def _printable(file: Any) -> bytes:
    """A photo as a JPEG of a size for print: Word reads no WebP, and a phone's twelve megapixels are not wanted."""
    small = files.thumbnail(file)
    if small is None:
        raise FileNotFoundError(file.sha256)
    packed = io.BytesIO()
    with Image.open(io.BytesIO(small)) as picture:
        picture.convert("RGB").save(packed, "JPEG", quality=85)
    return packed.getvalue()


def events(run: PlanRun, limit: int = 1000) -> list[tuple[datetime, str, str, str]]:
    """What happened in a run, oldest first: the run's own trail and that of its orders and targets."""
    targets = Target.objects.filter(order__run=run).select_related("organisation", "order", "person")
    subjects: dict[tuple[str, str], Any] = {
        subject_key(subject): subject for subject in (run, *run.orders.all(), *targets)
    }
    return [
        (entry.at, f"{entry.act_label} · {subjects[entry.subject_type, entry.subject_id]}", str(entry.actor_label), entry.note)
        for entry in trail.histories(subjects.values())[:limit]
    ]  # fmt: skip


def _clock(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else "—"


def _table(document: Any, head: tuple[str, ...], rows: Any) -> None:
    rows = list(rows)
    if not rows:
        return
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for line in ([head] if head else []) + rows:
        cells = table.add_row().cells
        for cell, text in zip(cells, line, strict=True):
            cell.text = text
