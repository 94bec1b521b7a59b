"""The filing standards by version: what is in force from when, and what a version changed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from chengheng.common.people import access
from chengheng.common.ui.views import page, require_act
from chengheng.patrol import queries
from chengheng.patrol.models import StandardSet

VIEW = "patrol.standard.view"


@require_act(VIEW)
def standards(request: HttpRequest) -> HttpResponse:
    """All versions, the newest first, with the one in force."""
    rows = queries.standard_versions(access.visible(request.user, VIEW, StandardSet.objects.all()))
    may_import = access.may(request.user, "patrol.standard.import")
    return page(request, "patrol/standards.html", {"rows": rows, "may_import": may_import})


@require_act(VIEW)
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: its conditions by class, and what it changed against the version before."""
    table = access.fetch(request.user, VIEW, StandardSet.objects.all(), pk=pk)
    return page(request, "patrol/standard.html", {"table": table, **queries.standard_version(table)})
