"""Pages of command: parse, call one action or query, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.command import actions, exports, queries
from chengheng.command.forms import (
    CheckForm,
    EndForm,
    HandOverForm,
    OrderForm,
    ResourceForm,
    ShiftForm,
    SiteForm,
    StartForm,
)
from chengheng.command.models import DutyShift, Order, Plan, PlanLevel, PlanRun, Resource, Site, Target
from chengheng.common import files, trail
from chengheng.common.errors import Refusal
from chengheng.common.people import access
from chengheng.common.ui import maplayers
from chengheng.common.ui.views import page, redirect, require_act

_SHOWN = {"command.sites", "command.orders", "video.cameras"}


@require_act("command.target.view")
def screen(request: HttpRequest) -> HttpResponse:
    """The command screen: map with venues, resources, orders and cameras; what is open, who is on duty."""
    layers = [
        {"code": layer.code, "label": str(layer.label), "url": layer.url, "shape": layer.shape, "tone": layer.tone,
         "shown": layer.code in _SHOWN, "bounded": layer.bounded}
        for layer in maplayers.for_user(request.user)
    ]  # fmt: skip
    context = {
        "map": {"layers": layers, "districts": reverse("places:districts")},
        "may_give": access.may(request.user, "command.order.give"),
        "may_plan": access.may(request.user, "command.plan.view"),
        **queries.screen(request.user),
    }
    return page(request, "command/screen.html", context)


def _point_map(row: Order | Site, zoom: int) -> dict[str, Any] | None:
    if row.lon is None or row.lat is None:
        return None
    return {"districts": reverse("places:districts"), "point": [row.lon, row.lat], "zoom": zoom}


def _form(request: HttpRequest, form: Any, title: str, back: str, **more: Any) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, **more}
    return page(request, "command/form.html", context, status=422 if form.errors else 200)


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


@require_act("command.order.give")
def order_new(request: HttpRequest) -> HttpResponse:
    form = OrderForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            order = actions.give_order(request.user, **form.given())
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, order.get_absolute_url(), _("The order was given."))
    chosen = request.POST.getlist("organisations")
    context = {
        "form": form,
        "fields": [field for field in form if field.name != "organisations"],
        "organisations": [(row, str(row.pk) in chosen) for row in queries.orderable(request.user)[:500]],
    }
    return page(request, "command/order_form.html", context, status=422 if form.errors else 200)


@require_act("command.order.view")
def order(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user,
        "command.order.view",
        Order.objects.select_related("organisation", "issued_by", "run__level__plan"),
        pk=pk,
    )
    rows = row.targets.select_related("organisation", "holder").order_by("organisation__code")
    context = {
        "order": row,
        "targets": access.visible(request.user, "command.target.view", rows),
        "count": queries.count_targets(row.targets.all()),
        "map": _point_map(row, 13),
    }
    return page(request, "command/order.html", context)


@require_act("command.target.view")
def target(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user, "command.target.view",
        Target.objects.select_related("order__organisation", "organisation", "holder", "site"), pk=pk,
    )  # fmt: skip
    context = {
        "target": row,
        "order": row.order,
        "photos": files.of(row),
        "may_order": access.may(request.user, "command.order.view", row.order),
    }
    return page(request, "command/target.html", context)


@require_act("command.plan.view")
def plans(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, "command.plan.view", Plan.objects.prefetch_related("levels"))
    return page(request, "command/plans.html", {"plans": rows})


@require_act("command.plan.view")
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.plan.view", Plan.objects.select_related("organisation"), pk=pk)
    context = {
        "plan": row,
        "levels": row.levels.prefetch_related("steps__named"),
        "runs": access.visible(
            request.user, "command.run.view", PlanRun.objects.filter(level__plan=row).select_related("level__plan")
        )[:20],
        "may_start": row.active and access.may(request.user, "command.plan.start", row),
    }
    return page(request, "command/plan.html", context)


@require_act("command.plan.start")
def start(request: HttpRequest, pk: int) -> HttpResponse:
    level = PlanLevel.objects.select_related("plan").filter(
        plan__in=access.visible(request.user, "command.plan.start", Plan.objects.all()), pk=pk
    ).first()  # fmt: skip
    if level is None:
        return page(request, "404.html", status=404)
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            run = actions.start_plan(level, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, run.get_absolute_url(), _("The plan was started; all its orders were given."))
    steps = [(step, len(actions.targets_of(step))) for step in level.steps.all()]
    return _form(request, form, _("Start: %(level)s") % {"level": level}, level.plan.get_absolute_url(), steps=steps)


@require_act("command.run.view")
def run(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user, "command.run.view", PlanRun.objects.select_related("level__plan", "started_by"), pk=pk
    )
    context = {
        "run": row,
        "figures": queries.run_figures(row),
        "events": exports.events(row)[-60:],
        "may_end": row.ended_at is None and access.may(request.user, "command.run.end", row),
    }
    return page(request, "command/run.html", context)


@require_act("command.run.end")
def end_run(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.run.end", PlanRun.objects.select_related("level__plan"), pk=pk)
    form = EndForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.end_run(row, request.user, conclusion=form.cleaned_data["conclusion"])
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The run was ended."))
    return _form(request, form, _("End: %(run)s") % {"run": row}, row.get_absolute_url())


@require_act("command.run.view")
def run_report(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.run.view", PlanRun.objects.select_related("level__plan"), pk=pk)
    content = exports.report(row)
    trail.viewed(request.user, row, "command.run.report")
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="after-action-{row.pk}.docx"'
    return response


@require_act("command.site.view")
def site(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "command.site.view", Site.objects.select_related("organisation"), pk=pk)
    may_check = access.may(request.user, "command.site.check", row)
    form = CheckForm(request.POST or None, initial={"reached": True})
    if request.method == "POST" and may_check and form.is_valid():
        try:
            actions.check_link(request.user, row, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The link check was recorded."))
    context = {
        "site": row,
        "checks": row.checks.select_related("by")[:20],
        "form": form,
        "tone": queries.TONES[row.link_state],
        "may_check": may_check,
        "may_change": access.may(request.user, "command.site.change", row),
        "map": _point_map(row, 11),
        "targets": queries.targets(request.user).filter(organisation=row.organisation)[:10],
    }
    return page(request, "command/site.html", context, status=422 if form.errors else 200)


@require_act("command.site.change")
def site_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.site.change", Site.objects.all(), pk=pk) if pk else None
    form = SiteForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = actions.save_site(request.user, form.save(commit=False))
        return redirect(request, saved.get_absolute_url(), _("Saved"))
    return _form(
        request,
        form,
        str(row) if row else _("Enter a venue"),
        row.get_absolute_url() if row else reverse("command:sites"),
    )


@require_act("command.site.check")
def check_round(request: HttpRequest) -> HttpResponse:
    """A round of calls: every venue in service on one page, marked as reached or not."""
    rows = access.visible(
        request.user, "command.site.check", Site.objects.filter(serves_until=None).exclude(kind="main")
    )
    if request.method == "POST":
        done = 0
        for row in rows:
            answer = request.POST.get(f"site-{row.pk}", "")
            if answer in ("reached", "missed"):
                note = request.POST.get(f"note-{row.pk}", "")[:300]
                actions.check_link(request.user, row, reached=answer == "reached", note=note)
                done += 1
        return redirect(request, reverse("command:sites"), _("%(count)s link checks were recorded.") % {"count": done})
    return page(request, "command/round.html", {"sites": rows})


@require_act("command.rota.change")
def shift_new(request: HttpRequest) -> HttpResponse:
    form = ShiftForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.add_shift(request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, made.get_absolute_url(), _("Saved"))
    return _form(request, form, _("Put somebody on duty"), reverse("command:rota"))


@require_act("command.rota.view")
def shift(request: HttpRequest, pk: int) -> HttpResponse:
    rows = DutyShift.objects.select_related("organisation", "person", "handed_to")
    row = access.fetch(request.user, "command.rota.view", rows, pk=pk)
    may = row.handed_over_at is None and access.may(request.user, "command.rota.hand_over", row)
    form = HandOverForm(row, request.POST or None) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.hand_over(row, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, row.get_absolute_url(), _("The shift was handed over."))
    context = {"shift": row, "form": form, "running": row.starts_at <= timezone.now() < row.ends_at}
    return page(request, "command/shift.html", context, status=422 if form and form.errors else 200)


@require_act("command.resource.change")
def resource_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "command.resource.change", Resource.objects.all(), pk=pk) if pk else None
    form = ResourceForm(request.user, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        if {"lon", "lat"} & set(form.changed_data):
            made.seen_at = timezone.now()
        actions.save_resource(request.user, made)
        return redirect(request, reverse("command:resources"), _("Saved"))
    return _form(request, form, str(row) if row else _("Enter a resource"), reverse("command:resources"))


@require_act("command.site.view")
def sites_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.site_points(request.user))


@require_act("command.resource.view")
def resources_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.resource_points(request.user))


@require_act("command.order.view")
def orders_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.order_points(request.user))
