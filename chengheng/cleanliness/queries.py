"""What people ask of dust weighing: the rules of a day, one's day, districts with intervals, trends, worst roads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import ceil, floor
from typing import Any

from django.db.models import Avg, Count, F, FilteredRelation, Q, QuerySet, Sum, Value
from django.db.models.functions import Abs, Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.cleanliness.models import Bag, Check, Grade, Lane, Plan, PlanItem, Point, Result, Road, RuleSet
from chengheng.cleanliness.rules.estimation import Estimate, Ranked, Stratum, estimate, ranking
from chengheng.cleanliness.rules.sampling import forecast
from chengheng.common import measures, places
from chengheng.common.people import access
from chengheng.common.places.box import Box


def rules_on(day: date) -> RuleSet | None:
    """The rule set in force on the day; None before a site adopted any."""
    return RuleSet.objects.filter(in_force_from__lte=day).order_by("-in_force_from").prefetch_related("limits").first()


def month_of(day: date) -> int:
    return day.year * 100 + day.month


def in_month(moment: datetime, month: int) -> bool:
    return month_of(timezone.localtime(moment).date()) == month


def before(month: int, months: int) -> int:
    """The month so many months earlier: (202401, 1) → 202312."""
    number = month // 100 * 12 + month % 100 - 1 - months
    return number // 12 * 100 + number % 12 + 1


def month_text(month: int) -> str:
    return f"{month // 100}-{month % 100:02}"


def months_with_results() -> list[int]:
    return list(Check.objects.filter(state__in=COUNTED).values_list("month", flat=True).distinct().order_by("-month"))


COUNTED = ("result", "appealed")
"""Checks with a valid result; an open appeal does not take a result away."""


OVER = ("excluded", "voided", "replaced")
"""Checks that leave their planned road open to be checked."""


def day_of(user: Any, day: date) -> QuerySet[PlanItem]:
    """What the user's team checks on the day, in order. A sealed plan opens to its teams only when the day has come."""
    rows = PlanItem.objects.filter(day=day, plan__sealed_at__isnull=False, cancelled_at=None, team__members=user.pk)
    if day > timezone.localdate():
        rows = rows.none()
    mine = access.visible(user, "cleanliness.item.view", rows)  # joins members twice: a row may come twice
    return PlanItem.objects.filter(pk__in=mine.values("pk")).select_related("road", "team").order_by("position", "pk")


def to_sign(user: Any) -> QuerySet[Check]:
    """Checks that wait for the user as the second person, the oldest first."""
    rows = Check.objects.filter(state="sampled", witness_id=user.pk)
    return access.visible(user, "cleanliness.check.sign", rows).select_related("road", "inspector").order_by("pk")


def strata_of(months: Iterable[int]) -> dict[str, int]:
    """Stratum → roads in the frame, of the latest plan of these months."""
    plan = Plan.objects.filter(month__in=list(months)).order_by("-month").first()
    if plan is not None:
        return {name: int(sizes[0]) for name, sizes in plan.strata.items()}
    rows = Road.objects.filter(active=True).values("district_code", "grade").annotate(number=Count("pk"))
    return {f"{row['district_code']}-{row['grade']}": row["number"] for row in rows}


def _samples(months: list[int], checks: QuerySet[Check] | None = None) -> dict[str, dict[str, Stratum]]:
    """District → stratum → its roads and checked values, with each value's own variance from its points."""
    rows = (Check.objects.all() if checks is None else checks).filter(month__in=months, state__in=COUNTED)
    valid = Q(points__void_reason="", points__value__isnull=False)
    found = rows.values_list("pk", "district_code", "grade", "value").annotate(
        one=Avg("points__value", filter=valid),
        squares=Avg(F("points__value") * F("points__value"), filter=valid),
        number=Count("points", filter=valid),
    )
    sizes = strata_of(months)
    values: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, list[float]] = defaultdict(list)
    for _pk, district, grade, value, mean, squares, number in found.order_by("pk"):
        name = f"{district}-{grade}"
        values[name].append(float(value))
        if number > 1:
            errors[name].append(max(0.0, float(squares) - float(mean) ** 2) / (number - 1))
    answer: dict[str, dict[str, Stratum]] = defaultdict(dict)
    for name, checked in values.items():
        roads = max(sizes.get(name, 0), 1)
        answer[name.split("-")[0]][name] = Stratum(roads, checked, errors[name])
    return answer


def district_means(months: list[int]) -> dict[str, Estimate]:
    """District code → design-weighted mean in g/m² with its 95 % interval."""
    found = {code: estimate(list(strata.values())) for code, strata in _samples(months).items()}
    return {code: one for code, one in found.items() if one is not None}


def city_mean(months: list[int]) -> Estimate | None:
    return estimate([stratum for strata in _samples(months).values() for stratum in strata.values()])


def district_ranking(months: list[int]) -> list[dict[str, Any]]:
    """The ranking with names, and the same month last year and last month in g/m²."""
    names = places.district_names()
    now = district_means(months)
    last = district_means([before(month, 1) for month in months]) if len(months) == 1 else {}
    year = district_means([before(month, 12) for month in months])
    rows = []
    for one in ranking(now):
        rows.append(
            {
                "code": one.code, "name": names.get(one.code, one.code), "rank": one.rank, "best": one.best,
                "worst": one.worst, "sure": one.best == one.worst == one.rank, "mean": _one(one.estimate.mean),
                "low": _one(one.estimate.low), "high": _one(one.estimate.high), "checked": one.estimate.checked,
                "roads": one.estimate.roads, "last_month": _change(one, last), "last_year": _change(one, year),
            }
        )  # fmt: skip
    return rows


def _one(value: float | None, places_: int = 1) -> str | None:
    """A g/m² figure as printed."""
    return None if value is None else str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places_)))


def _change(one: Ranked, other: dict[str, Estimate]) -> str | None:
    """The difference in g/m² (not per cent), with its sign."""
    if one.code not in other:
        return None
    return f"{one.estimate.mean - other[one.code].mean:+.1f}"


def worst_roads(months: list[int], limit: int = 10) -> QuerySet[Check]:
    rows = Check.objects.filter(month__in=months, state__in=COUNTED).select_related("road", "contractor")
    return rows.order_by("-value", "pk")[:limit]


def by_grade(months: list[int]) -> list[dict[str, Any]]:
    """Mean and share met of each road grade, unweighted within the grade."""
    rows = Check.objects.filter(month__in=months, state__in=COUNTED).values("grade")
    found = rows.annotate(number=Count("pk"), mean=Avg("value"), met=Count("pk", filter=Q(verdict="met")))
    return [
        {"grade": row["grade"], "checks": row["number"], "mean": _one(float(row["mean"])), "met": row["met"]}
        for row in found.order_by("grade")
    ]


def trend(month: int, months: int = 12) -> list[dict[str, Any]]:
    """The city's mean month by month up to `month`; None where nothing was checked."""
    found = []
    for back in range(months - 1, -1, -1):
        one = before(month, back)
        mean = city_mean([one])
        found.append({"month": month_text(one), "mean": _one(mean.mean) if mean else None})
    return found


def deductions(months: list[int], results: QuerySet[Result] | None = None) -> list[dict[str, Any]]:
    """What contractors lose by the rule set of the day, in fen."""
    rows = (Result.objects.filter(official=True) if results is None else results).filter(
        check_of__month__in=months, check_of__state__in=COUNTED, deduction_fen__gt=0
    )
    found = rows.values("check_of__contractor_id", "check_of__contractor__name")
    return [
        {"contractor": row["check_of__contractor__name"] or "—", "roads": row["roads"], "amount_fen": row["fen"]}
        for row in found.annotate(roads=Count("pk"), fen=Sum("deduction_fen")).order_by("-fen")
    ]


def month_summary(month: int) -> dict[str, Any]:
    """All that a bulletin says, in JSON types. No person is named."""
    checks = Check.objects.filter(month=month, state__in=COUNTED)
    city = city_mean([month])
    points = Point.objects.filter(check_of__in=checks, void_reason="", value__isnull=False)
    lanes = dict(Lane.choices)
    by_lane = points.values("lane").annotate(mean=Avg("value"), number=Count("pk")).order_by("lane")
    rules = rules_on(date(month // 100, month % 100, 1))
    last, year = city_mean([before(month, 1)]), city_mean([before(month, 12)])
    return {
        "month": month, "planned": PlanItem.objects.filter(plan__month=month, cancelled_at=None).count(),
        "open": still_open(month), "rules": str(rules) if rules else "", "source": rules.source if rules else "",
        "checks": checks.count(), "points": points.count(), "met": checks.filter(verdict="met").count(),
        "judged": checks.exclude(verdict="no_rule").count(),
        "mean": _one(city.mean) if city else None, "low": _one(city.low) if city else None,
        "high": _one(city.high) if city else None,
        "last_month": f"{city.mean - last.mean:+.1f}" if city and last else None,
        "last_year": f"{city.mean - year.mean:+.1f}" if city and year else None,
        "by_grade": by_grade([month]),
        "by_lane": [
            {"lane": row["lane"], "label": str(lanes[row["lane"]]), "mean": _one(float(row["mean"])),
             "points": row["number"]} for row in by_lane
        ],
        "districts": district_ranking([month]),
        "worst": [
            {"road": one.road.name, "district": one.district_code, "grade": one.grade, "value": _one(float(one.value or 0)),
             "verdict": one.verdict} for one in worst_roads([month])
        ],
        "deductions": deductions([month]),
    }  # fmt: skip


@dataclass(frozen=True)
class Side:
    """What the same checks come to under one rule set."""

    name: str
    met: int
    missed: int
    other: int
    score: Decimal | None
    fen: int

    @property
    def checks(self) -> int:
        return self.met + self.missed + self.other

    @property
    def share(self) -> Decimal | None:
        judged = self.met + self.missed
        return Decimal(100 * self.met) / judged if judged else None


def results_of(months: list[int]) -> QuerySet[Check]:
    """The checks of these months that have a result."""
    return Check.objects.filter(month__in=months, state__in=COUNTED)


def comparison(rule_set: RuleSet, months: list[int], worst: int = 50) -> dict[str, Any]:
    """The official results of these months beside those kept under another rule set (`actions.recompute`).

    `sides`: both sums; `districts`: code, name, share met of each side; `contractors`: name, fen of each side; `moved`:
    (from, to, number) of verdicts; `roads`: results whose verdict differs, the greatest difference of score first.
    """
    base = Result.objects.filter(check_of__month__in=months, check_of__state__in=COUNTED)
    both = (base.filter(official=True), base.filter(official=False, rule_set=rule_set))
    met, missed = Q(verdict="met"), Q(verdict="missed")

    def side(name: str, rows: QuerySet[Result]) -> Side:
        found = rows.aggregate(all=Count("pk"), met=Count("pk", filter=met), missed=Count("pk", filter=missed),
                               score=Avg("score"), fen=Sum("deduction_fen"))  # fmt: skip
        rest = found["all"] - found["met"] - found["missed"]
        return Side(name, found["met"], found["missed"], rest, found["score"], found["fen"] or 0)

    def shares(rows: QuerySet[Result]) -> dict[str, Side]:
        found = rows.values("check_of__district_code").annotate(
            met=Count("pk", filter=met), missed=Count("pk", filter=missed), score=Avg("score"), fen=Sum("deduction_fen")
        )
        return {r["check_of__district_code"]: Side("", r["met"], r["missed"], 0, r["score"], r["fen"]) for r in found}

    official, other = map(shares, both)
    names = places.district_names()
    lost = [{d["contractor"]: d["amount_fen"] for d in deductions(months, rows)} for rows in both]
    joined = both[1].annotate(day=FilteredRelation("check_of__results", condition=Q(check_of__results__official=True)))
    differs = joined.exclude(day__verdict=F("verdict"))
    moved = differs.values_list("day__verdict", "verdict").annotate(number=Count("pk")).order_by("-number", "verdict")
    none = Value(Decimal(0))
    apart = Abs(Coalesce("day__score", none) - Coalesce("score", none))
    changed = differs.annotate(was=F("day__verdict"), apart=apart).select_related("check_of__road")
    changed = changed.defer("check_of__road__line").order_by("-apart", "check_of_id")[:worst]
    return {
        "sides": [side(str(_("in force on the day")), both[0]), side(str(rule_set), both[1])],
        "districts": [
            {"name": names.get(code, code), "sides": [official.get(code), other.get(code)]}
            for code in sorted({*official, *other})
        ],
        "contractors": [(name, lost[0].get(name, 0), lost[1].get(name, 0)) for name in sorted({*lost[0], *lost[1]})],
        "moved": list(moved),
        "roads": [{"check": row.check_of, "before": row.was, "after": row.verdict} for row in changed],
        "changed": sum(number for _before, _after, number in moved),
    }


def year_coverage(year: int, target: int | None = None) -> dict[str, Any]:
    """Whether the year's plans will give `target` checks and each district and grade its share, seen from today.

    Without `target` it is what the city's target table wants of the year's road checks, and `told` is the table's word
    (None: no table says anything of this year or an earlier one; then nothing more is needed).
    `months`: month, planned, with a result (None: no plan yet); `planned`, `checked`, `left` (months without a plan after
    the last one), `needed` a month from now on; `districts` and `grades`: name, roads, drawn, expected by the year's end
    when the rest is drawn as needed, fair (its share of the target by roads), least and most checks of one road.
    """
    told = measures.target("cleanliness.road_checks", year)
    if target is None:
        target = ceil(told.value) if told else 0
    plans = {plan.month: plan for plan in Plan.objects.filter(month__gt=year * 100, month__lt=year * 100 + 13)}
    items = PlanItem.objects.filter(plan__in=plans.values(), cancelled_at=None)
    counted = {
        row["plan__month"]: row for row in items.values("plan__month").annotate(
            all=Count("pk", distinct=True), done=Count("pk", filter=Q(checks__state__in=COUNTED), distinct=True)
        ).order_by("plan__month")
    }  # fmt: skip
    by_month: dict[int, dict[str, int]] = defaultdict(dict)
    for row in items.values("plan__month", "stratum").annotate(number=Count("pk")):
        by_month[row["plan__month"]][row["stratum"]] = row["number"]
    drawn: dict[str, int] = defaultdict(int)
    for given in by_month.values():
        for name, number in given.items():
            drawn[name] += number
    roads = Road.objects.filter(active=True).values("district_code", "grade").annotate(number=Count("pk"))
    sizes = {f"{row['district_code']}-{row['grade']}": row["number"] for row in roads}
    planned = sum(drawn.values())
    last = max(plans, default=year * 100)
    left = 12 - last % 100
    needed = -(-max(0, target - planned) // left) if left else 0
    gap = plans[last].gap_days if last in plans else 30
    seed = plans[last].seed if last in plans else str(year)
    recent = [by_month[month] for month in sorted(by_month)]
    expected = forecast(sizes, drawn, [needed] * left, seed, recent, -(-gap // 31)) if sizes else {}
    whole = sum(sizes.values())

    def row_of(name: str, strata: list[str]) -> dict[str, Any]:
        own = sum(sizes[one] for one in strata)
        means = [expected[one] / sizes[one] for one in strata]
        return {
            "name": name, "roads": own, "drawn": sum(drawn[one] for one in strata),
            "expected": sum(expected[one] for one in strata), "fair": round(target * own / whole),
            "least": floor(min(means)), "most": ceil(max(means)),
        }  # fmt: skip

    names, grades = places.district_names(), dict(Grade.choices)
    by_district: dict[str, list[str]] = defaultdict(list)
    by_grade_: dict[int, list[str]] = defaultdict(list)
    for name in sorted(sizes):
        district, _dash, grade = name.partition("-")
        by_district[district].append(name)
        by_grade_[int(grade)].append(name)
    return {
        "year": year, "target": target, "told": told, "planned": planned, "left": left, "needed": needed,
        "checked": sum(row["done"] for row in counted.values()), "expected": sum(expected.values()),
        "months": [
            {"month": month, "planned": counted[month]["all"] if month in counted else None,
             "checked": counted[month]["done"] if month in counted else None}
            for month in range(year * 100 + 1, year * 100 + 13)
        ],
        "districts": [row_of(names.get(code, code), strata) for code, strata in sorted(by_district.items())],
        "grades": [row_of(str(grades[grade]), strata) for grade, strata in sorted(by_grade_.items())],
    }  # fmt: skip


def still_open(month: int) -> int:
    """Planned checks of the month, not cancelled, that no check has answered: no result, not found incomplete."""
    rows = PlanItem.objects.filter(plan__month=month, cancelled_at=None)
    return rows.exclude(checks__state__in=(*COUNTED, "incomplete")).count()


def road_changes(road: Road) -> list[dict[str, Any]]:
    """The road's versions, the latest first: version, and the names of the fields that differ from the one before."""
    versions = list(road.versions.select_related("by"))
    labels = {field.attname: field.verbose_name for field in Road._meta.concrete_fields}
    found = []
    for version, former in zip(versions, [*versions[1:], None], strict=True):
        names = [] if former is None else [n for n in version.data if version.data[n] != former.data.get(n)]
        found.append({"version": version, "changed": [str(labels.get(name, name)) for name in names]})
    return found


def waiting_bags(user: Any) -> QuerySet[Bag]:
    """Bags that are not weighed yet, the longest waiting first."""
    rows = Bag.objects.filter(weighed=False, point__check_of__state__in=("sampled", "signed"))
    return rows.select_related("point__check_of__road", "keeper").order_by("point__check_of__done_at", "code")


def open_outliers() -> QuerySet[Point]:
    rows = Point.objects.filter(flagged=True, confirmed="", void_reason="", check_of__state__in=("sampled", "signed"))
    return rows.select_related("check_of__road")


def doubted_frames() -> QuerySet[Check]:
    """Checks whose frame is not the rule's and waits for a decision, the oldest first."""
    rows = Check.objects.filter(state__in=("sampled", "signed"), rule_frame_m2__isnull=False, frame_decided="")
    return rows.exclude(frame_area_m2=F("rule_frame_m2")).select_related("road", "inspector").order_by("done_at", "pk")


_TOUCHES = "cleanliness_extent(line) && box(point(%s, %s), point(%s, %s))"


def roads_geojson(roads: QuerySet[Road], box: Box | None = None, limit: int = 4000) -> dict:
    """Roads whose extent touches the box as lines, coloured by the last verdict; at most `limit`, then `partial`."""
    if box:
        roads = roads.extra(where=[_TOUCHES], params=list(box))  # noqa: S610 - our words, numbers as parameters
    found = list(roads[: limit + 1])
    last = dict(
        Check.objects.filter(state__in=COUNTED, road__in=[r.pk for r in found])
        .order_by("road_id", "done_at")
        .values_list("road_id", "verdict")
    )
    tones = {"met": "good", "missed": "bad", "no_rule": "info"}
    features = []
    for road in found[:limit]:
        features.append(
            {
                "type": "Feature", "geometry": {"type": "LineString", "coordinates": road.line},
                "properties": {"title": road.name, "state": road.get_grade_display(), "url": road.get_absolute_url(),
                               "tone": tones.get(last.get(road.pk, ""), "none")},
            }
        )  # fmt: skip
    return {"type": "FeatureCollection", "features": features, "partial": len(found) > limit}
