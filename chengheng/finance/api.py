"""One supervision net over nine aspects of the units' money, for machines. Money is in fen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from chengheng.common import replay
from chengheng.common.people import access
from chengheng.finance import actions
from chengheng.finance.models import Doubt, EvidenceBatch, Finding, Unit
from chengheng.finance.rules.catalogue import rules
from chengheng.finance.tables import issued_to

router = Router(tags=["finance"])


class RaiseIn(Schema):
    """`client_id` makes the request repeatable."""

    client_id: UUID
    finding: int


@router.get("/rules", response=list[dict])
def list_rules(request: HttpRequest) -> list[dict[str, Any]]:
    """All rules; `executable` false is never "nothing found"."""
    access.require(request.user, "finance.rule.view")
    return [
        {
            "code": rule.code,
            "aspect": rule.aspect,
            "name": rule.name,
            "level": rule.level,
            "basis": rule.basis,
            "executable": rule.executable,
            "version": rule.version,
            "needs": list(rule.needs),
            "parameters": sorted(rule.parameters),
        }
        for rule in rules().values()
    ]


@router.get("/units", response=list[dict])
def list_units(request: HttpRequest) -> list[dict[str, Any]]:
    rows = access.visible(request.user, "finance.unit.view", Unit.objects.select_related("organisation"))
    return [{"id": row.pk, "code": row.organisation.code, "name": str(row), "kind": row.kind} for row in rows]


@router.get("/batches", response=list[dict])
def list_batches(request: HttpRequest, unit: int, year: int) -> list[dict[str, Any]]:
    rows = access.visible(request.user, "finance.batch.view", EvidenceBatch.objects.filter(unit=unit, year=year))
    return [
        {
            "id": row.pk,
            "kind": row.kind,
            "year": row.year,
            "period": row.period,
            "number": row.number,
            "current": row.current,
            "sha256": row.sha256,
            "rows": row.rows,
            "debit_fen": row.debit_fen,
            "credit_fen": row.credit_fen,
        }
        for row in rows[:1000]
    ]


@router.get("/findings", response=list[dict])
def list_findings(request: HttpRequest, unit: int | None = None, after: int = 0) -> list[dict[str, Any]]:
    """Findings in force by id, 500 at most; `after` is the last id seen."""
    rows = access.visible(
        request.user, "finance.finding.view", Finding.objects.filter(outdated_at__isnull=True, pk__gt=after)
    )
    if unit is not None:
        rows = rows.filter(unit=unit)
    return [_finding(row) for row in rows.order_by("pk")[:500]]


def _finding(row: Finding) -> dict[str, Any]:
    return {
        "id": row.pk,
        "unit": row.unit_id,
        "year": row.year,
        "period": row.period,
        "rule": row.rule,
        "version": row.version,
        "aspect": row.aspect_id,
        "level": row.level,
        "text": row.text,
        "amount_fen": row.amount_fen,
        "parameters": row.parameters,
        "batches": row.batches,
        "table": row.table,
        "rows": row.row_ids,
    }


@router.get("/doubts/{pk}", response=dict)
def get_doubt(request: HttpRequest, pk: int) -> dict[str, Any]:
    return _doubt(
        access.fetch(
            request.user, "finance.doubt.view", issued_to(request.user, Doubt.objects.select_related("finding")), pk=pk
        )
    )


@router.post("/doubts", response={201: dict})
def raise_doubt(request: HttpRequest, body: RaiseIn) -> Any:
    """Take up a finding."""
    access.require(request.user, "finance.doubt.raise")
    with replay.once(body.client_id, request.user, "finance.doubt", body.model_dump(mode="json")) as once:
        if once.answer is not None:
            return Status(201, once.answer)
        finding = access.fetch(request.user, "finance.doubt.raise", Finding.objects.all(), pk=body.finding)
        return Status(201, once.keep(_doubt(actions.raise_doubt(finding, request.user)), 201))


def _doubt(row: Doubt) -> dict[str, Any]:
    return {
        "id": row.pk,
        "number": row.number,
        "state": row.state,
        "unit": row.unit_id,
        "aspect": row.aspect_id,
        "title": row.title,
        "finding": row.finding_id,
        "confirmed": row.confirmed,
        "due_at": row.due_at and row.due_at.isoformat(),
    }
