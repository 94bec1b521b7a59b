"""`{% load tables %}`: a cell of a list as HTML, and a table built inside another page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chengheng.common.tables.declaration import Column
from chengheng.common.ui import words
from chengheng.common.ui.templatetags.ui import badge

register = template.Library()


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
        return format_html('<time datetime="{}">{}</time>', local.isoformat(), local.strftime("%Y-%m-%d %H:%M"))
    if isinstance(value, date):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.isoformat())
    return str(value)
