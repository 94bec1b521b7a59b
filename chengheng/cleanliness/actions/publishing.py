"""Results under another rule set, the month's bulletin, and what the checks cost."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from chengheng.cleanliness import queries
from chengheng.cleanliness.errors import NothingToPublish
from chengheng.cleanliness.models import Bulletin, Check, Point, Result, RuleSet, ServiceCost
from chengheng.cleanliness.rules import weighing as rules
from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access


@transaction.atomic
def recompute(rule_set: RuleSet, actor: Any, *, months: list[int]) -> dict[str, Any]:
    """Work out all results of these months under another rule set, from the raw points. The official ones stay.

    Returns how many checks were judged and how the verdicts moved: {"met→missed": 3, …}.
    """
    access.require(actor, "cleanliness.result.recompute")
    table = rule_set.table()
    checks = Check.objects.filter(month__in=months, state__in=queries.COUNTED)
    points: dict[int, list[tuple[str, Any]]] = {}
    valid = Point.objects.filter(check_of__in=checks, void_reason="", value__isnull=False)
    for check_id, lane, value in valid.values_list("check_of_id", "lane", "value"):
        points.setdefault(check_id, []).append((lane, value))
    Result.objects.filter(rule_set=rule_set, official=False, check_of__in=checks).delete()
    made: list[Any] = []
    moved: dict[Any, Any] = {}
    now = timezone.now()
    for pk, grade, zone, verdict in checks.values_list("pk", "grade", "zone", "verdict").iterator():
        judged = rules.judge(points.get(pk, []), grade, zone, table)
        change = f"{verdict}→{judged.verdict.value}"
        moved[change] = moved.get(change, 0) + 1
        made.append(
            Result(
                check_of_id=pk, rule_set=rule_set, verdict=judged.verdict.value, value=judged.value, score=judged.score,
                by_lane={lane: str(rules.rounded(value, 4)) for lane, value in judged.by_lane.items()},
                valid_points=judged.valid_points, deduction_fen=rules.deduction_fen(judged, table), official=False,
                at=now,
            )
        )  # fmt: skip
    Result.objects.bulk_create(made, batch_size=2000)
    data = {"months": months, "checks": len(made), "moved": moved}
    trail.record("cleanliness.result.recompute", actor, rule_set, data)
    return data


@transaction.atomic
def publish_bulletin(actor: Any, *, month: int) -> Bulletin:
    """Freeze and publish a month. Publishing again replaces nothing: the frozen one is returned."""
    access.require(actor, "cleanliness.bulletin.publish")
    known = Bulletin.objects.filter(month=month).first()
    if known is not None:
        return known
    content = queries.month_summary(month)
    if not content["checks"]:
        raise NothingToPublish(field="month")
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    made = Bulletin.objects.create(
        month=month, content=content, digest=hashlib.sha256(text.encode()).hexdigest(),
        published_by=actor if actor.pk else None,
    )  # fmt: skip
    trail.record("cleanliness.bulletin.publish", actor, made, {"digest": made.digest}, new=True)
    return made


@transaction.atomic
def open_bulletin(bulletin: Bulletin, actor: Any, *, public: bool) -> Bulletin:
    """Open the public version to everybody, or close it."""
    bulletin = access.fetch_locked(actor, "cleanliness.bulletin.publish", Bulletin.objects.all(), pk=bulletin.pk)
    bulletin.public = public
    bulletin.save(update_fields=["public"])
    trail.record("cleanliness.bulletin.publish", actor, bulletin, {"public": public})
    return bulletin


@transaction.atomic
def enter_cost(actor: Any, *, month: int, amount_fen: int, source: str) -> ServiceCost:
    """Enter what a month's checks cost, from the contract's invoices; entering it again corrects it."""
    access.require(actor, "cleanliness.cost.enter")
    if amount_fen < 0 or not 1 <= month % 100 <= 12:
        raise Invalid(field="amount_fen")
    cost, _made = ServiceCost.objects.update_or_create(
        month=month, defaults={"amount_fen": amount_fen, "source": source, "by": actor if actor.pk else None}
    )
    trail.record("cleanliness.cost.enter", actor, cost, {"amount_fen": amount_fen}, source)
    return cost
