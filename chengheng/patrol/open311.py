"""Open311 GeoReport v2 at /open311/v2/, so that clients of other cities work: services, requests, tokens; JSON and XML.

https://wiki.open311.org/GeoReport_v2/ — a service is a small class of the edition in force ("event-06010"), a request is
a case. Every call needs an `api_key` (or a bearer token): a token of a user who may do it, nothing is open to the world.
`media_url` is kept as text and never fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from xml.sax.saxutils import escape

from django.contrib.auth.decorators import login_not_required
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt

from chengheng.common.errors import NotFound, NotPermitted, Refusal
from chengheng.common.people import access, limits
from chengheng.common.people import queries as people_queries
from chengheng.common.people.auth import user_of_token
from chengheng.common.people.errors import TooMany, Unauthenticated
from chengheng.patrol import actions, queries
from chengheng.patrol.models import ENDED, Case, DictionaryEntry, Source

MOST = 1000
SPAN = timedelta(days=90)
"""The specification: at most 90 days and 1,000 requests an answer."""
_MEDIA = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
VIEW = "patrol.case.view"


class Wrong(Exception):
    """A call that the specification answers with 400 (a parameter) or 404 (no such thing)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


Answer = tuple[str, str, list[dict[str, Any]]]  # root, element, rows
View = Callable[..., Answer]


def _endpoint(*methods: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """Find who asks, give the answer its form, and errors the specification's."""

    def wrap(view: View) -> Callable[..., HttpResponse]:
        @wraps(view)
        def called(request: HttpRequest, form: str, **given: Any) -> HttpResponse:
            status = 200
            try:
                if form not in _MEDIA:
                    raise Wrong(404, "no such format")
                if request.method not in methods:
                    raise Wrong(405, "no such method here")
                request.user = _caller(request)
                root, element, rows = view(request, **given)
                if request.method == "POST":
                    status = 201
            except Wrong as wrong:
                status, root, element, rows = wrong.status, "errors", "error", _error(wrong.status, str(wrong))
            except Refusal as refusal:
                status = 403 if isinstance(refusal, Unauthenticated | NotPermitted) else refusal.status
                status = 400 if status in (409, 422) else status
                root, element, rows = "errors", "error", _error(status, str(refusal))
            form = form if form in _MEDIA else "json"
            text = _json(rows) if form == "json" else _xml(root, element, rows)
            return HttpResponse(text, content_type=_MEDIA[form], status=status)

        return csrf_exempt(login_not_required(called))

    return wrap


def _error(status: int, text: str) -> list[dict[str, Any]]:
    return [{"code": status, "description": text}]


def _caller(request: HttpRequest) -> Any:
    """The user of the key. A session counts too (for looking at it in a browser), but never for a POST."""
    header = request.headers.get("Authorization", "").partition(" ")
    key = (
        request.POST.get("api_key")
        or request.GET.get("api_key")
        or (header[2] if header[0].lower() == "bearer" else "")
    )
    if not key:
        if request.method == "GET" and request.user.is_authenticated:
            return request.user
        raise Unauthenticated
    user = user_of_token(key.strip())
    wait = limits.api.take(f"user:{user.pk}", people_queries.recent_policy().user_per_minute)
    if wait:
        raise TooMany(wait)
    return user


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, cls=DjangoJSONEncoder, ensure_ascii=False)


def _xml(root: str, element: str, rows: list[dict[str, Any]]) -> str:
    inside = "".join(f"<{element}>{''.join(_tag(k, v) for k, v in row.items())}</{element}>" for row in rows)
    return f'<?xml version="1.0" encoding="utf-8"?><{root}>{inside}</{root}>'


def _tag(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"<{name}/>" if not value else f"<{name}>{''.join(_tag('attribute', one) for one in value)}</{name}>"
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, datetime):
        value = value.isoformat()
    text = (
        ""
        if value is None
        else "".join(c for c in str(value) if c in "\t\n\r" or (ord(c) >= 32 and ord(c) not in (0xFFFE, 0xFFFF)))
    )
    return f"<{name}>{escape(text)}</{name}>"


# Services


def _service_code(kind: str, code: str) -> str:
    return f"{kind}-{code}"


def _entry(service_code: str) -> DictionaryEntry:
    kind, _dash, code = service_code.partition("-")
    entry = (
        queries.entries(queries.edition_today()).filter(kind=kind, code=code).first()
        if "\x00" not in service_code
        else None
    )
    if entry is None:
        raise Wrong(404, "service_code is not known")
    return entry


@_endpoint("GET")
def services(request: HttpRequest) -> Answer:
    """Every small class of the edition in force."""
    access.require(request.user, "patrol.dictionary.view")
    rows = [
        {
            "service_code": _service_code(entry.kind, entry.code), "service_name": entry.name, "description": entry.name,
            "metadata": False, "type": "realtime", "keywords": entry.class_name, "group": entry.class_name,
        }
        for entry in queries.entries(queries.edition_today())
    ]  # fmt: skip
    return "services", "service", rows


@_endpoint("GET")
def service(request: HttpRequest, code: str) -> Answer:
    """A service asks for nothing beyond what every request carries."""
    access.require(request.user, "patrol.dictionary.view")
    entry = _entry(code)
    return "service_definitions", "service_definition", [
        {"service_code": _service_code(entry.kind, entry.code), "attributes": []}
    ]  # fmt: skip


# Requests


@_endpoint("GET", "POST")
def requests(request: HttpRequest) -> Answer:
    """POST takes a report in; GET lists cases, the latest first."""
    return _take_in(request) if request.method == "POST" else _list(request)


def _number(text: str | None, name: str) -> float | None:
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        raise Wrong(400, f"{name} is not a number") from None
    if not abs(found) <= (180 if name == "long" else 90):
        raise Wrong(400, f"{name} is no position")
    return found


def _take_in(request: HttpRequest) -> Answer:
    given = {name: str(value).replace("\x00", "") for name, value in request.POST.items()}
    if not given.get("service_code"):
        raise Wrong(400, "service_code is required")
    entry = _entry(given["service_code"])
    lat, lon = _number(given.get("lat"), "lat"), _number(given.get("long"), "long")
    if (lat is None) != (lon is None) or (lat is None and not given.get("address_string")):
        raise Wrong(400, "lat and long, or address_string, are required")
    name = f"{given.get('last_name', '')}{given.get('first_name', '')}"
    description = "\n".join(filter(None, (given.get("description", ""), given.get("media_url", ""))))
    case = actions.report_case(
        request.user, source=Source.API, kind=entry.kind, code=entry.code, edition=entry.edition, lon=lon, lat=lat,
        description=description[:1000], address=given.get("address_string", "")[:200],
        reporter_name=name[:40], reporter_phone=given.get("phone", "")[:40], outside_number=given.get("account_id", "")[:60],
    )  # fmt: skip
    row = {"service_request_id": case.number, "service_notice": "", "account_id": case.outside_number}
    return "service_requests", "request", [row]


def _moment(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not 1990 <= found.year <= 2200:
        raise Wrong(400, f"{name} is no time (2024-05-13T09:30:00Z)")
    return found if found.tzinfo else timezone.make_aware(found)


def _list(request: HttpRequest) -> Answer:
    asked = request.GET
    rows = access.visible(request.user, VIEW, Case.objects.select_related("department"))
    access.require(request.user, VIEW)
    if asked.get("service_request_id"):
        rows = rows.filter(pk__in=[_pk(part) for part in asked["service_request_id"].split(",")[:MOST]])
    else:
        end = _moment(asked.get("end_date"), "end_date")
        start = _moment(asked.get("start_date"), "start_date")
        end = end or (start + SPAN if start else timezone.now())
        start = max(start or end - SPAN, end - SPAN)
        rows = rows.filter(reported_at__range=(start, end))
    if asked.get("service_code"):
        kinds = [_entry(code) for code in asked["service_code"].split(",")[:MOST]]
        rows = rows.filter(code__in=[entry.code for entry in kinds], kind__in={entry.kind for entry in kinds})
    wanted = set(filter(None, asked.get("status", "").split(",")))
    if wanted - {"open", "closed"}:
        raise Wrong(400, "status is open or closed")
    if wanted == {"open"}:
        rows = rows.exclude(state__in=ENDED)
    elif wanted == {"closed"}:
        rows = rows.filter(state__in=ENDED)
    return "service_requests", "request", [_told(case) for case in rows.order_by("-reported_at", "-pk")[:MOST]]


def _pk(number: str) -> int:
    """The key in a case's number ("20240513-000017" or "17"); 0, which no case has, for anything else."""
    text = number.strip().rpartition("-")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


@_endpoint("GET")
def one_request(request: HttpRequest, number: str) -> Answer:
    """One case by its number."""
    access.require(request.user, VIEW)
    try:
        case = access.fetch(request.user, VIEW, Case.objects.select_related("department"), pk=_pk(number))
    except NotFound:
        raise Wrong(404, "service_request_id is not known") from None
    return "service_requests", "request", [_told(case)]


@_endpoint("GET")
def token(request: HttpRequest, number: str) -> Answer:
    """Requests have their id at once, so the token of a request is its id."""
    access.require(request.user, VIEW)
    try:
        case = access.fetch(request.user, VIEW, Case.objects.all(), pk=_pk(number))
    except NotFound:
        raise Wrong(404, "token is not known") from None
    return "service_requests", "request", [{"service_request_id": case.number, "token": case.number}]


def _told(case: Case) -> dict[str, Any]:
    return {
        "service_request_id": case.number, "status": "closed" if case.state in ENDED else "open",
        "status_notes": case.state_label, "service_name": case.class_name,
        "service_code": _service_code(case.kind, case.code), "description": case.description,
        "agency_responsible": case.department.name if case.department else "", "service_notice": "",
        "requested_datetime": case.reported_at, "updated_datetime": case.state_since, "expected_datetime": case.due_at,
        "address": case.address, "address_id": "", "zipcode": "", "lat": case.lat, "long": case.lon, "media_url": "",
    }  # fmt: skip
