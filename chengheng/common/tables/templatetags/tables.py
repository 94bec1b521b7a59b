"""`{% load tables %}`: a cell of a list as HTML, and a table built inside another page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from chengheng.common.tables.declaration import Column
from chengheng.common.ui import words
from chengheng.common.ui.templatetags.ui import badge

if TYPE_CHECKING:
    from chengheng.common.tables.views import Line

register = template.Library()


@register.simple_tag
def cells(line: Line, openings: Mapping[str, str]) -> SafeString:
    """A row's cells; in Python, because a template's own tags cost four times as much and a page has hundreds.

    `openings`: the first tag of each column's cells (`ListPage.openings`), the same in all rows.
    """
    parts = []
    for place, (column, value, tone) in enumerate(line.cells):
        shown = conditional_escape(cell(column, value, tone))
        if line.url and (column.link or not place):
            shown = mark_safe(f'<a class="list-link" href="{escape(line.url)}">{shown}</a>')  # noqa: S308
        parts.append(f"{openings[column.name]}{shown}</td>")
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped


@register.simple_tag
def cell(column: Column, value: Any, tone: str = "") -> SafeString | str:
    """The value as the column's kind shows it."""
    if value is None or value == "":
        return format_html('<span class="none" aria-label="{}">{}</span>', _("nothing"), words.DASH)
    if column.kind == "badge":
        return badge(value, tone)
    if column.kind == "money_fen":
        return words.money(value)
    if column.kind == "percent":
        return words.percent(value, 1 if column.places is None else column.places)
    if column.kind == "number":
        return words.number(value, column.places)
    if column.kind == "boolean" or isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return mark_safe(f'<time datetime="{local.isoformat()}">{local:%Y-%m-%d %H:%M}</time>')  # noqa: S308 - a time
    if isinstance(value, date):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.isoformat())
    return str(value)
