"""Targets and results for machines. Numbers are strings, money is in fen where the name says so, in 万元 in `budget`."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from chengheng.common import measures, replay
from chengheng.common.people import access
from chengheng.performance import actions, queries
from chengheng.performance.models import Indicator, Payment, Programme

router = Router(tags=["performance"])
VIEW = "performance.programme.view"


class PaymentIn(Schema):
    """`client_id` makes the request repeatable: the same body again gives the same answer."""

    client_id: UUID
    programme: int
    amount_fen: int = Field(description="Integer fen; a refund is negative")
    paid_on: date
    payee: str = Field(min_length=1, max_length=120)
    voucher: str = Field("", max_length=60)
    note: str = Field("", max_length=300)


class BindIn(Schema):
    measure: str = Field("", description="Code of a measure; empty: evidence by hand")
    options: dict[str, str] = {}


@router.get("/programmes", response=list[dict])
def programmes(request: HttpRequest, year: int) -> list[dict[str, Any]]:
    """The programmes of a year with their indicators, as `chengheng targets show` prints them, with ids."""
    access.require(request.user, VIEW)
    return [{"id": row.pk, **queries.as_json(row)} for row in queries.programmes(year, request.user)]


@router.get("/programmes/{pk}", response=dict)
def programme(request: HttpRequest, pk: int) -> dict[str, Any]:
    row = access.fetch(request.user, VIEW, Programme.objects.all(), pk=pk)
    return {"id": row.pk, **queries.as_json(row)}


@router.get("/programmes/{pk}/indicators", response=list[dict])
def indicators(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    row = access.fetch(request.user, VIEW, Programme.objects.all(), pk=pk)
    return [{"id": one.pk, **queries.indicator_as_json(one)} for one in row.indicators.select_related("binding").all()]


@router.get("/evaluation", response=list[dict])
def evaluation(request: HttpRequest, year: int, as_of: date | None = None) -> list[dict[str, Any]]:
    """Each indicator's answer on a day; `state` is "answered" or "no evidence" (then `actual` is null, never 0)."""
    access.require(request.user, VIEW)
    return [queries.evaluation_as_json(one) for one in queries.overview(year, request.user, as_of)]


@router.get("/measures", response=list[dict])
def list_measures(request: HttpRequest) -> list[dict[str, Any]]:
    """The registry: what the systems can prove."""
    access.require(request.user, VIEW)
    return [
        {"code": entry.code, "label": str(entry.label), "unit": entry.unit, "definition": str(entry.definition),
         "source": entry.source, "system": entry.system, "better": entry.better, "cumulative": entry.cumulative}
        for entry in measures.all_measures()
    ]  # fmt: skip


@router.put("/indicators/{pk}/binding", response=dict)
def bind(request: HttpRequest, pk: int, body: BindIn) -> dict[str, Any]:
    """Confirm what answers an indicator."""
    indicator = access.fetch(request.user, "performance.binding.confirm", Indicator.objects.all(), pk=pk)
    actions.confirm_binding(indicator, request.user, measure=body.measure, options=body.options)
    return queries.indicator_as_json(Indicator.objects.select_related("binding").get(pk=pk))


@router.get("/programmes/{pk}/payments", response=list[dict])
def payments(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    row = access.fetch(request.user, "performance.payment.view", Programme.objects.all(), pk=pk)
    return [_payment(payment) for payment in row.payments.all()[:1000]]


@router.post("/payments", response={201: dict})
def enter_payment(request: HttpRequest, body: PaymentIn) -> Any:
    """Enter a payment."""
    access.require(request.user, "performance.payment.enter")
    with replay.once(body.client_id, request.user, "performance.payment", body.model_dump(mode="json")) as once:
        if once.answer is not None:
            return Status(201, once.answer)
        row = access.fetch(request.user, "performance.payment.enter", Programme.objects.all(), pk=body.programme)
        made = actions.enter_payment(
            row, request.user, amount_fen=body.amount_fen, paid_on=body.paid_on, payee=body.payee,
            voucher=body.voucher, note=body.note,
        )  # fmt: skip
        return Status(201, once.keep(_payment(made), 201))


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.pk, "programme": payment.programme_id, "paid_on": payment.paid_on.isoformat(),
        "amount_fen": payment.amount_fen, "payee": payment.payee, "voucher": payment.voucher, "note": payment.note,
    }  # fmt: skip
