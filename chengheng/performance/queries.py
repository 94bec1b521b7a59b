"""What people ask of targets: the overview, one indicator's answer, execution, the report, two years side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Model, Prefetch, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import measures
from chengheng.common.measures import Measured, Period, Scope
from chengheng.common.people import access
from chengheng.performance.models import Binding, Indicator, ManualEvidence, Payment, Programme, RuleSet, Snapshot
from chengheng.performance.rules import binding as binding_rules
from chengheng.performance.rules import forecasting, grammar
from chengheng.performance.rules.answer import wan
from chengheng.performance.rules.grammar import figure

VIEW = "performance.programme.view"


@dataclass
class Found:
    """One indicator with what answers it. `value` None and no text: no evidence, never 0.

    `light` is good, warn, bad or none; `expected` is where a growing number should stand by now.
    """

    indicator: Indicator
    state: str = "no evidence"
    value: Decimal | None = None
    text: str = ""
    attainment: str = ""
    light: str = "none"
    forecast: forecasting.Forecast | None = None
    expected: Decimal | None = None
    measure: str = ""
    measure_label: str = ""
    confirmed: bool = False
    evidence_url: str = ""
    note: str = ""

    @property
    def answered(self) -> bool:
        return self.state == "answered"

    @property
    def answer_text(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        return str(self.indicator)

    @property
    def url(self) -> str:
        return self.indicator.get_absolute_url()

    @property
    def target(self) -> Decimal | None:
        return self.indicator.value

    def __getattr__(self, name: str) -> Any:
        if name in {"level1", "level2", "level3", "description", "target_text", "unit", "comparison", "kind", "pk"}:
            return getattr(self.indicator, name)
        raise AttributeError(name)


@dataclass
class Overview:
    """One programme with its money and its answered indicators."""

    programme: Programme
    indicators: list[Found] = field(default_factory=list)
    spent_fen: int | None = None
    money_light: str = "none"

    @property
    def name(self) -> str:
        return self.programme.name

    @property
    def url(self) -> str:
        return self.programme.get_absolute_url()

    @property
    def budget_fen(self) -> int:
        return self.programme.budget_fen

    @property
    def executed(self) -> Decimal | None:
        """Budget execution in per cent; None without payments."""
        if self.spent_fen is None or not self.budget_fen:
            return None
        return (Decimal(self.spent_fen) * 100 / self.budget_fen).quantize(Decimal("0.01"))

    @property
    def answered(self) -> int:
        return sum(found.answered for found in self.indicators)


def years() -> list[int]:
    """Years that have targets, latest first."""
    return list(Programme.objects.order_by("-year").values_list("year", flat=True).distinct())


def target_of(code: str, year: int) -> measures.Target | None:
    """The newest number, of that year or an earlier one, that a target table wants of a measure, in the measure's unit.

    Only from bindings that somebody confirmed. This is what a room may know of the tables (`measures.target`).
    """
    entry = measures.get(code)
    rows = Indicator.objects.filter(
        kind=grammar.QUANTITATIVE, binding__measure=code, binding__confirmed_at__isnull=False,
        programme__year__lte=year, programme__draft=False,
    ).select_related("programme").order_by("-programme__year", "pk")  # fmt: skip
    for one in rows:
        value = in_unit(one.value, one.unit, entry.unit) if entry else None
        if value is not None:
            return measures.Target(one.programme.year, value, one.target_text, f"{one.programme}: {one}")
    return None


def programmes(year: int, user: Any) -> QuerySet[Programme]:
    """The programmes of a year that the user may see, with indicators and bindings, in the order of the tables."""
    indicators = Indicator.objects.select_related("binding").order_by("position")
    return (
        access.visible(user, VIEW, Programme.objects.filter(year=year))
        .prefetch_related(Prefetch("indicators", indicators))
        .order_by("unit_code", "pk")
    )


def overview(year: int, user: Any, as_of: date | None = None, *, with_forecast: bool = False) -> list[Overview]:
    """The programmes of a year with every indicator's answer on a day (today, at most the year's end)."""
    as_of = _day(year, as_of)
    found = []
    rows = list(programmes(year, user))
    paid = dict(
        Payment.objects.filter(programme__in=rows, paid_on__lte=as_of)
        .order_by().values_list("programme").annotate(total=Sum("amount_fen"))
    )  # fmt: skip
    share = forecasting.elapsed_share(date(year, 1, 1), date(year, 12, 31), as_of)
    indicators = [indicator for programme in rows for indicator in programme.indicators.all()]
    answered = answers(indicators, as_of, with_forecast=with_forecast)
    for programme in rows:
        one = Overview(programme, [answered[indicator.pk] for indicator in programme.indicators.all()])
        one.spent_fen = paid.get(programme.pk)
        if one.spent_fen is not None and programme.budget_fen:
            one.money_light = forecasting.money_light(Decimal(one.spent_fen) / programme.budget_fen, share)
        found.append(one)
    return found


def _day(year: int, as_of: date | None) -> date:
    return max(min(as_of or timezone.localdate(), date(year, 12, 31)), date(year, 1, 1))


def answers(indicators: Iterable[Indicator], as_of: date, *, with_forecast: bool) -> dict[int, Found]:
    """Each indicator's answer on a day: from its confirmed or suggested measure, else from evidence by hand."""
    indicators = list(indicators)
    by_hand: dict[int, ManualEvidence] = {}
    for evidence in ManualEvidence.objects.filter(indicator__in=indicators, on__lte=as_of, withdrawn_at=None).order_by(
        "on", "pk"
    ):
        by_hand[evidence.indicator_id] = evidence
    kept = {
        snapshot.indicator_id: snapshot
        for snapshot in Snapshot.objects.filter(
            indicator__in=indicators, as_of__lte=as_of, as_of__gt=as_of - timedelta(days=8)
        ).order_by("as_of")
    }
    limits = RuleSet.objects.filter(starts_on__lte=as_of).values_list("rules", flat=True).first() or {}
    return {
        indicator.pk: _answer(
            indicator, as_of, by_hand.get(indicator.pk), kept.get(indicator.pk), limits.get("lights"), with_forecast
        )
        for indicator in indicators
    }


def _answer(indicator: Indicator, as_of: date, evidence: ManualEvidence | None, snapshot: Snapshot | None,
            limits: dict[str, str] | None, with_forecast: bool) -> Found:  # fmt: skip
    found = Found(indicator)
    bound: Binding | None = getattr(indicator, "binding", None)
    period = Period.year(indicator.programme.year).to(as_of)
    cumulative = False
    if bound is not None:
        found.confirmed = bound.confirmed_at is not None
        if bound.by == Binding.By.MEASURE:
            entry = measures.get(bound.measure)
            found.measure = bound.measure
            found.measure_label = str(entry.label) if entry else bound.measure
            if entry is None:
                found.note = _("this measure is not offered by any system now")
            else:
                cumulative = entry.cumulative
                measured = measured_of(indicator, period)
                found.value = in_unit(measured.value, entry.unit, indicator.unit)
                found.note = str(measured.note)
                found.evidence_url = reverse("performance:evidence", args=[indicator.pk])
        else:
            found.measure_label = _("evidence by hand")
    if found.value is None and evidence is not None:
        found.value, found.attainment = evidence.value, evidence.attainment
        found.text = str(evidence.get_attainment_display()) if evidence.attainment else ""
        found.measure_label = found.measure_label or _("evidence by hand")
        found.evidence_url = reverse("performance:evidence", args=[indicator.pk])
    if found.value is None and not found.attainment:
        return found
    found.state = "answered"
    end = date(indicator.programme.year, 12, 31)
    if not indicator.quantitative:
        found.light = {"reached": "good", "partly": "warn", "missed": "bad"}.get(found.attainment, "good")
        return found
    assert found.value is not None
    assert indicator.value is not None
    share = forecasting.elapsed_share(date(end.year, 1, 1), end, as_of)
    if cumulative and indicator.comparison != "<=":
        found.expected = indicator.value * share
    if with_forecast and found.measure and as_of < end:
        found.forecast = _forecast(indicator, found.value, as_of, share, cumulative)
    elif snapshot is not None and snapshot.forecast is not None and as_of < end:
        found.forecast = forecasting.Forecast(
            snapshot.forecast, snapshot.low or snapshot.forecast, snapshot.high or snapshot.forecast,
            snapshot.probability, snapshot.method,
        )  # fmt: skip
    elif found.measure and as_of < end:
        found.forecast = forecasting.forecast(
            found.value, [], share, cumulative=cumulative, comparison=indicator.comparison, target=indicator.value,
            upper=indicator.upper,
        )  # fmt: skip
    ceiling = cumulative and indicator.comparison == "<="
    kept = forecasting.reached(
        indicator.comparison, found.value, indicator.value, upper=indicator.upper, strict=indicator.strict
    )
    found.light = forecasting.light(
        value=found.value, kept=kept, over=as_of >= end,
        probability=found.forecast.probability if found.forecast else None, limits=limits,
        pace=found.forecast.value / indicator.value if ceiling and found.forecast and indicator.value else None,
    )  # fmt: skip
    return found


def _forecast(indicator: Indicator, value: Decimal, as_of: date, share: Decimal, cumulative: bool) -> Any:
    months = _months(indicator, as_of.year, as_of)
    seasonal = None
    if cumulative and indicator.programme.before_id:
        before = [month or Decimal(0) for month in _months(indicator, as_of.year - 1, date(as_of.year - 1, 12, 31))]
        seasonal = forecasting.seasonal_share(before, as_of)
    return forecasting.forecast(
        value, [month for month in months if month is not None], share, cumulative=cumulative,
        comparison=indicator.comparison, target=indicator.value, upper=indicator.upper, seasonal=seasonal,
    )  # fmt: skip


def _months(indicator: Indicator, year: int, as_of: date) -> list[Decimal | None]:
    """The measure's value in each full month of a year up to a day, in the indicator's unit."""
    values = []
    for number in range(1, 13):
        month = Period.month(year, number)
        if month.end > as_of:
            break
        entry = measures.get(indicator.binding.measure)
        values.append(in_unit(measured_of(indicator, month).value, entry.unit if entry else "", indicator.unit))
    return values


def series(indicator: Indicator, as_of: date) -> dict[str, list[Any]]:
    """Month by month for the chart: labels and values (None: no evidence); empty without a measure."""
    bound = getattr(indicator, "binding", None)
    if bound is None or bound.by != Binding.By.MEASURE or measures.get(bound.measure) is None:
        return {"x": [], "values": []}
    values = _months(indicator, as_of.year, as_of)
    return {"x": [f"{as_of.year}-{number:02}" for number in range(1, len(values) + 1)], "values": values}


def measured_of(indicator: Indicator, period: Period) -> Measured:
    """The bound measure's value and evidence over a period; KeyError when no system offers it."""
    bound = indicator.binding
    assert bound is not None
    scope = Scope().with_options({**bound.options, "programme": str(indicator.programme_id)})
    return measures.evaluate(bound.measure, period, scope)


def in_unit(value: Decimal | None, of_measure: str, of_indicator: str) -> Decimal | None:
    """A measure's number in the indicator's unit (小时 of 分钟, 万元 of 元); unlike units give nothing."""
    if value is None:
        return None
    if not of_indicator or of_measure == of_indicator:
        return value
    factor = binding_rules.factor(of_measure, of_indicator)
    return None if factor is None else value * factor[0] / factor[1]


def evidence_rows(indicator: Indicator, as_of: date, user: Any) -> QuerySet[Model] | None:
    """The rows behind an indicator's number that the user may see; None without a measure."""
    bound = getattr(indicator, "binding", None)
    if bound is None or bound.by != Binding.By.MEASURE:
        return None
    entry = measures.get(bound.measure)
    if entry is None:
        return None
    rows = measured_of(indicator, Period.year(indicator.programme.year).to(as_of)).evidence
    return access.visible(user, entry.evidence_act, rows) if entry.evidence_act else rows


def spent_fen(programme: Programme, as_of: date) -> int:
    """What the ledger has paid by a day, in fen."""
    return programme.payments.filter(paid_on__lte=as_of).aggregate(total=Sum("amount_fen"))["total"] or 0


def execution(programme: Programme, as_of: date) -> dict[str, list[Any]]:
    """Budget execution by month, cumulated, in 万元, beside the year's even pace; for the chart."""
    labels, spent, pace = [], [], []
    total = Decimal(0)
    sums: dict[int, int] = {}
    for paid_on, fen in programme.payments.filter(
        paid_on__gte=date(programme.year, 1, 1), paid_on__lte=as_of
    ).values_list("paid_on", "amount_fen"):
        sums[paid_on.month] = sums.get(paid_on.month, 0) + fen
    for month in range(1, 13):
        total += Decimal(sums.get(month, 0)) / 1_000_000
        labels.append(f"{programme.year}-{month:02}")
        spent.append(total if month <= as_of.month or as_of.year > programme.year else None)
        pace.append((Decimal(programme.budget_fen) / 1_000_000 * month / 12).quantize(Decimal("0.01")))
    return {"x": labels, "spent": spent, "pace": pace}


def year_before(programme: Programme) -> Programme | None:
    """The same programme of the year before, found by its name without the year."""
    likeness = binding_rules.likeness(programme.name)
    for other in Programme.objects.filter(year=programme.year - 1, unit_code=programme.unit_code):
        if binding_rules.likeness(other.name) == likeness:
            return other
    return None


def remembered_bindings(programme: Programme) -> dict[tuple[str, str, str, str], Binding]:
    """What was confirmed for the same programme's indicators the year before, by their identity."""
    before = programme.before or year_before(programme)
    if before is None:
        return {}
    bound = Binding.objects.filter(indicator__programme=before, confirmed_at__isnull=False)
    return {one.indicator.identity: one for one in bound.select_related("indicator__programme")}


def side_by_side(programme: Programme) -> list[dict[str, Any]]:
    """This year's indicators beside the year before's: {before, now, change: same|changed|new|gone}."""
    before = {one.identity: one for one in programme.before.indicators.all()} if programme.before else {}
    lines = []
    for now in programme.indicators.all():
        other = before.pop(now.identity, None)
        change = "new" if other is None else "same" if other.target_text == now.target_text else "changed"
        lines.append({"before": other, "now": now, "change": change})
    return lines + [{"before": other, "now": None, "change": "gone"} for other in before.values()]


def as_json(programme: Programme) -> dict[str, Any]:
    """The programme in the JSON shape of `targets show`; decimals as strings, `measure` once it is confirmed."""
    return {
        "year": programme.year,
        "unit_code": programme.unit_code,
        "unit_name": programme.unit_name,
        "name": programme.name,
        "budget": {
            name: wan(Decimal(getattr(programme, f"budget_{name}_fen")) / 1_000_000)
            for name in ("total", "fiscal", "other")
        },
        "purpose": programme.purpose,
        "goals": programme.goals,
        "indicators": [indicator_as_json(indicator) for indicator in programme.indicators.all()],
    }


def indicator_as_json(indicator: Indicator) -> dict[str, Any]:
    bound = getattr(indicator, "binding", None)
    confirmed = bound.measure if bound is not None and bound.confirmed_at is not None else ""
    return {
        "level1": indicator.level1,
        "level2": indicator.level2,
        "level3": indicator.level3,
        "description": indicator.description,
        "target_text": indicator.target_text,
        "kind": indicator.kind,
        "comparison": indicator.comparison or None,
        "value": None if indicator.value is None else figure(indicator.value),
        "unit": indicator.unit,
        "weight": None if indicator.weight is None else figure(indicator.weight),
        "measure": confirmed or None,
    }


def evaluation_as_json(one: Overview) -> dict[str, Any]:
    """A programme with each indicator's answer, as `chengheng evaluate` prints it."""
    answered = as_json(one.programme)
    answered["spent"] = None if one.spent_fen is None else wan(Decimal(one.spent_fen) / 1_000_000)
    answered["execution"] = None if one.executed is None else figure(one.executed)
    for line, found in zip(answered["indicators"], one.indicators, strict=True):
        expected = found.forecast
        line |= {
            "state": found.state,
            "actual": None if found.value is None else figure(found.value),
            "actual_text": found.text or None,
            "light": found.light,
            "answered_by": found.measure or ("manual" if found.answered else None),
            "confirmed": found.confirmed,
            "forecast": None if expected is None else {
                "value": figure(expected.value), "low": figure(expected.low), "high": figure(expected.high),
                "probability": None if expected.probability is None else figure(expected.probability),
                "method": expected.method,
            },
        }  # fmt: skip
    return answered
