"""Acts on figures: publish a month's bulletin, work out the reward, approve and publish it. One transaction each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from chengheng.common import flow, trail
from chengheng.common.calendars.models import current_calendar
from chengheng.common.people import access
from chengheng.patrol import bulletins
from chengheng.patrol.errors import (
    MonthNotOver,
    NoReason,
    NoRuleSet,
    NoScores,
    SamePerson,
    UnknownMethod,
    WrongParameters,
)
from chengheng.patrol.models import AllocationRun, Bulletin, month_of
from chengheng.patrol.rules import allocation
from chengheng.patrol.rules.allocation import Allocation, Claimant


@transaction.atomic
def publish_bulletin(actor: Any, month: int, *, note: str = "", now: datetime | None = None) -> Bulletin:
    """Freeze and publish the figures of a month that is over; again as a further edition, with the reason.

    Raises MonthNotOver, NoRuleSet (none in force at the end of the month), NoReason.
    """
    access.require(actor, "patrol.bulletin.publish")
    now = now or timezone.now()
    if not 1 <= month % 100 <= 12 or month >= month_of(now):
        raise MonthNotOver(month=f"{month // 100}-{month % 100:02}")
    rule_set = bulletins.rule_set_on(_last_day(month))
    if rule_set is None:
        raise NoRuleSet(field="month")
    with connection.cursor() as cursor:  # one publisher of a month at a time
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, month])
    last = Bulletin.objects.filter(month=month).aggregate(last=Max("edition"))["last"] or 0
    if last and not note.strip():
        raise NoReason(field="note")
    rules = bulletins.rules_of(rule_set)
    rows, calendar = bulletins.figures(month, rules, now), current_calendar().version
    made = Bulletin.objects.create(
        month=month, edition=last + 1, as_of=now, rule_set=rule_set, rules=rules, rows=rows, calendar_version=calendar,
        sha256=bulletins.digest(month, last + 1, now, calendar, rules, rows), note=note,
        published_by=actor if actor.pk else None,
    )  # fmt: skip
    trail.record(
        "patrol.bulletin.publish", actor, made, {"sha256": made.sha256, "edition": made.edition}, note, new=True
    )
    return made


_LOCK = 0x70617472  # "patr"


def _last_day(month: int) -> date:
    year, number = divmod(month, 100)
    return date.fromordinal(date(year + number // 12, number % 12 + 1, 1).toordinal() - 1)


# The reward


def inputs(start_month: int, end_month: int, units: Mapping[str, Decimal] | None = None) -> list[dict[str, Any]]:
    """Each district's mean score over the newest published bulletins of the months, with the bulletins that it is from.

    Raises NoScores when no month of the range was published with scores.
    """
    newest: dict[int, Bulletin] = {}
    for bulletin in Bulletin.objects.filter(month__range=(start_month, end_month)).order_by("month", "edition"):
        newest[bulletin.month] = bulletin
    marks: dict[str, list[Decimal]] = defaultdict(list)
    labels: dict[str, str] = {}
    for bulletin in newest.values():
        for row in bulletin.rows["district"]:
            if row["score"] is not None:
                marks[row["key"]].append(Decimal(row["score"]))
                labels[row["key"]] = row["label"]
    if not marks:
        raise NoScores(field="start")
    sources = [[b.pk, str(b), b.sha256] for b in newest.values()]
    return [
        {
            "key": key, "label": labels[key], "score": f"{sum(marks[key]) / len(marks[key]):.4f}", "months": len(marks[key]),
            "units": str((units or {}).get(key, Decimal(1))), "bulletins": sources,
        }
        for key in sorted(marks)
    ]  # fmt: skip


def what_if(method: str, pool_fen: int, parameters: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Allocation:
    """The shares by a method, nothing stored. Raises UnknownMethod, WrongParameters."""
    if method not in allocation.METHODS:
        raise UnknownMethod(field="method")
    claimants = [Claimant(row["key"], Decimal(row["score"]), Decimal(row["units"])) for row in rows]
    try:
        return allocation.METHODS[method][1](pool_fen, claimants, parameters)
    except (KeyError, ValueError, IndexError, ArithmeticError) as problem:
        raise WrongParameters(field="method") from problem


@transaction.atomic
def run_allocation(
    actor: Any, *, title: str, start_month: int, end_month: int, method: str, pool_fen: int,
    parameters: Mapping[str, Any], units: Mapping[str, Decimal] | None = None, now: datetime | None = None,
) -> AllocationRun:  # fmt: skip
    """Keep a working-out of the reward as a draft, with all that went in."""
    access.require(actor, "patrol.allocation.run")
    given = inputs(start_month, end_month, units)
    result = what_if(method, pool_fen, parameters, given)
    labels = {row["key"]: row["label"] for row in given}
    run = AllocationRun(
        title=title, start_month=start_month, end_month=end_month, method=method, parameters=dict(parameters),
        pool_fen=pool_fen, inputs=given, remainder_fen=result.remainder_fen, created_by=actor,
        created_at=now or timezone.now(),
        shares=[
            {
                "key": share.key, "label": labels[share.key], "amount_fen": share.amount_fen, "rank": share.rank,
                "coefficient": str(share.coefficient),
            }
            for share in result.shares
        ],
    )  # fmt: skip
    run = flow.begin(run, actor, now=now)
    trail.record(
        "patrol.allocation.run", actor, run,
        {"method": method, "pool_fen": pool_fen, "remainder_fen": run.remainder_fen}, new=True,
    )  # fmt: skip
    return run


@transaction.atomic
def approve_allocation(run: AllocationRun, actor: Any, *, note: str = "", **taken: Any) -> AllocationRun:
    """Sign the draft off. Whoever made it may not."""
    return flow.take(run, "approve", actor, fields={"approved_by": actor}, note=note, **taken)


@transaction.atomic
def publish_allocation(
    run: AllocationRun, actor: Any, *, note: str = "", now: datetime | None = None, **taken: Any
) -> AllocationRun:
    """Publish what was approved. Whoever approved it may not."""
    now = now or timezone.now()
    return flow.take(run, "publish", actor, fields={"published_at": now}, note=note, now=now, **taken)


def by_another_than_its_maker(run: AllocationRun, actor: Any, _data: Mapping[str, Any]) -> None:
    """Four eyes on the draft."""
    if run.created_by_id == actor.pk:
        raise SamePerson


def by_another_than_its_approver(run: AllocationRun, actor: Any, _data: Mapping[str, Any]) -> None:
    """Four eyes on the publication."""
    if run.approved_by_id == actor.pk:
        raise SamePerson
