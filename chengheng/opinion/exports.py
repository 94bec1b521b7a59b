"""A report as .docx: every sentence carries links to the stored items behind it; pictures are drawn from the same rows."""

from __future__ import annotations

import io
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from chengheng.opinion.models import Channel, Report

_FONT = "宋体"
_NUMBERED = 5  # links shown per sentence


def _link(paragraph: Any, text: str, url: str) -> None:
    """A hyperlink run; python-docx has none of its own."""
    relation = paragraph.part.relate_to(url, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), relation)
    run = OxmlElement("w:r")
    properties = OxmlElement("w:rPr")
    color = OxmlElement("w:color")
    color.set(qn("w:val"), "1F5FA8")
    properties.append(color)
    run.append(properties)
    words = OxmlElement("w:t")
    words.text = text
    run.append(words)
    link.append(run)
    paragraph._p.append(link)


def docx(report: Report, site: str) -> bytes:
    """The report as a Word document. `site` is the address that links begin with."""
    with translation.override("zh-hans"):
        document = Document()
        style = document.styles["Normal"]
        style.font.name, style.font.size = _FONT, Pt(11)
        style.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
        document.add_heading(_("Public opinion: %(kind)s") % {"kind": report.get_kind_display()}, 0)
        document.add_paragraph(f"{report.starts_on} – {report.ends_on}")
        for section in report.sections:
            document.add_heading(section["title"], 1)
            for sentence in section["sentences"]:
                paragraph = document.add_paragraph(sentence["words"] + " ", style="List Bullet")
                for number in sentence["items"][:_NUMBERED]:
                    _link(paragraph, f"[{number}]", f"{site}/opinion/items/{number}/")
                    paragraph.add_run(" ")
        picture = chart(report)
        if picture is not None:
            document.add_heading(_("Trend"), 1)
            document.add_picture(io.BytesIO(picture), width=Cm(15))
        document.add_heading(_("Judgement and advice"), 1)
        document.add_paragraph(report.judgement or _("(to be written by a person)"))
        document.add_paragraph(_("Numbers in brackets lead to the stored items. No sentence was written without them."))
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()


def chart(report: Report) -> bytes | None:
    """Items by day and channel as PNG; None when the period holds none or nothing can draw here."""
    from django.db.models import Count
    from django.db.models.functions import TruncDate

    from chengheng.opinion.actions.reports import bounds
    from chengheng.opinion.models import Item

    start, end = bounds(report.starts_on, report.ends_on)
    rows = Item.objects.filter(collected_at__gte=start, collected_at__lt=end)
    if report.event_id:
        rows = rows.filter(event_id=report.event_id)
    counted = list(rows.annotate(day=TruncDate("collected_at")).values("day", "channel").annotate(n=Count("pk")))
    if not counted:
        return None
    from PIL import Image, ImageDraw

    days = sorted({row["day"] for row in counted})
    channels = [channel for channel in Channel.values if any(row["channel"] == channel for row in counted)]
    tones = ("#1f5fa8", "#d9822b", "#3a9d6e", "#a54399", "#c23b3b", "#6b7fa3", "#8a6d3b", "#4cb5c4", "#888888")
    totals = {day: sum(row["n"] for row in counted if row["day"] == day) for day in days}
    highest = max(totals.values())
    picture = Image.new("RGB", (1200, 420), "white")
    draw = ImageDraw.Draw(picture)
    width = 1100 // max(len(days), 1)
    for place, day in enumerate(days):
        base = 370
        for number, channel in enumerate(channels):
            items = sum(row["n"] for row in counted if row["day"] == day and row["channel"] == channel)
            height = round(320 * items / highest)
            left = 60 + place * width
            draw.rectangle((left, base - height, left + max(4, width - 8), base), fill=tones[number])
            base -= height
        draw.text((60 + place * width, 378), f"{day:%m-%d}", fill="#333333")
        draw.text((60 + place * width, base - 14), str(totals[day]), fill="#333333")
    draw.line((55, 370, 1180, 370), fill="#333333")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
