"""Results under another rule set, the month's bulletin, and what the checks cost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import groupby, islice
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from chengheng.cleanliness import queries
from chengheng.cleanliness.errors import NothingToPublish
from chengheng.cleanliness.models import Bulletin, Check, Point, Result, RuleSet, ServiceCost
from chengheng.cleanliness.rules import weighing as rules
from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.intake.copy import copy_rows
from chengheng.common.people import access

Step = Callable[[int, int], None]
BLOCK = 5_000
RESULT_FIELDS = ("check_of_id", "verdict", "value", "score", "by_lane", "valid_points", "deduction_fen")


@transaction.atomic
def recompute(rule_set: RuleSet, actor: Any, *, months: list[int], step: Step | None = None) -> dict[str, Any]:
    """Work out all results of these months under another rule set, from the raw points. The official ones stay.

    Returns how many checks were judged and how the verdicts moved: {"met→missed": 3, …}. The database adds up each lane
    type's points; checks and sums are read side by side in the order of checks and written in blocks, so that a hundred
    years need no more memory than one. `step(done, total)` is told of each block.
    """
    access.require(actor, "cleanliness.result.recompute")
    table = rule_set.table()
    checks = queries.results_of(months)
    total = checks.count() if step is not None else 0
    earlier = Result.objects.filter(rule_set=rule_set, official=False, check_of__month__in=months)
    earlier._raw_delete(earlier.db)  # nothing hangs on a result: no need to read it first
    moved: Counter[str] = Counter()
    constants = {"rule_set": rule_set, "official": False, "at": timezone.now()}
    done = 0
    rows = _judged(checks, table)
    while block := list(islice(rows, BLOCK)):
        for was, row in block:
            moved[f"{was}→{row[1]}"] += 1
        copy_rows(Result, (row for _was, row in block), RESULT_FIELDS, **constants)
        done += len(block)
        if step is not None:
            step(done, total)
    data = {"months": months, "checks": done, "moved": dict(moved)}
    trail.record("cleanliness.result.recompute", actor, rule_set, data)
    return data


def _judged(checks: QuerySet[Check], table: rules.RuleTable) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Each check's verdict of the day, and its row under the table in the order of `RESULT_FIELDS`."""
    sums = (
        Point.objects.filter(check_of__in=checks, void_reason="", value__isnull=False)
        .values_list("check_of_id", "lane")
        .annotate(sum=Sum("value"), number=Count("pk"))
        .order_by("check_of_id")
        .iterator(chunk_size=BLOCK)
    )
    by_check = groupby(sums, key=lambda row: row[0])
    at, lanes = next(by_check, (0, iter(())))
    for pk, grade, zone, was in checks.order_by("pk").values_list("pk", "grade", "zone", "verdict").iterator(BLOCK):
        own: dict[str, tuple[Decimal, int]] = {}
        if at == pk:
            own = {lane: (grams, number) for _pk, lane, grams, number in lanes}
            at, lanes = next(by_check, (0, iter(())))
        judged = rules.judge_lanes(own, grade, zone, table)
        shown = json.dumps({lane: str(rules.rounded(value, 4)) for lane, value in judged.by_lane.items()})
        fen = rules.deduction_fen(judged, table)
        yield was, (pk, judged.verdict.value, judged.value, judged.score, shown, judged.valid_points, fen)


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
