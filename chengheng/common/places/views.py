"""Places for people and maps: shapes as GeoJSON, the area tree, and the layers for their keeper."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chengheng.common import places
from chengheng.common.errors import Invalid
from chengheng.common.places import actions, queries
from chengheng.common.places.box import asked_box
from chengheng.common.places.errors import UnreadableLayer
from chengheng.common.places.forms import LayerForm
from chengheng.common.places.index import in_force_key
from chengheng.common.places.models import Layer
from chengheng.common.places.rules import Level
from chengheng.common.ui.views import page, redirect, require_act, signed_in

MOST_BOX_FEATURES = 3000


def _geojson(request: HttpRequest, make: Any) -> HttpResponse:
    """GeoJSON that a browser may keep until another layer comes into force."""
    tag = quote_etag(f"{in_force_key()}{request.GET.urlencode()}")
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = JsonResponse(make(), json_dumps_params={"ensure_ascii": False, "separators": (",", ":")})
        response["Content-Type"] = "application/geo+json"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@signed_in
def districts(request: HttpRequest) -> HttpResponse:
    """The districts' shapes."""
    return _geojson(request, queries.district_features)


def _level(request: HttpRequest) -> str:
    try:
        return Level(request.GET.get("level", Level.GRID))
    except ValueError:
        raise Invalid(_("There is no such level."), field="level") from None


@require_safe
@signed_in
def areas(request: HttpRequest) -> HttpResponse:
    """The areas of a level that touch the box; `?within=` keeps to the children of one area."""
    level, box, within = _level(request), asked_box(request.GET.get("bbox")), request.GET.get("within", "")[:15]
    return _geojson(request, lambda: queries.features(level, box, MOST_BOX_FEATURES, within))


@require_safe
@signed_in
def locate(request: HttpRequest) -> JsonResponse:
    """Which areas hold `?lon=&lat=` (`&datum=` when it is not CGCS2000/WGS-84)."""
    try:
        lon, lat = float(request.GET.get("lon", "")), float(request.GET.get("lat", ""))
    except ValueError:
        raise Invalid(_("lon and lat must be degrees."), field="lon") from None
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise Invalid(_("lon and lat must be degrees."), field="lon")
    lon, lat = places.datum.convert(lon, lat, request.GET.get("datum", "CGCS2000"), "CGCS2000")
    found = places.locate(lon, lat)
    return JsonResponse(
        {"lon": lon, "lat": lat, "grid": found.grid, "community": found.community, "subdistrict": found.subdistrict,
         "district": found.district, "exact": found.exact, "name": places.name_of(found.code) if found else ""}
    )  # fmt: skip


@require_safe
@signed_in
def search(request: HttpRequest) -> JsonResponse:
    """Places and addresses that answer `?q=`, best first; `?lon=&lat=` prefers the nearer of equals."""
    try:
        near = (float(request.GET["lon"]), float(request.GET["lat"]))
    except (KeyError, ValueError):
        near = None
    if near and not all(map(math.isfinite, near)):
        near = None
    found = places.search(request.user, request.GET.get("q", ""), 12, near)
    return JsonResponse(
        {"found": [{"title": spot.title, "detail": spot.detail, "kind": str(spot.kind), "lon": spot.lon, "lat": spot.lat,
                    "url": spot.url, "likeness": round(spot.likeness, 3)} for spot in found]}
    )  # fmt: skip


@require_safe
@signed_in
def area(request: HttpRequest, code: str = "") -> HttpResponse:
    """A node of the area tree with its children and a map."""
    node = queries.branch(code) if code else queries.branch()
    below = node.children[0].level if node.children else ""
    layers = []
    if below:
        url = f"{reverse('places:areas')}?level={below}&within={node.code}"
        url = reverse("places:districts") if below == Level.DISTRICT else url
        layers.append({"code": "areas", "label": str(Level(below).label), "url": url, "shape": "area", "shown": True})
    elif node.area:
        layers.append(
            {"code": "area", "label": node.name, "data": node.area.as_feature(), "shape": "area", "shown": True}
        )
    middle = [node.area.label_lon, node.area.label_lat] if node.area else None
    return page(
        request,
        "places/area.html",
        {
            "node": node,
            "below": Level(below).label if below else "",
            "counts": queries.count_within([child.code for child in node.children]),
            "map": {"districts": reverse("places:districts"), "layers": layers, "point": middle},
            "layer": node.area.layer
            if node.area
            else Layer.objects.filter(level=Level.DISTRICT, in_force=True).first(),
            "caveat": queries.caveat(),
        },
    )


@require_safe
@require_act("places.layer.view")
def layers(request: HttpRequest) -> HttpResponse:
    """All layers, the ones in force first."""
    return page(
        request, "places/layers.html", {"layers": Layer.objects.select_related("made_by").order_by("-in_force", "-pk")}
    )


@require_act("places.layer.import")
def import_layer(request: HttpRequest) -> HttpResponse:
    """Read a map file into a draft."""
    form = LayerForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        try:
            layer = actions.import_layer(request.user, data.pop("file"), data.pop("level"), **data)
        except UnreadableLayer as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect(
                request, layer.get_absolute_url(), _("The file is read. Look at it before it comes into force.")
            )
    return page(request, "places/import.html", {"form": form})


@require_safe
@require_act("places.layer.view")
def layer(request: HttpRequest, pk: int) -> HttpResponse:
    """A layer with its problems and its shapes."""
    row = get_object_or_404(Layer.objects.select_related("made_by"), pk=pk)
    shapes = {
        "code": "layer", "label": str(row), "url": reverse("places:layer_shapes", args=[pk]), "shape": "area", "shown": True,
        "bounded": True,
    }  # fmt: skip
    shown: dict[str, Any] = {"districts": reverse("places:districts"), "layers": [shapes]}
    middle = row.areas.order_by("code").values_list("label_lon", "label_lat").first()
    if middle and row.level != Level.DISTRICT:
        shown |= {"point": list(middle), "zoom": {Level.SUBDISTRICT: 11, Level.COMMUNITY: 13}.get(Level(row.level), 15)}
    return page(request, "places/layer.html", {"layer": row, "map": shown})


@require_safe
@require_act("places.layer.view")
def layer_shapes(request: HttpRequest, pk: int) -> HttpResponse:
    """The shapes of one layer, in force or not."""
    row = get_object_or_404(Layer, pk=pk)
    return JsonResponse(queries.layer_features(row, asked_box(request.GET.get("bbox")), MOST_BOX_FEATURES))


@require_POST
@require_act("places.layer.publish")
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    row = actions.publish_layer(request.user, get_object_or_404(Layer, pk=pk), request.POST.get("note", "")[:200])
    return redirect(request, row.get_absolute_url(), _("The layer is in force."))


@require_POST
@require_act("places.layer.discard")
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    actions.discard_layer(request.user, get_object_or_404(Layer, pk=pk), request.POST.get("note", "")[:200])
    return redirect(request, reverse("places:layers"), _("The draft is discarded."))
