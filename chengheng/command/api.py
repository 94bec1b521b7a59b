"""The acts and questions of command for machines: orders with their targets, venues, link checks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from chengheng.command import actions, queries
from chengheng.command.models import LinkCheck, Order, Site, Target
from chengheng.common import replay
from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.people.models import Organisation

router = Router(tags=["command"])


class OrderIn(Schema):
    """An order; `organisations` are codes. Minutes run day and night."""

    client_id: UUID
    title: str = Field(min_length=1, max_length=120)
    body: str = Field(min_length=1, max_length=4000)
    organisations: list[str] = Field(min_length=1, max_length=500)
    priority: Literal["routine", "urgent", "emergency"] = "routine"
    receipt_minutes: int = Field(30, ge=1)
    finish_minutes: int = Field(1440, ge=1)
    address: str = Field("", max_length=200)
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)


class TargetOut(Schema):
    id: int
    order_id: int
    title: str = Field(alias="order.title")
    organisation: str = Field(alias="organisation.code")
    state: str
    state_label: str
    issued_at: datetime
    receipt_due_at: datetime
    finish_due_at: datetime
    received_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    drill: bool
    version: int


class OrderOut(Schema):
    id: int
    number: str
    title: str
    body: str
    priority: str
    state: str
    state_label: str
    organisation: str = Field(alias="organisation.code")
    issued_at: datetime
    ended_at: datetime | None
    drill: bool
    version: int


class StepIn(Schema):
    """`step` is receive, finish, accept or supervise; the note is what was done or why."""

    step: Literal["receive", "finish", "accept", "supervise"]
    note: str = Field("", max_length=4000)
    version: int | None = None


class SiteOut(Schema):
    id: int
    code: str
    name: str
    kind: str
    organisation: str = Field(alias="organisation.code")
    link_state: str
    checked_at: datetime | None
    lon: float | None
    lat: float | None


class CheckIn(Schema):
    """What a machine saw of a venue's link."""

    reached: bool
    loss_percent: Decimal | None = Field(None, ge=0, le=100, max_digits=5, decimal_places=2)
    jitter_ms: Decimal | None = Field(None, ge=0, le=99999, max_digits=7, decimal_places=1)
    at: datetime | None = None
    note: str = Field("", max_length=300)


class CheckOut(Schema):
    id: int
    at: datetime
    result: str


def _page(rows: Any, limit: int, offset: int) -> Any:
    return rows[max(0, offset) : max(0, offset) + max(1, min(limit, 500))]


@router.get("/orders", response=list[OrderOut])
def list_orders(request: HttpRequest, state: str = "", limit: int = 100, offset: int = 0) -> Any:
    """Orders that the caller may see, the newest first."""
    access.require(request.user, "command.order.view")
    rows = queries.orders(request.user)
    return _page(rows.filter(state=state) if state else rows, limit, offset)


@router.post("/orders", response={201: OrderOut})
def give_order(request: HttpRequest, body: OrderIn) -> Any:
    """Give an order; the same `client_id` again gives the same order."""
    given = body.dict(exclude={"client_id"})
    with replay.once(body.client_id, request.user, "command.order.give", body.dict()) as asked:
        if asked.answer is None:
            codes = set(given.pop("organisations"))
            found = list(Organisation.objects.filter(code__in=codes))
            if len(found) != len(codes):
                raise NotFound
            asked.keep({"id": actions.give_order(request.user, organisations=found, **given).pk})
        return 201, Order.objects.select_related("organisation").get(pk=asked.answer["id"])


@router.get("/orders/{pk}", response=OrderOut)
def read_order(request: HttpRequest, pk: int) -> Any:
    return access.fetch(request.user, "command.order.view", Order.objects.select_related("organisation"), pk=pk)


@router.get("/orders/{pk}/targets", response=list[TargetOut])
def order_targets(request: HttpRequest, pk: int) -> Any:
    """The order as each organisation has it."""
    order = access.fetch(request.user, "command.order.view", Order.objects.all(), pk=pk)
    return queries.targets(request.user).filter(order=order)[:500]


@router.get("/received", response=list[TargetOut])
def list_received(request: HttpRequest, state: str = "", limit: int = 100, offset: int = 0) -> Any:
    """Orders as the caller's organisations have them."""
    access.require(request.user, "command.target.view")
    rows = queries.targets(request.user)
    return _page(rows.filter(state=state) if state else rows, limit, offset)


@router.post("/received/{pk}/steps", response=TargetOut)
def take_step(request: HttpRequest, pk: int, body: StepIn) -> Any:
    """Receive, finish, accept or supervise."""
    target = access.fetch(request.user, f"command.target.{body.step}", Target.objects.all(), pk=pk)
    act: Any = {
        "receive": actions.receive_order, "finish": actions.finish_order, "accept": actions.accept_target,
        "supervise": actions.supervise_target,
    }[body.step]  # fmt: skip
    act(target, request.user, note=body.note, version=body.version)
    return Target.objects.select_related("order", "organisation").get(pk=pk)


@router.get("/sites", response=list[SiteOut])
def list_sites(request: HttpRequest, limit: int = 100, offset: int = 0) -> Any:
    """Venues that the caller may see."""
    access.require(request.user, "command.site.view")
    rows = access.visible(request.user, "command.site.view", Site.objects.select_related("organisation"))
    return _page(rows.order_by("code"), limit, offset)


@router.post("/sites/{code}/checks", response={201: CheckOut})
def report_check(request: HttpRequest, code: str, body: CheckIn) -> Any:
    """Record a link check that a machine made."""
    site = access.fetch(request.user, "command.site.check", Site.objects.all(), code=code)
    return 201, actions.check_link(request.user, site, way=LinkCheck.Way.MACHINE, **body.dict())
