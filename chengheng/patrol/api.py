"""Patrol for machines and for the collector's phone: report, photos, tasks, steps, lists, statistics.

Creating is repeatable: the same `client_id` again gives the same answer, so that a phone may send as often as it likes.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import File, Router, Schema
from ninja.files import UploadedFile
from pydantic import AfterValidator, Field

from chengheng.common import files, flow, replay, rows
from chengheng.common.errors import Invalid, NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.people.auth import count_call
from chengheng.common.people.models import Organisation, User
from chengheng.common.places.box import read_box
from chengheng.patrol import actions, changes, queries, statistics, tiles
from chengheng.patrol.models import ENDED, Case, CaseTask, Hook, Source
from chengheng.patrol.rules.statistics import COUNTS

router = Router(tags=["patrol"])
VIEW = "patrol.case.view"
_UPLOAD: Any = File(...)
PHOTO_KINDS = Literal["before", "after", "photos", "evidence", "voice"]


def _storable(moment: datetime) -> datetime:
    """A time that a case can have, in UTC; a time without zone is the city's."""
    if not 1990 <= moment.year <= 2200:
        raise ValueError("a time between 1990 and 2200 is wanted")
    return (moment if moment.tzinfo else timezone.make_aware(moment)).astimezone(UTC)


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("text cannot hold the character NUL")
    return text


Moment = Annotated[datetime, AfterValidator(_storable)]
Text = Annotated[str, AfterValidator(_printable)]


class ReportIn(Schema):
    """A problem as reported. Positions are WGS-84/CGCS2000; `observed_at` is the phone's clock."""

    client_id: UUID
    source: Literal["collector", "hotline", "web", "leader", "opinion", "video", "api"] = "collector"
    kind: Literal["component", "event"]
    code: Text = Field(max_length=5)
    edition: Text = Field("", max_length=20)
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)
    accuracy_m: float | None = Field(None, ge=0, le=100_000)
    description: Text = Field("", max_length=1000)
    address: Text = Field("", max_length=200)
    component_id: Text = Field("", max_length=17)
    observed_at: Moment | None = None
    urgent: bool = False
    self_handled: bool = False
    reporter_name: Text = Field("", max_length=40)
    reporter_phone: Text = Field("", max_length=40)
    outside_number: Text = Field("", max_length=60)


class CaseOut(Schema):
    id: int
    number: str
    state: str
    state_label: str
    source: str
    edition: str
    kind: str
    code: str
    class_name: str
    description: str
    address: str
    lon: float | None
    lat: float | None
    area_code: str
    district_code: str
    department: str | None
    reported_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    doubts: list[str]
    version: int

    @staticmethod
    def resolve_department(case: Case | dict[str, Any]) -> str | None:
        """The department's code, of a row or of an answer that was kept for a repeated request."""
        department = case["department"] if isinstance(case, dict) else case.department
        return department.code if isinstance(department, Organisation) else department


class AnsweredOut(Schema):
    """What became of one of many reports: `status` as the single call has it, and the case or the refusal."""

    client_id: UUID
    status: int
    case: CaseOut | None
    refusal: dict[str, Any] | None


class CasesOut(Schema):
    items: list[CaseOut]
    next: int | None = None


class StepIn(Schema):
    """What a step needs: see the form of the step. `department` and `collector` by code and user name."""

    note: Text = Field("", max_length=4000)
    version: int | None = None
    standard: int | None = None
    department: Text | None = None
    collector: Text | None = None
    result: Text | None = None
    original: int | None = Field(None, ge=1, lt=1 << 62)
    entry: int | None = Field(None, ge=1, lt=1 << 62)
    lon: float | None = None
    lat: float | None = None


class CaseStepIn(StepIn):
    """A step of one of many cases: `case` is its id."""

    case: int = Field(ge=1, lt=1 << 62)
    step: Text = Field(max_length=30)


class SteppedOut(Schema):
    """What became of one of many steps: `status` as the single call has it, and the case or the refusal."""

    id: int
    step: str
    status: int
    case: CaseOut | None
    refusal: dict[str, Any] | None


class PhotoOut(Schema):
    id: int
    sha256: str
    url: str


class TaskOut(Schema):
    id: int
    case: CaseOut
    purpose: str
    asked_at: datetime
    due_at: datetime | None


class EntryOut(Schema):
    edition: str
    kind: str
    class_code: str
    class_name: str
    code: str
    name: str


class PositionIn(Schema):
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)
    at: Moment | None = None


class TrackPointIn(Schema):
    at: Moment
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    accuracy_m: float | None = None


CLOCK_MAY_DIFFER = timedelta(minutes=5)
MANY_AT_MOST = 200


def _clock_doubt(request: HttpRequest) -> list[str]:
    """A phone that sends now and says another time has a wrong clock; its observed time is to be doubted."""
    try:
        said = datetime.fromisoformat(request.headers.get("X-Sent-At", "").replace("Z", "+00:00"))
    except ValueError:
        return []
    return ["clock"] if said.tzinfo and abs(timezone.now() - said) > CLOCK_MAY_DIFFER else []


def _cases() -> Any:
    return Case.objects.select_related("department")


@router.post("/cases", response={201: CaseOut, 200: CaseOut}, summary="Report a problem (repeatable by client_id)")
def report(request: HttpRequest, body: ReportIn) -> HttpResponse:
    """The answer goes out as the text that is kept for a repeated request: checked and written once."""
    text, status = _reported(request.user, body, _clock_doubt(request))
    return HttpResponse(text, status=status, content_type="application/json; charset=utf-8")


def _reported(user: Any, body: ReportIn, doubts: list[str]) -> tuple[str, int]:
    """The case as JSON text, and 201 for a new one or 200 for one that was answered before."""
    fields = dict(body)
    client_id = fields.pop("client_id")
    said = {"client_id": client_id} | {name: value for name, value in fields.items() if value is not None}
    with replay.once(client_id, user, "patrol.case.report", said) as asked, rows.together(at_the_end=True):
        status = 200 if asked.answered else 201
        if status == 201:
            case = actions.report_case(user, **fields, doubts=doubts)
            asked.keep_text(_told(case), status)
    return asked.text, status


@router.post(
    "/cases/many", response=list[AnsweredOut], summary="Report many problems; each is answered as it were alone"
)
def report_many(request: HttpRequest, body: list[ReportIn]) -> HttpResponse:
    """At most 200. Each is a transaction of its own: a refusal concerns one report, and what was answered 201 is stored
    whatever becomes of the others; after a broken connection the same list may be sent again. A list that does not have
    the form is refused as a whole. Each report counts as one call against the limit.
    """
    if len(body) > MANY_AT_MOST:
        raise Invalid(field="body")
    for _further in body[1:]:
        count_call(_person(request))
    doubts, answers = _clock_doubt(request), []
    for row in body:
        refused = None
        try:
            case, status = _reported(request.user, row, doubts)
        except Refusal as refusal:
            case, status, refused = "null", refusal.status, json.dumps(refusal.as_dict(), ensure_ascii=False)
        answers.append(
            f'{{"client_id": "{row.client_id}", "status": {status}, "case": {case}, "refusal": {refused or "null"}}}'
        )
    return HttpResponse(f"[{', '.join(answers)}]", content_type="application/json; charset=utf-8")


def _told(case: Case) -> dict[str, Any]:
    """A case as `CaseOut` tells it, at a fraction of the cost."""
    told = {name: getattr(case, name) for name in CaseOut.model_fields}
    told["department"] = case.department.code if case.department else None
    return told


@router.get("/cases", response=CasesOut, summary="Cases that I may see, the latest first; page by `before`")
def list_cases(
    request: HttpRequest, before: int | None = None, state: Text = "", district: Text = "", limit: int = 50
) -> dict[str, Any]:
    rows = access.visible(request.user, VIEW, _cases())
    if state:
        rows = rows.filter(state=state)
    if district:
        rows = rows.filter(district_code=district)
    if before:
        rows = rows.filter(pk__lt=before)
    limit = max(1, min(limit, 200))
    found = list(rows.order_by("-pk")[:limit])
    return {"items": found, "next": found[-1].pk if len(found) == limit else None}


@router.get("/cases/{pk}", response=CaseOut, summary="One case")
def get_case(request: HttpRequest, pk: int) -> Case:
    return access.fetch(request.user, VIEW, _cases(), pk=pk)


@router.get("/cases/{pk}/timeline", summary="What was done to a case")
def timeline(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    case = access.fetch(request.user, VIEW, _cases(), pk=pk)
    return [
        {"at": entry.at, "who": entry.actor_label, "act": entry.act, "note": entry.note, "data": entry.data}
        for entry in flow.timeline(case)
    ]


@router.post("/cases/{pk}/photos", response={201: PhotoOut}, summary="Add a photo to a case")
def add_photo(
    request: HttpRequest,
    pk: int,
    photo: UploadedFile = _UPLOAD,
    kind: PHOTO_KINDS = "before",
) -> tuple[int, dict[str, Any]]:
    case = access.fetch(request.user, VIEW, _cases(), pk=pk)
    with transaction.atomic():
        attached = files.attach(
            files.store(photo, photo.name or "photo"), case, kind, request.user, name=photo.name or ""
        )
    return 201, {"id": attached.pk, "sha256": attached.file.sha256, "url": attached.get_absolute_url()}


@router.post("/cases/{pk}/steps/{step}", response=CaseOut, summary="Take a step of the case's flow")
def take_step(request: HttpRequest, pk: int, step: str, body: StepIn) -> Case:
    return _stepped(request.user, pk, step, body)


@router.post("/steps", response=list[SteppedOut], summary="Take many steps; each is answered as it were alone")
def take_steps(request: HttpRequest, body: list[CaseStepIn]) -> HttpResponse:
    """At most 200, in their order. Each is a transaction of its own: a refusal concerns one step, and what was answered
    200 is stored whatever becomes of the others. Each step counts as one call against the limit. A step taken twice is
    refused the second time, as alone; `version` says from which state of the case it is meant.
    """
    if len(body) > MANY_AT_MOST:
        raise Invalid(field="body")
    for _further in body[1:]:
        count_call(_person(request))
    answers: list[dict[str, Any]] = []
    for row in body:
        try:
            told = {"status": 200, "case": _told(_stepped(request.user, row.case, row.step, row)), "refusal": None}
        except Refusal as refusal:
            told = {"status": refusal.status, "case": None, "refusal": refusal.as_dict()}
        answers.append({"id": row.case, "step": row.step, **told})
    text = json.dumps(answers, cls=DjangoJSONEncoder, ensure_ascii=False)
    return HttpResponse(text, content_type="application/json; charset=utf-8")


@transaction.atomic
def _stepped(user: Any, pk: int, step: str, body: StepIn) -> Case:
    """The case after a step. It is read once, and locked from then on."""
    try:
        declared = flow.flow_of(Case).step(step)
    except KeyError:
        raise NotFound from None
    case = access.fetch_locked(user, declared.act, _cases(), pk=pk)
    given: dict[str, Any] = {"data": {}}
    if body.standard is not None:
        given["data"]["standard"] = body.standard
    for name in ("original", "entry"):
        if (value := getattr(body, name)) is not None:
            given["data"][name] = value
    if body.department is not None:
        given["data"]["department"] = Organisation.objects.filter(code=body.department, active=True).first()
    if body.collector is not None:
        collector = queries.collectors_for(case).filter(username=body.collector).first()
        if collector is None:
            raise Invalid(field="collector")
        given["data"]["collector"] = collector
    if body.result is not None:
        if body.result not in CaseTask.Result.values:
            raise Invalid(field="result")
        given["data"] |= {"result": body.result, "lon": body.lon, "lat": body.lat}
    for need in (field.name for field in declared.fields if field.required and field.name != "note"):
        if given["data"].get(need) is None:
            raise Invalid(field=need)
    if body.version is not None:
        given["version"] = body.version
    by = declared.by
    assert by is not None
    moved: Case = by(case, user, note=body.note, held=True, **given)
    if moved.department_id == case.department_id:  # read once already
        moved.department = case.department
    return moved


@router.get("/tasks", response=list[TaskOut], summary="My open tasks: verify before filing, check after handling")
def my_tasks(request: HttpRequest) -> Any:
    access.require(request.user, "patrol.task.view")
    return CaseTask.objects.filter(
        collector_id=request.user.pk, done_at__isnull=True, withdrawn_at__isnull=True
    ).select_related("case__department")


@router.get("/dictionary", response=list[EntryOut], summary="The dictionary of an edition")
def dictionary(request: HttpRequest, edition: Text = "", q: Text = "") -> Any:
    access.require(request.user, "patrol.dictionary.view")
    wanted = edition or queries.edition_on(timezone.localdate()).value
    return queries.entries(wanted, q)


@router.get("/standards/{pk}", summary="Filing conditions in force for a case's class")
def standards(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    case = access.fetch(request.user, VIEW, _cases(), pk=pk)
    return [
        {"id": row.pk, "condition": row.condition, "limit": row.limit.as_dict()} for row in queries.standards_for(case)
    ]


@router.post("/shift/start", summary="Sign in to a shift")
def start_shift(request: HttpRequest, body: PositionIn) -> dict[str, Any]:
    shift = actions.start_shift(_person(request), lon=body.lon, lat=body.lat, at=body.at)
    return {"id": shift.pk, "started_at": shift.started_at}


@router.post("/shift/end", summary="Sign out of the shift")
def end_shift(request: HttpRequest, body: PositionIn) -> dict[str, Any]:
    shift = actions.end_shift(_person(request), at=body.at)
    return {"id": shift.pk, "ended_at": shift.ended_at}


@router.post("/shift/track", summary="Positions of the open shift; sent twice counts once")
def add_track(request: HttpRequest, body: list[TrackPointIn]) -> dict[str, int]:
    if len(body) > 5000:
        raise Invalid(field="body")
    return {"points": actions.add_track(_person(request), [point.dict() for point in body])}


@router.get("/me", summary="My shift, my reports and my valid-report rate this month")
def me(request: HttpRequest) -> dict[str, Any]:
    person = _person(request)
    today = timezone.localdate()
    mine = statistics.in_months(Case.objects.filter(reported_by=person, source=Source.COLLECTOR), today, today)
    line = statistics.table(mine, [])[0]
    shift = person.shifts.filter(ended_at__isnull=True).first()
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "name": person.display_name,
        "shift_started_at": shift.started_at if shift else None,
        "reported_today": mine.filter(reported_at__gte=start).count(),
        "reported_this_month": line.counts["reported"],
        "valid_rate": line.ratios["valid_rate"],
        "quota": queries.settings_in_force().quota_per_shift,
    }


@router.get("/statistics", summary="Counts and ratios of whole months, grouped")
def get_statistics(
    request: HttpRequest, start: date, end: date, by: Literal["", "district_code", "department", "code", "month"] = ""
) -> list[dict[str, Any]]:
    """All counts of GB/T 30428.4's vocabulary (`COUNTS`) and the ratios in per cent; null where nothing divides."""
    if end < start:
        raise Invalid(field="end")
    rows = statistics.in_months(access.visible(request.user, "patrol.statistics.view", Case.objects.all()), start, end)
    base: Any = queries.settings_in_force().rework_base
    return [
        {
            "key": line.key[0] if line.key else None,
            "counts": {count.code: line.counts[count.code] for count in COUNTS},
            "ratios": {
                code: None if rate is None else str(rate.quantize(Decimal("0.01")))
                for code, rate in line.ratios.items()
            },
        }
        for line in statistics.table(rows, [by] if by else [], base)
    ]


@router.get("/cases.geojson", summary="Cases in a box, as GeoJSON, at most 2,000; clustered on the map page")
def cases_geojson(request: HttpRequest, bbox: str, state: Text = "") -> dict[str, Any]:
    west, south, east, north = read_box(bbox)
    rows = access.visible(request.user, VIEW, Case.objects.all())
    rows = rows.filter(lon__range=(west, east), lat__range=(south, north))
    rows = rows.filter(state=state) if state else rows.exclude(state__in=ENDED)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [case.lon, case.lat]},
                "properties": {
                    "id": case.pk,
                    "label": str(case),
                    "tone": "bad" if case.is_overdue else "info",
                    "url": case.get_absolute_url(),
                },
            }
            for case in rows.order_by("-pk")[:2000]
        ],
    }


class ChangesOut(Schema):
    """Cases that changed, each as it is now, oldest change first. Ask again with `cursor`; `more` says: at once."""

    items: list[CaseOut]
    cursor: str
    more: bool


class HookIn(Schema):
    url: Text = Field(max_length=500)


class HookOut(Schema):
    id: int
    url: str
    active: bool
    failures: int
    told_at: datetime | None
    last_fault: str


class NewHookOut(HookOut):
    """The secret is told once: each call carries `X-Chengheng-Signature: t=…,v1=HMAC-SHA256(secret, "t.body")`."""

    secret: str


@router.get("/changes", response=ChangesOut, summary="Cases that changed since a cursor, in the order of the changes")
def list_changes(request: HttpRequest, cursor: str = "", limit: int = 200) -> dict[str, Any]:
    found = changes.since(request.user, changes.read_cursor(cursor), max(1, min(limit, 1000)))
    return {"items": found.cases, "cursor": found.cursor, "more": found.more}


@router.get("/tiles/{z}/{x}/{y}.mvt", summary="Live cases as a Mapbox vector tile, clustered at low zoom")
def get_tile(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    access.require(request.user, VIEW)
    if not tiles.exists(z, x, y):
        raise NotFound
    content = tiles.tile(request.user, z, x, y)
    return HttpResponse(content, content_type="application/vnd.mapbox-vector-tile", status=200 if content else 204)


@router.get("/hooks", response=list[HookOut], summary="Addresses that are told of changes")
def list_hooks(request: HttpRequest) -> Any:
    access.require(request.user, "patrol.hook.manage")
    return access.visible(request.user, "patrol.hook.manage", Hook.objects.all())


@router.post("/hooks", response={201: NewHookOut}, summary="Have changes told to an address from now on")
def add_hook(request: HttpRequest, body: HookIn) -> tuple[int, Any]:
    hook, secret = changes.add_hook(_person(request), body.url)
    return 201, {**{name: getattr(hook, name) for name in HookOut.model_fields}, "secret": secret}


@router.delete("/hooks/{pk}", response={204: None}, summary="Tell an address no more")
def remove_hook(request: HttpRequest, pk: int) -> tuple[int, None]:
    changes.remove_hook(_person(request), pk)
    return 204, None


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
