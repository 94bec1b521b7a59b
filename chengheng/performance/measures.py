"""What this room itself can prove: money spent on a programme, satisfaction in its surveys.

Both need the programme, which arrives as the scope's option "programme".
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.performance.models import Answer, Payment, Question, Survey
from chengheng.performance.rules import sampling


@measure(
    "performance.spent",
    label=_("Money spent on the programme"),
    unit="万元",
    definition=_("Sum of the payments ledger, refunds deducted, by the day of payment."),
    source="facts/domain.md §D.2 (全年执行数)",
    system="performance",
    keywords=("项目支出经费", "项目总成本", "总成本", "支出经费", "成本指标", "运维成本", "经费"),
    better="lower",
    cumulative=True,
    evidence_act="performance.payment.view",
)
def spent(period: Period, scope: Scope) -> Measured:
    """万元 paid in the period; None when the programme has no payment at all."""
    rows = Payment.objects.filter(programme_id=int(scope.option("programme", "0")))
    inside = rows.filter(paid_on__gte=period.start, paid_on__lte=period.end)
    if not rows.filter(paid_on__lte=period.end).exists():
        return Measured(None, inside)
    fen = inside.aggregate(total=Sum("amount_fen"))["total"] or 0
    return Measured(Decimal(fen) / 1_000_000, inside)


@measure(
    "performance.satisfaction",
    label=_("Satisfaction in the programme's surveys"),
    unit="%",
    definition=_(
        "Answers “satisfied” or “very satisfied” ÷ answers to the scale questions, over surveys of the period."
    ),
    source="local rule (满意率); margin of error: Cochran 1977 §2.8",
    system="performance",
    keywords=("满意度", "满意率", "服务对象满意度", "使用部门满意度", "使用人员满意度", "满意度指标"),
    evidence_act="performance.survey.view",
)
def satisfaction(period: Period, scope: Scope) -> Measured:
    """Per cent over the programme's surveys that opened by the period's end; None without answers."""
    surveys = Survey.objects.filter(
        programme_id=int(scope.option("programme", "0")), opens_on__lte=period.end, closes_on__gte=period.start
    )
    answers = Answer.objects.filter(survey__in=surveys).order_by("pk")
    scales = set(Question.objects.filter(survey__in=surveys, kind=Question.Kind.SCALE).values_list("pk", flat=True))
    said = [
        [int(value) for key, value in answer.said.items() if key.isdigit() and int(key) in scales] for answer in answers
    ]
    found = sampling.result(said, sum(survey.population for survey in surveys))
    return Measured(found.rate, answers, denominator=found.answered)
