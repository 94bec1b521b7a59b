"""`{% load links %}{% linked_subjects subject %}`: the card of linked records on a detail page."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model

from chengheng.common import links

register = template.Library()


@register.inclusion_tag("links/linked.html", takes_context=True)
def linked_subjects(context: dict[str, Any], subject: Model) -> dict[str, Any]:
    """What the request's user may see of the subject's links."""
    return {"linked": links.shown_to(context["request"].user, subject)}
