"""The pages of dust weighing: parse, ask or act once, render."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from chengheng.cleanliness import actions, exports, forms, queries
from chengheng.cleanliness.errors import BadLine, FrameNotDoubted
from chengheng.cleanliness.models import (
    Bulletin,
    Check,
    Grade,
    Plan,
    PlanItem,
    Point,
    Road,
    RuleSet,
    Scale,
    ServiceCost,
    Team,
)
from chengheng.cleanliness.rules.weighing import LimitLine
from chengheng.cleanliness.tables import VERDICT_TONES, VERDICTS
from chengheng.common import files, jobs, places, trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.places.box import asked_box
from chengheng.common.ui.views import page, redirect, require_act

CHECK = "cleanliness.check.view"
MOST_AT_ONCE = 20_000
"""Results worked out under another rule set while the user waits, about three years; above, it is a job with progress."""


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


def _month(request: HttpRequest, known: list[int]) -> int:
    asked = forms.month_number(request.GET.get("month", ""))
    return asked or (known[0] if known else queries.month_of(timezone.localdate()))


# ── roads and rules ──────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("cleanliness.road.view")
def road_map(request: HttpRequest) -> HttpResponse:
    layer = {"code": "roads", "label": _("Roads"), "url": reverse("cleanliness:roads_geojson"), "shape": "line",
             "tone": "none", "shown": True, "bounded": True}  # fmt: skip
    context = {
        "map": {"layers": [layer], "districts": "/places/districts.geojson", "status": "map-status"},
        "may_add": access.may(request.user, "cleanliness.road.change"),
    }  # fmt: skip
    return page(request, "cleanliness/road_map.html", context)


@require_act("cleanliness.road.view")
def roads_geojson(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, "cleanliness.road.view", Road.objects.filter(active=True))
    return JsonResponse(queries.roads_geojson(rows, asked_box(request.GET.get("bbox"))))


@require_act("cleanliness.road.view")
def road(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "cleanliness.road.view", Road.objects.select_related("contractor"), pk=pk)
    may_change = access.may(request.user, "cleanliness.road.change", subject)
    form = forms.RoadForm.of(subject, request.POST or None) if may_change else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.change_road(subject, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, subject.get_absolute_url(), _("The road was changed; what it was is kept."))
    checks = access.visible(request.user, CHECK, subject.checks.all()).order_by("-done_at")[:24]
    shown = [check for check in reversed(checks) if check.value is not None]
    chart = {"kind": "line", "unit": "g/m²", "x": [f"{timezone.localtime(c.done_at):%Y-%m-%d}" for c in shown],
             "series": [{"name": _("Road value (g/m²)"), "data": [float(c.value or 0) for c in shown], "tone": "info"}]
             if shown else []}  # fmt: skip
    line = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": subject.line},
         "properties": {"title": subject.name, "tone": "info"}}]}  # fmt: skip
    versions = queries.road_changes(subject)
    lines = [one["version"].data["line"] for one in versions if one["version"].data["line"] != subject.line][:1]
    former = [
        {"code": "former", "label": _("Former line"), "shape": "line", "tone": "warn", "data": {
            "type": "FeatureCollection", "features": [
                {"type": "Feature", "geometry": {"type": "LineString", "coordinates": one},
                 "properties": {"title": _("Former line"), "tone": "warn"}}]}}
        for one in lines
    ]  # fmt: skip
    context = {
        "road": subject, "form": form, "editor": {"input": "id_line"}, "checks": checks, "chart": chart, "versions": versions,
        "map": {"layers": [*former, {"code": "road", "label": subject.name, "data": line, "shape": "line", "tone": "info"}],
                "fit": _box(subject.line)},
        "verdicts": VERDICTS, "district": places.district_names().get(subject.district_code, "—"),
    }  # fmt: skip
    return page(request, "cleanliness/road.html", context, status=422 if form is not None and form.errors else 200)


def _box(line: list[list[float]]) -> list[list[float]]:
    """South-west and north-east of a line."""
    lons, lats = [place[0] for place in line], [place[1] for place in line]
    return [[min(lons), min(lats)], [max(lons), max(lats)]]


@require_act("cleanliness.road.change")
def add_road(request: HttpRequest) -> HttpResponse:
    form = forms.NewRoadForm(request.POST or None, initial={"line": "[]"})
    if request.method == "POST" and form.is_valid():
        row = dict(form.cleaned_data)
        reason = row.pop("reason")
        try:
            line = row["line"]
            row["district_code"] = places.locate(*line[len(line) // 2]).district if line else ""
            if not row["district_code"]:
                raise BadLine(field="line")
            actions.add_roads(request.user, [row], reason=reason)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            made = Road.objects.get(code=row["code"])
            return redirect(request, made.get_absolute_url(), _("The road is in the register."))
    context = {"form": form, "map": {"districts": "/places/districts.geojson"}, "editor": {"input": "id_line"}}
    return page(request, "cleanliness/add_road.html", context, status=422 if form.errors else 200)


@require_act("cleanliness.rules.view")
def rules(request: HttpRequest) -> HttpResponse:
    context = {
        "sets": RuleSet.objects.prefetch_related("limits"), "now": queries.rules_on(timezone.localdate()),
        "may_adopt": access.may(request.user, "cleanliness.rules.adopt"),
    }  # fmt: skip
    return page(request, "cleanliness/rules.html", context)


@require_act("cleanliness.rules.adopt")
def adopt_rules(request: HttpRequest, pk: int) -> HttpResponse:
    """A rule set of the site's own: begun from another one, with its own limits, in force from a day."""
    pattern = access.fetch(request.user, "cleanliness.rules.adopt", RuleSet.objects.all(), pk=pk)
    form = forms.AdoptForm(request.POST or None, pattern=pattern)
    lines = forms.LimitForms(request.POST or None, prefix="limits", initial=[
        {"lane": one.lane, "grade": one.grade or "", "zone": one.zone, "inclusive": "le" if one.inclusive else "lt",
         "limit": one.limit} for one in pattern.limits.all()
    ])  # fmt: skip
    if request.method == "POST" and form.is_valid() and lines.is_valid():
        limits = [
            LimitLine(one["limit"], one["lane"], one["grade"], one["zone"], one["inclusive"])
            for one in lines.cleaned_data if one.get("limit")
        ]  # fmt: skip
        try:
            actions.adopt_rules(pattern, request.user, limits=limits, **form.changes)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, reverse("cleanliness:rules"), _("The rule set is in force from that day."))
    context = {"form": form, "lines": lines, "pattern": pattern}
    bad = form.is_bound and (form.errors or lines.total_error_count())
    return page(request, "cleanliness/adopt.html", context, status=422 if bad else 200)


# ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("cleanliness.plan.view")
def plans(request: HttpRequest) -> HttpResponse:
    form = forms.PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.make_plan(request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, made.get_absolute_url(), _("The plan was drawn."))
    rows: list[dict[str, Any]] = [
        {"plan": plan, "items": plan.items.count(),
         "done": plan.items.filter(checks__state__in=queries.COUNTED).distinct().count()}
        for plan in Plan.objects.select_related("made_by")[:36]
    ]  # fmt: skip
    may_make = access.may(request.user, "cleanliness.plan.make")
    context = {"rows": rows, "form": form, "may_make": may_make, "teams": Team.objects.filter(active=True),
               "year": rows[0]["plan"].month // 100 if rows else timezone.localdate().year}  # fmt: skip
    return page(request, "cleanliness/plans.html", context)


@require_act("cleanliness.plan.view")
def coverage(request: HttpRequest, year: int) -> HttpResponse:
    """Ahead of time: what the year's plans come to by its end."""
    if not 2020 <= year <= 2099:
        raise NotFound
    asked = request.GET.get("target", "")
    target = int(asked) if asked.isdecimal() and 0 < int(asked) < 1_000_000 else None
    found = queries.year_coverage(year, target)
    chart = {
        "kind": "bar", "unit": _("checks"), "x": [queries.month_text(one["month"]) for one in found["months"]],
        "series": [
            {"name": _("Planned"), "data": [one["planned"] for one in found["months"]], "tone": "info"},
            {"name": _("With a result"), "data": [one["checked"] for one in found["months"]], "tone": "good"},
        ],
    }  # fmt: skip
    parts = [(_("District"), "map-2", found["districts"]), (_("Grade"), "stairs", found["grades"])]
    context = {
        "found": found,
        "chart": chart,
        "tables": parts,
        "reaches": "good" if found["expected"] >= found["target"] else "bad",
    }
    return page(request, "cleanliness/coverage.html", context)


@require_act("cleanliness.plan.view")
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "cleanliness.plan.view", Plan.objects.all(), pk=pk)
    items = subject.items.select_related("road", "team")
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        day = None
    days = sorted(set(items.values_list("day", flat=True)))
    shown = list(items.filter(day=day) if day else items)[:400]
    features = [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": item.road.line},
         "properties": {"title": f"{item.road.name} · {item.day}", "url": item.road.get_absolute_url(),
                        "tone": "none" if item.cancelled_at else "info"}}
        for item in shown
    ]  # fmt: skip
    layer = {"code": "plan", "label": str(subject), "shape": "line", "tone": "info",
             "data": {"type": "FeatureCollection", "features": features}}  # fmt: skip
    strata: dict[str, dict[int, list[int]]] = {}
    for name, sizes in sorted(subject.strata.items()):
        district, _dash, grade = name.partition("-")
        strata.setdefault(district, {})[int(grade)] = sizes
    names = {one.code: one.name for one in places.districts()}
    context = {
        "plan": subject, "items": shown, "days": days, "day": day, "grades": Grade.labels,
        "strata": [(names.get(code, code), [found.get(grade) for grade in Grade.values]) for code, found in strata.items()],
        "map": {"layers": [layer], "districts": "/places/districts.geojson"},
        "redrawn": actions.redraw(subject) if "redraw" in request.GET else None,
        "may_make": access.may(request.user, "cleanliness.plan.make") and not subject.sealed_at,
        "may_seal": access.may(request.user, "cleanliness.plan.seal") and not subject.sealed_at,
        "may_move": access.may(request.user, "cleanliness.plan.move") and subject.sealed_at,
    }  # fmt: skip
    return page(request, "cleanliness/plan.html", context)


@require_POST
@require_act("cleanliness.plan.make")
def route_plan(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "cleanliness.plan.make", Plan.objects.all(), pk=pk)
    params = {"plan_id": subject.pk, "actor_id": request.user.pk}
    job = jobs.start("cleanliness.route", request.user, _("Routes of %s") % subject, params)
    return redirect(request, job.get_absolute_url(), _("The routes are being worked out."))


@require_POST
@require_act("cleanliness.plan.seal")
def seal_plan(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "cleanliness.plan.seal", Plan.objects.all(), pk=pk)
    try:
        actions.seal_plan(subject, request.user)
    except Refusal as refusal:
        return redirect(request, subject.get_absolute_url(), str(refusal), "bad")
    return redirect(request, subject.get_absolute_url(), _("The plan is sealed."))


@require_act("cleanliness.plan.move")
def replan_day(request: HttpRequest, pk: int, day: str) -> HttpResponse:
    access.require(request.user, "cleanliness.plan.move")
    subject = access.fetch(request.user, "cleanliness.plan.view", Plan.objects.all(), pk=pk)
    try:
        start = date.fromisoformat(day)
    except ValueError:
        raise NotFound from None
    form = forms.ReplanForm(request.POST or None)
    back = f"{subject.get_absolute_url()}?day={start}"
    if request.method == "POST" and form.is_valid():
        try:
            number = actions.replan_day(subject, request.user, day=start, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            url = f"{subject.get_absolute_url()}?day={form.cleaned_data['to']}"
            return redirect(request, url, _("%d planned checks were moved; that day was routed anew.") % number)
    return page(request, "cleanliness/form.html", {
        "form": form, "heading": _("Move all open checks of %s") % start, "subject": subject, "back": back,
    }, status=422 if form.errors else 200)  # fmt: skip


@require_act("cleanliness.plan.move")
def move_item(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(
        request.user,
        "cleanliness.plan.move",
        PlanItem.objects.select_related("road", "plan", "team").defer("plan__frame"),
        pk=pk,
    )
    form = forms.MoveForm(request.POST or None, initial={"day": subject.day, "team": subject.team})
    if request.method == "POST" and form.is_valid():
        try:
            actions.move_item(subject, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, subject.get_absolute_url(), _("The planned check was moved."))
    return page(request, "cleanliness/form.html", {
        "form": form, "heading": _("Move a planned check"), "subject": subject, "back": subject.get_absolute_url(),
    })  # fmt: skip


@require_act("cleanliness.item.view")
def my_day(request: HttpRequest) -> HttpResponse:
    today = timezone.localdate()
    try:
        day = min(date.fromisoformat(request.GET.get("day", "")), today)
    except ValueError:
        day = today
    items = list(queries.day_of(request.user, day))
    done = {item.pk: item.checks.exclude(state__in=queries.OVER).first() for item in items}
    to_sign = queries.to_sign(request.user)
    features = [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": item.road.line},
         "properties": {"title": f"{item.position}. {item.road.name}", "tone": "good" if done[item.pk] else "warn"}}
        for item in items
    ]  # fmt: skip
    layer = {"code": "day", "label": _("My day"), "shape": "line", "tone": "warn",
             "data": {"type": "FeatureCollection", "features": features}}  # fmt: skip
    context = {
        "day": day, "today": today, "rows": [(item, done[item.pk]) for item in items], "to_sign": to_sign,
        "map": {"layers": [layer], "districts": "/places/districts.geojson"},
    }  # fmt: skip
    return page(request, "cleanliness/my_day.html", context)


# ── checks and the weighing room ─────────────────────────────────────────────────────────────────────────────────────


@require_act(CHECK)
def check(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(
        request.user, CHECK, Check.objects.select_related("road", "inspector", "witness", "contractor", "item"), pk=pk
    )
    points = list(
        subject.points.select_related("bag").prefetch_related("weighings__scale", "weighings__by", "bag__events__by")
    )
    spots = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [p.lon, p.lat]},
         "properties": {"title": f"{p.number} · {p.get_lane_display()}", "mark": p.number,
                        "tone": "warn" if p.flagged else "info"}}
        for p in points
    ]  # fmt: skip
    line = [{"type": "Feature", "geometry": {"type": "LineString", "coordinates": subject.road.line},
             "properties": {"title": subject.road.name, "tone": "none"}}]  # fmt: skip
    photos = list(files.of(subject))
    taken = {p.number: p.taken_at for p in points}
    for photo in photos:  # as the phone names them: "3-before"
        number = photo.name.partition("-")[0]
        if photo.kind in actions.checking.PHOTO_WORDS and number.isdecimal() and int(number) in taken:
            photo.name = f"{number} · {actions.checking.PHOTO_WORDS[photo.kind]}"
            photo.at = photo.file.taken_at or taken[int(number)]
    context = {
        "check": subject, "points": points, "photos": photos,
        "results": subject.results.select_related("rule_set"), "appeals": subject.appeals.select_related("by"),
        "verdict": VERDICTS.get(subject.verdict), "tone": VERDICT_TONES.get(subject.verdict, "none"),
        "may_decide": access.may(request.user, "cleanliness.point.decide") and subject.state in ("sampled", "signed"),
        "may_weigh": access.may(request.user, "cleanliness.bag.weigh") and subject.state in ("sampled", "signed"),
        "blind": access.may(request.user, "cleanliness.bag.weigh"),
        "map": {"layers": [
            {"code": "road", "label": subject.road.name, "shape": "line", "tone": "none",
             "data": {"type": "FeatureCollection", "features": line}},
            {"code": "points", "label": pgettext("on a road", "Points"), "shape": "point", "tone": "info", "each": True,
             "data": {"type": "FeatureCollection", "features": spots}},
        ], "fit": _box(subject.road.line)},
    }  # fmt: skip
    return page(request, "cleanliness/check.html", context)


@require_act("cleanliness.bag.weigh")
def weighing(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        code = request.POST.get("bag", "")[:30]
        try:
            bag = actions.receive_bag(request.user, code)
        except Refusal as refusal:
            return redirect(request, reverse("cleanliness:weighing"), str(refusal), "bad")
        return redirect(request, reverse("cleanliness:weighing"), _("Bag %s is in the weighing room.") % bag.code)
    bags = list(queries.waiting_bags(request.user)[:200])
    context = {
        "room": [bag for bag in bags if bag.place == "room"], "road": [bag for bag in bags if bag.place != "room"],
        "outliers": queries.open_outliers()[:50], "frames": queries.doubted_frames()[:50], "scales": Scale.objects.filter(active=True),
        "fit": {scale.pk for scale in Scale.objects.filter(active=True) if scale.calibrated_on(timezone.localdate())},
    }  # fmt: skip
    return page(request, "cleanliness/weighing.html", context)


def _point(request: HttpRequest, pk: int, act: str) -> Point:
    access.require(request.user, act)
    checks = access.visible(request.user, CHECK, Check.objects.all())
    found = Point.objects.select_related("check_of__road", "bag").filter(pk=pk, check_of__in=checks).first()
    if found is None:
        raise NotFound
    return found


@require_act("cleanliness.bag.weigh")
def weigh(request: HttpRequest, pk: int) -> HttpResponse:
    point = _point(request, pk, "cleanliness.bag.weigh")
    form = forms.WeighForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = {**form.cleaned_data, "scale": form.cleaned_data["scale"].code}
        try:
            done = actions.weigh(point, request.user, **given)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            back = reverse("cleanliness:weighing")
            if done.value is not None:
                return redirect(request, back, _("%(bag)s: %(value)s g/m²") % {
                    "bag": point.bag.code, "value": f"{done.value:.1f}"})  # fmt: skip
            if done.round > point.round:
                return redirect(
                    request, back,
                    _("The two readings differ by more than one digit of the scale: weigh again."), "bad",
                )  # fmt: skip
            return redirect(request, back, _("Kept. A second person must read it too."), "warn")
    context = {"form": form, "point": point, "mine": point.weighings.filter(round=point.round, by=request.user.pk).exists(),
               "first": point.weighings.filter(round=point.round).exists()}  # fmt: skip
    return page(request, "cleanliness/weigh.html", context, status=422 if form.errors else 200)


@require_act(CHECK)
def decide_frame(request: HttpRequest, pk: int) -> HttpResponse:
    """What to make of a frame that is not the rule's: it was used, or the entry was wrong."""
    access.require(request.user, "cleanliness.point.decide")
    subject = access.fetch(request.user, CHECK, Check.objects.select_related("road"), pk=pk)
    back = subject.get_absolute_url()
    if not subject.frame_in_doubt:
        return redirect(request, back, str(FrameNotDoubted()), "warn")
    form = forms.FrameForm(request.POST or None, check=subject)
    if request.method == "POST" and form.is_valid():
        try:
            actions.decide_frame(subject, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, back, _("The frame is decided."))
    context = {"form": form, "heading": _("Decide the frame"), "subject": subject, "back": back}
    return page(request, "cleanliness/form.html", context, status=422 if form.errors else 200)


_DECISIONS = {
    "reweigh": ("cleanliness.bag.weigh", actions.reweigh),
    "confirm": ("cleanliness.point.decide", actions.confirm_outlier),
    "void": ("cleanliness.point.decide", actions.void_point),
}


@require_act(CHECK)
def decide_point(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    if what not in _DECISIONS:
        raise NotFound
    act, do = _DECISIONS[what]
    point = _point(request, pk, act)
    form = forms.ReasonForm(request.POST or None)
    heading = {"reweigh": _("Weigh again"), "confirm": _("The outlier stands"), "void": _("The point does not count")}
    back = point.check_of.get_absolute_url()
    if request.method == "POST" and form.is_valid():
        try:
            do(point, request.user, reason=form.cleaned_data["reason"])
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, back, heading[what])
    context = {"form": form, "heading": heading[what], "subject": point, "back": back}
    return page(request, "cleanliness/form.html", context)


@require_act("cleanliness.scale.view")
def scales(request: HttpRequest) -> HttpResponse:
    may_keep = access.may(request.user, "cleanliness.scale.keep")
    form = forms.ScaleForm(request.POST if may_keep and request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        actions.add_scale(request.user, **form.cleaned_data)
        return redirect(request, reverse("cleanliness:scales"), _("The scale was entered."))
    today = timezone.localdate()
    rows = [
        (scale, scale.calibrated_on(today), list(scale.calibrations.select_related("by").order_by("-on", "-pk")))
        for scale in Scale.objects.all()
    ]
    return page(request, "cleanliness/scales.html", {"rows": rows, "form": form, "may_keep": may_keep})


@require_act("cleanliness.scale.keep")
def calibrate(request: HttpRequest, pk: int) -> HttpResponse:
    scale = access.fetch(request.user, "cleanliness.scale.keep", Scale.objects.all(), pk=pk)
    form = forms.CalibrationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.calibrate(scale, request.user, **form.cleaned_data)
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            return redirect(request, reverse("cleanliness:scales"), _("The calibration was entered."))
    context = {
        "form": form,
        "heading": _("Enter a calibration"),
        "subject": scale,
        "back": reverse("cleanliness:scales"),
    }
    return page(request, "cleanliness/form.html", context)


# ── results and bulletins ────────────────────────────────────────────────────────────────────────────────────────────


@require_act("cleanliness.result.view")
def results(request: HttpRequest) -> HttpResponse:
    known = queries.months_with_results()
    month = _month(request, known)
    summary = queries.month_summary(month)
    trend = queries.trend(month)
    chart = {
        "kind": "line", "unit": "g/m²", "x": [one["month"] for one in trend],
        "series": [{"name": _("City"), "data": [one["mean"] for one in trend], "tone": "info"}],
    }  # fmt: skip
    costs = access.visible(request.user, "cleanliness.cost.view", ServiceCost.objects.all())[:12]
    context = {
        "month": month, "months": known[:24], "summary": summary, "chart": chart, "cost_form": forms.CostForm(),
        "worst": queries.worst_roads([month]), "costs": costs, "verdicts": VERDICTS, "tones": VERDICT_TONES,
        "may_publish": access.may(request.user, "cleanliness.bulletin.publish") and summary["checks"],
        "may_cost": access.may(request.user, "cleanliness.cost.enter"),
        "may_try": access.may(request.user, "cleanliness.result.recompute") and known,
    }  # fmt: skip
    return page(request, "cleanliness/results.html", context)


@require_act("cleanliness.result.recompute")
def what_if(request: HttpRequest) -> HttpResponse:
    """Results of past months under another rule set, beside those in force; the raw points stay as they are."""
    known = queries.months_with_results()
    given = request.POST if request.method == "POST" else request.GET if "rules" in request.GET else None
    first = {"first": known[0], "last": known[0]} if known else {}
    form = forms.WhatIfForm(given, known=known, initial=first)
    compared = None
    if form.is_bound and form.is_valid():
        chosen = form.cleaned_data["rules"]
        if request.method == "POST":
            asked = urlencode(
                {"rules": chosen.pk, "first": form.cleaned_data["first"], "last": form.cleaned_data["last"]}
            )
            url = f"{reverse('cleanliness:what_if')}?{asked}"
            if queries.results_of(form.months).count() > MOST_AT_ONCE:
                params = {"rules": chosen.pk, "months": form.months, "url": url}
                job = jobs.start("cleanliness.recompute", request.user, _("Results under %s") % chosen, params)
                return redirect(request, job.get_absolute_url(), _("The results are being worked out."))
            actions.recompute(chosen, request.user, months=form.months)
            return redirect(request, url, _("Worked out under the other rule set."))
        compared = queries.comparison(chosen, form.months)
        for one in compared["roads"]:
            one["verdicts"] = [(VERDICTS.get(v), VERDICT_TONES.get(v, "none")) for v in (one["before"], one["after"])]
        compared["moved"] = [(VERDICTS.get(a), VERDICTS.get(b), number) for a, b, number in compared["moved"]]
    context = {"form": form, "compared": compared, "known": known}
    return page(request, "cleanliness/what_if.html", context, status=422 if form.is_bound and form.errors else 200)


@require_POST
@require_act("cleanliness.cost.enter")
def enter_cost(request: HttpRequest) -> HttpResponse:
    form = forms.CostForm(request.POST)
    if not form.is_valid():
        return redirect(request, reverse("cleanliness:results"), _("The cost could not be read."), "bad")
    fen = int(form.cleaned_data["amount"] * 100)
    actions.enter_cost(
        request.user, month=form.cleaned_data["month"], amount_fen=fen, source=form.cleaned_data["source"]
    )
    return redirect(request, reverse("cleanliness:results"), _("The cost was entered."))


@require_act("cleanliness.bulletin.view")
def bulletins(request: HttpRequest) -> HttpResponse:
    return page(request, "cleanliness/bulletins.html", {"bulletins": Bulletin.objects.all()[:60]})


@require_POST
@require_act("cleanliness.bulletin.publish")
def publish(request: HttpRequest, month: int) -> HttpResponse:
    try:
        made = actions.publish_bulletin(request.user, month=month)
    except Refusal as refusal:
        return redirect(request, reverse("cleanliness:results"), str(refusal), "bad")
    return redirect(request, made.get_absolute_url(), _("The bulletin is published."))


def _shown(content: dict[str, Any]) -> dict[str, Any]:
    """A bulletin's content with the words for its grades and districts."""
    names = {one.code: one.name for one in places.districts()}
    grades = dict(Grade.choices)
    return {
        **content,
        "by_grade": [{**one, "label": grades.get(one["grade"], one["grade"])} for one in content["by_grade"]],
        "worst": [
            {**one, "label": grades.get(one["grade"], one["grade"]), "place": names.get(one["district"], one["district"])}
            for one in content["worst"]
        ],
    }  # fmt: skip


def _bulletin(request: HttpRequest, month: int) -> Bulletin:
    return access.fetch(request.user, "cleanliness.bulletin.view", Bulletin.objects.all(), month=month)


@require_act("cleanliness.bulletin.view")
def bulletin(request: HttpRequest, month: int) -> HttpResponse:
    subject = _bulletin(request, month)
    context = {
        "bulletin": subject, "content": _shown(subject.content), "verdicts": VERDICTS,
        "may_publish": access.may(request.user, "cleanliness.bulletin.publish"),
    }  # fmt: skip
    return page(request, "cleanliness/bulletin.html", context)


@require_POST
@require_act("cleanliness.bulletin.publish")
def open_bulletin(request: HttpRequest, month: int) -> HttpResponse:
    subject = actions.open_bulletin(_bulletin(request, month), request.user, public="public" in request.POST)
    text = _("The public version is open to everybody.") if subject.public else _("The public version is closed.")
    return redirect(request, subject.get_absolute_url(), text)


@require_act("cleanliness.bulletin.view")
def bulletin_file(request: HttpRequest, month: int, form: str) -> HttpResponse:
    subject = _bulletin(request, month)
    if form not in exports.FORMATS:
        raise NotFound
    write, media_type = exports.FORMATS[form]
    trail.viewed(request.user, subject, "cleanliness.bulletin.view", form=form)
    response = HttpResponse(write(subject.content), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="yikelunjing-{month}.{form}"'
    return response


@login_not_required
def public_bulletin(request: HttpRequest, month: int) -> HttpResponse:
    """The public version: figures of districts and grades, no roads' contractors, no persons, no deductions."""
    subject = Bulletin.objects.filter(month=month, public=True).first()
    if subject is None:
        raise NotFound
    hidden = {"deductions"}
    content = _shown({key: value for key, value in subject.content.items() if key not in hidden})
    return render(request, "cleanliness/public.html", {"content": content, "bulletin": subject})
