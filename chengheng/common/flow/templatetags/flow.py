"""`{% load flow %}`: a subject's steps, timeline and clocks on any page."""

from __future__ import annotations

from typing import Any

from django import template

from chengheng.common.flow import reading
from chengheng.common.flow.models import Moving
from chengheng.common.flow.table import flow_of

register = template.Library()


@register.inclusion_tag("flow/steps.html", takes_context=True)
def flow_steps(context: template.Context, subject: Moving) -> dict[str, Any]:
    """A button for each step that the reader may take now; each opens the step's dialog."""
    steps = reading.steps_for(context["request"].user, subject)
    return {"steps": steps, "subject": subject, "flow_code": flow_of(subject).code, "request": context["request"]}


@register.inclusion_tag("flow/timeline.html")
def flow_timeline(subject: Any) -> dict[str, Any]:
    """All that was done to the subject."""
    return {"entries": reading.timeline(subject)}


@register.inclusion_tag("flow/clocks.html")
def flow_clocks(subject: Moving) -> dict[str, Any]:
    """The subject's time limits: used, limit, met or not."""
    return {"faces": reading.clocks(subject)}
