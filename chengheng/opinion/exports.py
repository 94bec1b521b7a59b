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

from chengheng.opinion.models import Report
from chengheng.opinion.pictures import pictures_of

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
        for picture in pictures_of(report):
            if picture.png is None and not picture.note:
                continue
            document.add_heading(picture.title, 1)
            if picture.png is None:
                document.add_paragraph(picture.note)
            else:
                document.add_picture(io.BytesIO(picture.png), width=Cm(15))
        document.add_heading(_("Judgement and advice"), 1)
        document.add_paragraph(report.judgement or _("(to be written by a person)"))
        document.add_paragraph(_("Numbers in brackets lead to the stored items. No sentence was written without them."))
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()
