"""Pages of base data: parse, call one action or query, render."""

from __future__ import annotations

from typing import Any

import shapely
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from chengheng.common import files, jobs, trail
from chengheng.common.errors import Invalid, NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.places.box import asked_box
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.maintenance.basedata import actions, queries, sources
from chengheng.maintenance.basedata.forms import (
    CensusForm,
    FeatureForm,
    NewForm,
    ReadingForm,
    SetForm,
    SightingForm,
    kind_of,
)
from chengheng.maintenance.basedata.models import Census, Change, ChangeSet, Item, Mapping, Sighting
from chengheng.maintenance.basedata.quality import RULES, STOPS
from chengheng.maintenance.basedata.rules import KINDS, Kind

AT_ONCE_BYTES = 2 * 1024 * 1024  # larger files are read by a job that can be watched
CHANGES_A_PAGE = 50
PROBLEMS_SHOWN = 100
STAND_BY = 300  # components that a census page lists


def _districts() -> str:
    return reverse("places:districts")


def _kind(code: str) -> Kind:
    found = kind_of(code)
    if found is None:
        raise NotFound
    return found


def _geojson(data: dict[str, Any]) -> HttpResponse:
    response = JsonResponse(data, json_dumps_params={"ensure_ascii": False, "separators": (",", ":")})
    response["Content-Type"] = "application/geo+json"
    response["Cache-Control"] = "private, no-cache"
    return response


# What stands


@require_safe
@require_act("maintenance.base.view")
def overview(request: HttpRequest) -> HttpResponse:
    """All kinds with their current edition; change sets under way; how other systems read them."""
    sets = access.visible(request.user, "maintenance.base.view", ChangeSet.objects.select_related("made_by"))
    return page(
        request,
        "maintenance/base/overview.html",
        {
            "kinds": queries.overview(request.user),
            "under_way": sets.exclude(state__in=("published", "discarded"))[:20],
            "recent": sets.filter(state="published").order_by("-published_at")[:10],
            "may_change": access.may(request.user, "maintenance.base.change"),
            "ogc": request.build_absolute_uri("/api/v1/maintenance/ogc/"),
        },
    )


@require_safe
@require_act("maintenance.base.view")
def kind(request: HttpRequest, kind: str) -> HttpResponse:
    """One kind: its current edition on the map, and all editions with a way back to each."""
    found = _kind(kind)
    shape = "point" if kind in ("component", "place") else "area"
    layer = {"code": kind, "label": str(found.label), "url": reverse("maintenance:base_items_map", args=[kind]), "shape": shape,
             "shown": True, "bounded": True}  # fmt: skip
    shown = {"districts": _districts(), "layers": [layer], "fit": queries.extent_of(kind), "status": "map-status"}
    editions = list(queries.editions_of(kind)[:50])
    made_by = {row.edition: row for row in ChangeSet.objects.filter(edition__in=[one.number for one in editions])}
    return page(
        request,
        "maintenance/base/kind.html",
        {
            "kind": found,
            "editions": [(one, made_by.get(one.number)) for one in editions],
            "map": shown,
            "may_change": access.may(request.user, "maintenance.base.change"),
        },
    )


@require_safe
@require_act("maintenance.base.view")
def items_map(request: HttpRequest, kind: str) -> HttpResponse:
    """The features of the current edition in `?bbox=`, as GeoJSON."""
    rows = access.visible(request.user, "maintenance.base.view", queries.as_of(_kind(kind).code))
    return _geojson(queries.items_on_map(rows, asked_box(request.GET.get("bbox"))))


@require_safe
@require_act("maintenance.base.view")
def item(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    """One feature as it stands, or as `?edition=` held it, with all its versions."""
    said = request.GET.get("edition", "")
    edition = int(said) if said.isdigit() and len(said) < 18 else None
    versions = list(
        access.visible(request.user, "maintenance.base.view", Item.objects.filter(kind=_kind(kind).code, code=code))
        .order_by("-since")[:100]
    )  # fmt: skip
    shown = next(
        (row for row in versions if (edition is None or row.since <= edition) and (
            row.until is None or (edition is not None and row.until > edition))), versions[0] if versions else None,
    )  # fmt: skip
    if shown is None:
        raise NotFound
    facts = [(field.label, shown.attrs.get(field.name, "")) for field in KINDS[kind].extra]
    drawn = {"code": "item", "label": str(shown), "data": queries.as_feature(shown), "shown": True,
             "shape": "point" if shown.shape is None else "area"}  # fmt: skip
    return page(
        request,
        "maintenance/base/item.html",
        {
            "item": shown,
            "edition": edition,
            "is_past": shown.until is not None,
            "facts": [(label, value) for label, value in facts if value],
            "versions": versions,
            "map": {"districts": _districts(), "layers": [drawn], "point": [shown.lon, shown.lat], "zoom": 17}
            if shown.lon is not None
            else None,
        },
    )


# Change sets


def _set(request: HttpRequest, pk: int, act: str = "maintenance.base.view") -> ChangeSet:
    return access.fetch(request.user, act, ChangeSet.objects.select_related("made_by", "approved_by", "job"), pk=pk)


@require_act("maintenance.base.change")
def set_new(request: HttpRequest) -> HttpResponse:
    """Draft a change set, from a file or by hand."""
    form = SetForm(request.POST or None, request.FILES or None, initial={"kind": request.GET.get("kind", "component")})
    if request.method == "POST" and form.is_valid():
        held = form.cleaned_data
        made = actions.open_set(request.user, held["kind"], held["title"], held["source"], whole=held["whole"])
        if held["file"] is None:
            return redirect(request, made.get_absolute_url(), _("The draft is open. Add features by hand."))
        actions.give_file(made, request.user, held["file"].read(), held["file"].name)
        return redirect(request, reverse("maintenance:base_reading", args=[made.pk]))
    return page(request, "maintenance/base/new.html", {"form": form}, status=422 if form.errors else 200)


@require_act("maintenance.base.change")
def reading(request: HttpRequest, pk: int) -> HttpResponse:
    """How the file is read: which column is which field. What was chosen last time for such columns is proposed."""
    row = _set(request, pk, "maintenance.base.change")
    kind = KINDS[row.kind]
    try:
        source = sources.open_source(actions.store.fetch(row.file_sha256), row.file_name)
    except Refusal as refusal:
        return page(request, "maintenance/base/unreadable.html", {"set": row, "why": str(refusal)}, status=422)
    known = Mapping.objects.filter(kind=row.kind, signature=source.signature).first()
    proposed = sources.proposed(source, kind, known.reading if known else None)
    form = ReadingForm(kind, source, proposed, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if row.file_size() > AT_ONCE_BYTES:
                job = jobs.start(
                    "maintenance.read_base_data", request.user, _("Read %(file)s") % {"file": row.file_name},
                    {"change_set": row.pk, "reading": form.reading()},
                )  # fmt: skip
                return redirect(request, job.get_absolute_url(), _("The file is being read."))
            actions.read_file(row, request.user, form.reading())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(request, row.get_absolute_url(), _("The file is read and checked."))
    sample = [[str(one.get(heading) or "")[:40] for heading in source.headings] for one in source.rows[:5]]
    context = {"set": row, "form": form, "source": source, "sample": sample, "count": len(source.rows), "known": known}
    return page(request, "maintenance/base/reading.html", context, status=422 if form.errors else 200)


@require_safe
@require_act("maintenance.base.view")
def change_set(request: HttpRequest, pk: int) -> HttpResponse:
    """One change set: what it changes, what is wrong with it, on the map and in tables."""
    row = _set(request, pk)
    rule, verb = request.GET.get("rule", ""), request.GET.get("verb", "")
    problems = row.problems.all()
    problems = problems.filter(rule=rule) if rule in RULES else problems
    changes = row.changes.select_related("before", "change_set").order_by("pk")
    changes = changes.filter(verb=verb) if verb in Change.Verb.values else changes
    after = request.GET.get("after", "")
    changes = changes.filter(pk__gt=int(after)) if after.isdigit() and len(after) < 18 else changes
    listed = list(changes[: CHANGES_A_PAGE + 1])
    found = [
        (RULES[code], count, f"?rule={code}#problems") for code, count in row.found.items() if code in RULES
    ]  # fmt: skip
    return page(
        request,
        "maintenance/base/set.html",
        {
            "set": row,
            "kind": KINDS[row.kind],
            "found": sorted(found, key=lambda one: one[0].weight != STOPS),
            "rule": RULES.get(rule),
            "problems": problems[:PROBLEMS_SHOWN],
            "verb": verb,
            "verbs": [(code, label, row.counts.get(code, 0)) for code, label in Change.Verb.choices],
            "changes": [(one, queries.differences(one)) for one in listed[:CHANGES_A_PAGE]],
            "next": listed[CHANGES_A_PAGE - 1].pk if len(listed) > CHANGES_A_PAGE else None,
            "map": _set_map(row),
            "may_change": row.state == "draft" and access.may(request.user, "maintenance.base.change", row),
            "history": trail.history(row).order_by("-at")[:15],
        },
    )


def _set_map(row: ChangeSet) -> dict[str, Any] | None:
    middle = queries.middle_of(row)
    if middle is None:
        return None
    areas = row.kind in ("grid", "duty")
    shapes = {"code": "changes", "label": pgettext("base data", "changes"), "url": reverse("maintenance:base_changes_map", args=[row.pk]),
              "shape": "area" if areas else "point", "tone": "info", "shown": True, "bounded": True}  # fmt: skip
    layers = [shapes]
    if row.counts.get("change") and not areas:
        url = reverse("maintenance:base_moves_map", args=[row.pk])
        layers.append(
            {
                "code": "moves",
                "label": pgettext("base data", "moved"),
                "url": url,
                "shape": "line",
                "tone": "warn",
                "shown": True,
            }
        )
    if row.found:
        url = reverse("maintenance:base_problems_map", args=[row.pk])
        for shape in ("area", "point") if areas else ("point",):
            layers.append({"code": f"problems-{shape}", "label": pgettext("base data", "problems"), "url": f"{url}?shape={shape}", "shape": shape,
                           "tone": "bad", "shown": True})  # fmt: skip
    return {"districts": _districts(), "layers": layers, "centre": middle, "zoom": 15, "status": "map-status"}


@require_safe
@require_act("maintenance.base.view")
def changes_map(request: HttpRequest, pk: int) -> HttpResponse:
    """What a change set changes in `?bbox=`, as GeoJSON."""
    return _geojson(queries.changes_on_map(_set(request, pk), asked_box(request.GET.get("bbox"))))


@require_safe
@require_act("maintenance.base.view")
def moves_map(request: HttpRequest, pk: int) -> HttpResponse:
    """Lines from where points stood to where they shall stand."""
    return _geojson(queries.moves_on_map(_set(request, pk)))


@require_safe
@require_act("maintenance.base.view")
def problems_map(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the problems are; `?shape=` point or area, `?rule=` of one rule."""
    rule = request.GET.get("rule", "")
    return _geojson(
        queries.problems_on_map(_set(request, pk), rule if rule in RULES else "", request.GET.get("shape", ""))
    )


@require_POST
@require_act("maintenance.base.change")
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold a draft against the current edition and all rules."""
    row = actions.check_set(_set(request, pk, "maintenance.base.change"), request.user)
    if row.state == "checked":
        return redirect(request, row.get_absolute_url(), _("Checked: it can be approved."))
    text = _("Problems were found.") if row.stopping else _("This change set changes nothing.")
    return redirect(request, row.get_absolute_url(), text, "warn")


@require_act("maintenance.base.change")
def feature(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter, change or remove one feature by hand in a draft; `?code=` starts from the current one."""
    row = _set(request, pk, "maintenance.base.change")
    kind = KINDS[row.kind]
    code = request.GET.get("code", "")[:40]
    known = row.changes.filter(code=code).last() or queries.feature(code, row.kind) if code else None
    form = FeatureForm(kind, request.POST or None, initial=_initial(known) if known else {"code": code})
    if request.method == "POST" and known and "remove" in request.POST:
        actions.propose(row, request.user, [{"verb": "remove", "code": known.code}])
        return redirect(request, row.get_absolute_url(), _("Its removal is in the draft."))
    if request.method == "POST" and form.is_valid():
        actions.propose(row, request.user, [form.row()])
        return redirect(request, row.get_absolute_url(), _("It is in the draft."))
    shown = None
    if "lon" in form.fields:
        at = [known.lon, known.lat] if known and known.lon is not None else None
        shown = {"districts": _districts(), "layers": [], "pick": ["id_lon", "id_lat"], "point": at, "zoom": 17}
    context = {"set": row, "form": form, "known": known, "map": shown}
    return page(request, "maintenance/base/feature.html", context, status=422 if form.errors else 200)


def _initial(known: Any) -> dict[str, Any]:
    held = {"code": known.code, "name": known.name, **known.attrs}
    if known.shape is not None:
        return held | {"wkt": shapely.to_wkt(known.geometry, rounding_precision=9)}
    return held | {"lon": known.lon, "lat": known.lat}


@require_POST
@require_act("maintenance.base.change")
def go_back(request: HttpRequest, kind: str) -> HttpResponse:
    """Draft the way back to an earlier edition."""
    said = request.POST.get("edition", "")
    if not (said.isdigit() and len(said) < 18):
        raise Invalid(_("There is no such edition."), field="edition")
    made = actions.go_back(request.user, _kind(kind).code, int(said), request.POST.get("note", "")[:200])
    return redirect(
        request, made.get_absolute_url(), _("The way back is drafted. It takes effect once approved and published.")
    )


# Censuses


@require_act("maintenance.base.change")
def census_new(request: HttpRequest) -> HttpResponse:
    """Send a surveyor."""
    form = CensusForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = actions.open_census(request.user, **form.cleaned_data)
        return redirect(request, made.get_absolute_url(), _("The surveyor is told."))
    context = {"form": form, "title": _("Open a census task"), "back": reverse("maintenance:base_censuses")}
    return page(request, "maintenance/form.html", context, status=422 if form.errors else 200)


def _census(request: HttpRequest, pk: int) -> Census:
    rows = Census.objects.select_related("surveyor", "change_set")
    return access.fetch(request.user, "maintenance.base.survey", rows, pk=pk)


@require_safe
@require_act("maintenance.base.survey")
def census(request: HttpRequest, pk: int) -> HttpResponse:
    """A task on the phone: what is left to look at, on the map and as a list; what was found."""
    row = _census(request, pk)
    sightings = list(row.sightings.all())
    seen = {one.code for one in sightings if one.code}
    items = queries.of_census(row)
    left = list(items.exclude(code__in=seen).order_by("code")[:STAND_BY])
    features = [
        queries.as_feature(one, url=reverse("maintenance:base_sighting", args=[row.pk, one.code]), tone="info") for one in left
    ]  # fmt: skip
    layer = {"code": "left", "label": _("still to be looked at"), "data": queries.collection(features), "shape": "point",
             "shown": True}  # fmt: skip
    at = next(([one.lon, one.lat] for one in left if one.lon is not None), None)
    return page(
        request,
        "maintenance/base/census.html",
        {
            "census": row,
            "left": left,
            "total": items.count(),
            "done": len(seen),
            "sightings": sightings,
            "photos": files.of_many(sightings),
            "map": {"districts": _districts(), "layers": [layer], "centre": at, "zoom": 17, "here": True}
            if at
            else None,
        },
    )


@require_act("maintenance.base.survey")
def sighting(request: HttpRequest, pk: int, code: str = "") -> HttpResponse:
    """Say what was found of one component, or report one that is not recorded."""
    row = _census(request, pk)
    found = queries.of_census(row).filter(code=code).first() if code else None
    if code and found is None:
        raise NotFound
    make = SightingForm if found else NewForm
    form = make(request.POST or None, request.FILES or None, initial={"verb": Sighting.Verb.CONFIRM})
    if request.method == "POST" and form.is_valid():
        held = {"verb": Sighting.Verb.NEW, **form.cleaned_data}
        if held["verb"] in (Sighting.Verb.CONFIRM, Sighting.Verb.GONE):
            held["lon"] = held["lat"] = None
        try:
            actions.record_sighting(row, request.user, code=code, **held)
        except Refusal as refusal:
            field = refusal.as_dict().get("field")
            form.add_error(field if field in form.fields else None, str(refusal))
        else:
            return redirect(request, row.get_absolute_url(), _("Recorded."))
    at: Any = [found.lon, found.lat] if found and found.lon is not None else None
    if at is None:
        at = next(iter(queries.of_census(row).filter(lon__isnull=False).values_list("lon", "lat")[:1]), None)
    shown = {"districts": _districts(), "layers": [], "pick": ["id_lon", "id_lat"], "point": at, "zoom": 18}
    context = {"census": row, "item": found, "form": form, "map": shown}
    return page(request, "maintenance/base/sighting.html", context, status=422 if form.errors else 200)


@require_POST
@require_act("maintenance.base.survey")
def census_finish(request: HttpRequest, pk: int) -> HttpResponse:
    """The walk is over."""
    row = actions.finish_census(_census(request, pk), request.user)
    text = _("Finished. What was found is in a change set.") if row.change_set else _("Finished: all is as recorded.")
    return redirect(request, row.get_absolute_url(), text)
