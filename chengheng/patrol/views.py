"""Pages of patrol: parse, call one action or query, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from chengheng.common import files, trail
from chengheng.common.people import access
from chengheng.common.ui.views import page, require_act
from chengheng.patrol import queries
from chengheng.patrol.models import Case


@require_act("patrol.case.view")
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """One case with all that belongs to it. A view of a caller's name and phone is kept in the trail."""
    subject = access.fetch(
        request.user, "patrol.case.view", Case.objects.select_related("department", "standard", "holder"), pk=pk
    )
    if subject.reporter_name or subject.reporter_phone:
        trail.viewed(request.user, subject, "patrol.case.view")
    photos = {
        kind: [one for one in files.of(subject) if one.kind == kind]
        for kind in ("before", "after", "photos", "evidence")
    }
    return page(request, "patrol/case.html", {"case": subject, "photos": photos, **queries.case_page(subject)})
