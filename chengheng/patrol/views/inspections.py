"""Pages of re-inspection and of the boundary of collection."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common.errors import Refusal
from chengheng.common.people import access
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.patrol import sampling as acts
from chengheng.patrol.forms import BoundaryForm, FindingForms, SamplingForm, VisitForm
from chengheng.patrol.models import Boundary, SamplingFinding, SamplingPlan, SamplingVisit

SEE, PLAN, VISIT, DECIDE = (f"patrol.sampling.{verb}" for verb in ("view", "plan", "visit", "decide"))
BOUNDARY, IMPORT = "patrol.boundary.view", "patrol.boundary.import"


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


@require_act(SEE)
def samplings(request: HttpRequest) -> HttpResponse:
    """All re-inspections with what they say, and the form that draws one."""
    form = None
    if access.may(request.user, PLAN):
        month = acts.this_month()
        form = SamplingForm(request.POST or None, initial={"month": f"{month // 100}-{month % 100:02}"})
    if request.method == "POST":
        access.require(request.user, PLAN)
        assert form is not None
        if form.is_valid():
            try:
                made = acts.plan_sampling(request.user, **form.cleaned_data)
            except Refusal as refusal:
                _refused(form, refusal)
            else:
                return redirect(request, made.get_absolute_url(), _("Drawn."))
    plans = access.visible(request.user, SEE, SamplingPlan.objects.select_related("made_by"))[:60]
    rows = [(plan, acts.missed_of(plan)) for plan in plans]
    status = 422 if form is not None and form.errors else 200
    return page(request, "patrol/samplings.html", {"form": form, "rows": rows}, status=status)


@require_act(SEE)
def sampling(request: HttpRequest, pk: int) -> HttpResponse:
    """One re-inspection: its areas, what was found, what waits for a decision."""
    plan = access.fetch(request.user, SEE, SamplingPlan.objects.select_related("made_by"), pk=pk)
    visits = plan.visits.select_related("collector", "visited_by").prefetch_related("findings__case")
    return page(
        request, "patrol/sampling.html",
        {
            "plan": plan, "visits": visits, "said": acts.missed_of(plan), "may_visit": access.may(request.user, VISIT),
            "may_decide": access.may(request.user, DECIDE),
        },
    )  # fmt: skip


@require_act(VISIT)
def visit(request: HttpRequest, pk: int) -> HttpResponse:
    """Note what was found in an area."""
    area = access.fetch(request.user, VISIT, SamplingVisit.objects.select_related("plan"), pk=pk)
    forms, about = FindingForms(request.POST or None), VisitForm(request.POST or None)
    fault = ""
    if request.method == "POST" and forms.is_valid() and about.is_valid():
        given = [row.cleaned_data for row in forms if row.cleaned_data.get("entry")]
        findings = [
            {**{name: row[name] for name in ("lon", "lat", "description")}, "kind": row["entry"].kind, "code": row["entry"].code}
            for row in given
        ]  # fmt: skip
        try:
            acts.visit_area(area, request.user, findings, note=about.cleaned_data["note"])
        except Refusal as refusal:
            fault = str(refusal)
        else:
            return redirect(request, area.get_absolute_url(), _("Noted."))
    status = 422 if request.method == "POST" else 200
    return page(
        request, "patrol/visit.html", {"visit": area, "forms": forms, "about": about, "fault": fault}, status=status
    )


@require_POST
@require_act(DECIDE)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm a finding as missed, or not."""
    finding = access.fetch(request.user, DECIDE, SamplingFinding.objects.select_related("visit__plan"), pk=pk)
    acts.decide_finding(finding, request.user, missed=request.POST.get("missed") == "1")
    return redirect(request, finding.get_absolute_url(), _("Decided."))


@require_act(BOUNDARY)
def boundaries(request: HttpRequest) -> HttpResponse:
    """The boundaries with their days, and the form that imports one."""
    form = BoundaryForm(request.POST or None, request.FILES or None) if access.may(request.user, IMPORT) else None
    if request.method == "POST":
        access.require(request.user, IMPORT)
        assert form is not None
        if form.is_valid():
            given = dict(form.cleaned_data)
            try:
                acts.import_boundary(request.user, content=given.pop("file").read(), **given)
            except Refusal as refusal:
                _refused(form, refusal)
            else:
                return redirect(request, request.path, _("Imported."))
    rows = access.visible(request.user, BOUNDARY, Boundary.objects.select_related("imported_by"))
    newest = rows.first()
    shown = None
    if newest is not None:
        feature = {"type": "Feature", "geometry": newest.polygon, "properties": {"title": newest.name}}
        layer = {"code": "boundary", "label": newest.name, "shape": "area", "tone": "info", "shown": True}
        shown = {
            "layers": [{**layer, "data": {"type": "FeatureCollection", "features": [feature]}}],
            "districts": "/places/districts.geojson",
        }
    context = {"form": form, "rows": rows[:50], "map": shown}
    return page(request, "patrol/boundaries.html", context, status=422 if form is not None and form.errors else 200)
