"""OGC API - Features, Part 1: Core 1.0 (OGC 17-069r4), with the classes core, geojson and oas30, read only.

Collections are the kinds of base data; items are those of the current edition, or of `edition=` — the links to further
pages name the edition, so that a client that pages through sees one edition to the end. `datetime` asks for the editions
that were current in that time. Coordinates are CRS84. Vector tiles: z/x/y in web mercator, as QGIS and MapLibre read them.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode

import shapely
from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from ninja import Router

from chengheng.common.errors import Invalid, NotFound
from chengheng.common.people import access
from chengheng.common.places.box import Box
from chengheng.common.places.editions import edition as current
from chengheng.common.places.models import Edition
from chengheng.maintenance.basedata import queries, tiles
from chengheng.maintenance.basedata.models import Item
from chengheng.maintenance.basedata.rules import KINDS, Kind

router = Router(tags=["maintenance"])

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
]
DEFAULT_LIMIT, MOST = 100, 10_000
ACT = "maintenance.base.view"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
PARAMETERS = {"bbox", "datetime", "limit", "edition", "after", "f", "lang", "class", "area"}


def _answer(data: Any, media_type: str = "application/json") -> HttpResponse:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, content_type=media_type)


def _root(request: HttpRequest) -> str:
    return request.build_absolute_uri(request.path.partition("/ogc/")[0] + "/ogc/")


def _kind(code: str) -> Kind:
    if code not in KINDS:
        raise NotFound
    return KINDS[code]


@router.get("/", url_name="ogc_landing")
def landing(request: HttpRequest) -> HttpResponse:
    """The way in."""
    access.require(request.user, ACT)
    root = _root(request)
    links = [
        {"href": root, "rel": "self", "type": "application/json", "title": "this document"},
        {"href": f"{root}api", "rel": "service-desc", "type": OPENAPI, "title": "the API definition"},
        {
            "href": f"{root}conformance",
            "rel": "conformance",
            "type": "application/json",
            "title": "conformance classes",
        },
        {"href": f"{root}collections", "rel": "data", "type": "application/json", "title": "collections"},
    ]
    return _answer({"title": "城衡 Chengheng", "description": str(_("Base data, as published")), "links": links})


@router.get("/conformance", url_name="ogc_conformance")
def conformance(request: HttpRequest) -> HttpResponse:
    """The conformance classes."""
    access.require(request.user, ACT)
    return _answer({"conformsTo": CONFORMS_TO})


def _collection(request: HttpRequest, kind: Kind) -> dict[str, Any]:
    root = _root(request)
    here = f"{root}collections/{kind.code}"
    edition = queries.editions_of(kind.code).first()
    box = queries.as_of(kind.code).aggregate(west=Min("west"), south=Min("south"), east=Max("east"), north=Max("north"))
    said: dict[str, Any] = {
        "id": kind.code, "title": str(kind.label), "itemType": "feature", "crs": [CRS84], "storageCrs": CRS84,
        "description": f"{pgettext('base data', 'edition')} {edition.number}, {edition.published_at.isoformat()}" if edition else "",
        "links": [
            {"href": here, "rel": "self", "type": "application/json", "title": str(kind.label)},
            {"href": f"{here}/items", "rel": "items", "type": "application/geo+json", "title": str(kind.label)},
            {"href": f"{here}/tiles/{{z}}/{{x}}/{{y}}.mvt", "rel": "item", "type": "application/vnd.mapbox-vector-tile",
             "templated": True, "title": "vector tiles"},
        ],
    }  # fmt: skip
    if box["west"] is not None:
        first = queries.editions_of(kind.code).last()
        since = first.published_at.isoformat() if first else None
        said["extent"] = {
            "spatial": {"bbox": [[box["west"], box["south"], box["east"], box["north"]]], "crs": CRS84},
            "temporal": {"interval": [[since, None]]},
        }
    return said


@router.get("/collections", url_name="ogc_collections")
def collections(request: HttpRequest) -> HttpResponse:
    """The kinds of base data."""
    access.require(request.user, ACT)
    link = {"href": f"{_root(request)}collections", "rel": "self", "type": "application/json"}
    return _answer({"links": [link], "collections": [_collection(request, kind) for kind in KINDS.values()]})


@router.get("/collections/{kind}", url_name="ogc_collection")
def collection(request: HttpRequest, kind: str) -> HttpResponse:
    """One kind."""
    access.require(request.user, ACT)
    return _answer(_collection(request, _kind(kind)))


def _limit(said: str) -> int:
    if not (said.isdigit() and 1 <= int(said[:9]) <= 10**8):
        raise _bad("limit", _("limit must be a whole number from 1."))
    return min(int(said), MOST)


def _bad(field: str, words: str) -> Invalid:
    refusal = Invalid(words, field=field)
    refusal.status = 400  # the standard's answer to a parameter that cannot be understood
    return refusal


def _box(said: str) -> Box:
    try:
        numbers = [float(part) for part in said.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or numbers[1] > numbers[3]:
        raise _bad("bbox", _("A box is four numbers: west, south, east, north."))
    west, south, east, north = numbers
    return west, south, east, north


def _moment(said: str, last: bool) -> datetime | None:
    if said in ("", ".."):
        return None
    try:
        found = parse_datetime(said.replace(" ", "+"))
        if found is None:
            day = parse_date(said)
            found = datetime.combine(day, time.max if last else time.min) if day else None
    except ValueError:
        found = None
    if found is None:
        raise _bad("datetime", _("datetime must be an RFC 3339 moment or interval."))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _in_time(rows: QuerySet[Item], kind: str, said: str) -> QuerySet[Item]:
    """Features of editions that were current at a moment or some time of an interval ("a/b", ".." for open)."""
    first, slash, second = said.partition("/")
    start, end = _moment(first, False), _moment(second if slash else first, True)
    if start is not None and end is not None and start > end:
        raise _bad("datetime", _("datetime must be an RFC 3339 moment or interval."))
    held = Edition.objects.filter(kind=kind)
    if end is not None:
        latest = held.filter(published_at__lte=end).aggregate(number=Max("number"))["number"]
        rows = rows.filter(since__lte=latest or 0)
    if start is not None:
        earliest = held.filter(published_at__lte=start).aggregate(number=Max("number"))["number"] or 0
        rows = rows.filter(Q(until__isnull=True) | Q(until__gt=earliest))
    return rows


def _feature(item: Item, geometry: str) -> str:
    words = {"code": item.code, "name": item.name, "class": item.sort, "class_name": item.sort_name,
             "area_code": item.area_code, **item.attrs, "since_edition": item.since}  # fmt: skip
    held = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    return f'{{"type":"Feature","id":{item.pk},"geometry":{geometry},"properties":{held}}}'


def _features(rows: list[Item]) -> list[str]:
    """The features as GeoJSON, their geometries made all at once."""
    shapes = [item.geometry for item in rows]
    texts = shapely.to_geojson(shapes)
    return [_feature(item, text or "null") for item, text in zip(rows, texts, strict=True)]


@router.get("/collections/{kind}/items", url_name="ogc_items")
def items(request: HttpRequest, kind: str) -> HttpResponse:
    """Features of the current edition, or as `edition` or `datetime` say; pages are linked by `next`."""
    access.require(request.user, ACT)
    found = _kind(kind)
    given = request.GET
    unknown = set(given) - PARAMETERS
    if unknown:
        raise _bad(min(unknown), _("There is no such parameter: %(name)s") % {"name": min(unknown)[:40]})
    limit = _limit(given["limit"]) if "limit" in given else DEFAULT_LIMIT
    edition = given.get("edition", "")
    if edition and not (edition.isdigit() and len(edition) < 18):
        raise _bad("edition", _("There is no such edition."))
    number = int(edition) if edition else current(found.code)
    rows = Item.objects.filter(kind=found.code)
    rows = _in_time(rows, found.code, given["datetime"]) if "datetime" in given else queries.as_of(found.code, number)
    rows = access.visible(request.user, ACT, rows)
    if "class" in given:
        rows = rows.filter(sort=given["class"])
    if "area" in given:
        rows = rows.filter(area_code__startswith=given["area"])
    if "bbox" in given:
        rows = queries.touching(rows.filter(west__isnull=False), _box(given["bbox"]))
    matched = None if "after" in given else rows.count()
    after = given.get("after", "")
    if after:
        if not (after.isdigit() and len(after) < 18):
            raise _bad("after", _("There is no such page."))
        rows = rows.filter(pk__gt=int(after))
    held = list(rows.order_by("pk")[: limit + 1])
    more, held = len(held) > limit, held[:limit]
    here = f"{_root(request)}collections/{found.code}"
    links = [
        {"href": request.build_absolute_uri(), "rel": "self", "type": "application/geo+json"},
        {"href": here, "rel": "collection", "type": "application/json"},
    ]
    if more:
        onward = {**given.dict(), "limit": str(limit), "after": str(held[-1].pk)}
        if "datetime" not in given:
            onward["edition"] = str(number)
        links.append({"href": f"{here}/items?{urlencode(onward)}", "rel": "next", "type": "application/geo+json"})
    head = {"type": "FeatureCollection", "timeStamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "links": links,
            "numberReturned": len(held)}  # fmt: skip
    if matched is not None:
        head["numberMatched"] = matched
    text = json.dumps(head, ensure_ascii=False)[:-1] + ',"features":[' + ",".join(_features(held)) + "]}"
    response = HttpResponse(text, content_type="application/geo+json")
    response["Content-Crs"] = f"<{CRS84}>"
    return response


@router.get("/collections/{kind}/items/{feature}", url_name="ogc_item")
def item(request: HttpRequest, kind: str, feature: int) -> HttpResponse:
    """One feature."""
    access.require(request.user, ACT)
    row = access.fetch(request.user, ACT, Item.objects.filter(kind=_kind(kind).code), pk=feature)
    here = f"{_root(request)}collections/{kind}"
    links = json.dumps([
        {"href": f"{here}/items/{row.pk}", "rel": "self", "type": "application/geo+json"},
        {"href": here, "rel": "collection", "type": "application/json"},
    ])  # fmt: skip
    return HttpResponse(f'{_features([row])[0][:-1]},"links":{links}}}', content_type="application/geo+json")


@router.get("/collections/{kind}/tiles/{z}/{x}/{y}.mvt", url_name="ogc_tile")
def tile(request: HttpRequest, kind: str, z: int, x: int, y: int) -> HttpResponse:
    """A vector tile of the current edition (web mercator, z/x/y). An empty tile is 204."""
    access.require(request.user, ACT)
    found = _kind(kind)
    tag = quote_etag(f"{found.code}-{current(found.code)}-{z}-{x}-{y}")
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers=headers)
    try:
        data, _edition = tiles.tile(found.code, z, x, y)
    except ValueError:
        raise NotFound from None
    return HttpResponse(
        data, status=200 if data else 204, content_type="application/vnd.mapbox-vector-tile", headers=headers
    )


@router.get("/tiles.json", url_name="ogc_tilejson")
def tilejson(request: HttpRequest) -> HttpResponse:
    """TileJSON of the vector tiles."""
    access.require(request.user, ACT)
    return _answer(tiles.document(_root(request)))


@router.get("/api", url_name="ogc_api")
def definition(request: HttpRequest) -> HttpResponse:
    """The API definition in OpenAPI 3.0, as the conformance class oas30 asks."""
    access.require(request.user, ACT)
    return _answer(openapi(_root(request)), OPENAPI)


def openapi(root: str) -> dict[str, Any]:
    """The document; `root` is the address of the landing page."""

    def query(name: str, schema: dict[str, Any], words: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "in": "query", "required": False, "schema": schema, "description": words, **more}

    def answer(words: str, media_type: str = "application/json") -> dict[str, Any]:
        problem = {"description": "not understood, not permitted or not there"}
        said = {"description": words, "content": {media_type: {"schema": {"type": "object"}}}}
        return {"200": said, "400": problem, "401": problem, "403": problem, "404": problem}

    box = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
    of_items = [
        query("bbox", box, "west, south, east, north in CRS84", style="form", explode=False),
        query("datetime", {"type": "string"}, "RFC 3339 moment or interval: editions current then"),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}, "features a page"),
        query("edition", {"type": "integer", "minimum": 0}, "number of an edition instead of the current one"),
        query("class", {"type": "string"}, "class of the component or place"),
        query("area", {"type": "string"}, "code of the area that it lies in"),
    ]
    paths: dict[str, Any] = {
        "/": {"get": {"operationId": "getLandingPage", "responses": answer("landing page")}},
        "/conformance": {"get": {"operationId": "getConformance", "responses": answer("conformance classes")}},
        "/collections": {"get": {"operationId": "getCollections", "responses": answer("collections")}},
    }
    for kind in KINDS:
        here = f"/collections/{kind}"
        key = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "integer"}}
        geojson = "application/geo+json"
        paths |= {
            here: {"get": {"operationId": f"describe_{kind}", "responses": answer("collection")}},
            f"{here}/items": {
                "get": {
                    "operationId": f"items_{kind}",
                    "parameters": of_items,
                    "responses": answer("features", geojson),
                }
            },
            f"{here}/items/{{featureId}}": {
                "get": {"operationId": f"item_{kind}", "parameters": [key], "responses": answer("a feature", geojson)}
            },
        }
    return {
        "openapi": "3.0.3",
        "info": {"title": "城衡 Chengheng base data", "version": "1.0.0"},
        "servers": [{"url": root.rstrip("/")}],
        "security": [{"bearer": []}],
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }
