"""Pages of long work: one job with live progress, and the list of the user's jobs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from chengheng.common.jobs import actions, queries
from chengheng.common.jobs.tables import JobTable
from chengheng.common.tables.views import show_table
from chengheng.common.ui.views import page, redirect, signed_in


@require_GET
@signed_in
def job_list(request: HttpRequest) -> HttpResponse:
    """The jobs that the user may see: their own at least."""
    return show_table(request, JobTable())


@require_GET
@signed_in
def job(request: HttpRequest, pk: int) -> HttpResponse:
    return page(request, "jobs/job.html", {"job": queries.job_for(request.user, pk), "may": _may(request, pk)})


@require_GET
@signed_in
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that asks again every second while the work is under way."""
    found = queries.job_for(request.user, pk)
    return page(request, "jobs/_progress.html", {"job": found, "may": _may(request, pk)})


@require_POST
@signed_in
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = actions.cancel_job(request.user, pk)
    return redirect(request, found.get_absolute_url(), _("Cancelling."))


def _may(request: HttpRequest, pk: int) -> dict[str, bool]:
    return {"cancel": queries.may_cancel(request.user, pk)}
