"""What people and machines may do with targets: one function per act, one transaction each."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chengheng.common import files as store
from chengheng.common import flow, measures, notices, trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access
from chengheng.common.people.models import Organisation
from chengheng.performance import errors, queries, words
from chengheng.performance.imports import Batch
from chengheng.performance.models import (
    Answer,
    Binding,
    EvaluationRow,
    ImportBatch,
    ImportFile,
    Indicator,
    Invitation,
    ManualEvidence,
    Payment,
    Programme,
    Question,
    RuleSet,
    SelfEvaluation,
    Snapshot,
    Survey,
)  # fmt: skip
from chengheng.performance.rules import binding as binding_rules
from chengheng.performance.rules import reading, scoring

_BUDGETS = {"budget_total_fen": "total", "budget_fiscal_fen": "fiscal", "budget_other_fen": "other"}


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Change:
    """What an import would do with one programme: "new", "changed" or "same"."""

    read: reading.Programme
    stored: Programme | None
    what: str
    indicators_new: int = 0
    indicators_gone: int = 0


def compare(batch: Batch) -> list[Change]:
    """What importing the batch would change; reads only."""
    changes = []
    for programme in batch.reading.programmes:
        stored = _stored(programme)
        if stored is None:
            changes.append(Change(programme, None, "new", len(programme.indicators)))
            continue
        before = [_fields_of(indicator) for indicator in stored.indicators.all()]
        after = [_indicator_fields(indicator) for indicator in programme.indicators]
        fresh = sum(row not in before for row in after)
        gone = sum(row not in after for row in before)
        same = before == after and _programme_fields(programme) == {
            key: getattr(stored, key) for key in _programme_fields(programme)
        }
        changes.append(Change(programme, stored, "same" if same else "changed", fresh, gone))
    return changes


@transaction.atomic
def hold_import(batch: Batch, actor: Any) -> ImportBatch:
    """Keep the files of an import between its preview and its commit."""
    access.require(actor, "performance.programme.import")
    held = ImportBatch.objects.create(files=batch.files, digests=batch.digests, by=_person(actor))
    ImportFile.objects.bulk_create(
        ImportFile(batch=held, name=name[-200:], content=content) for name, content in batch.contents
    )
    return held


@transaction.atomic
def import_tables(batch: Batch, actor: Any, held: ImportBatch | None = None) -> ImportBatch:
    """Import all programmes of a batch or none. The same tables again change nothing; changed ones are updated in place.

    An indicator keeps its binding, evidence and history while its levels and description stay. Raises NotComplete.
    """
    access.require(actor, "performance.programme.import")
    if not batch.complete:
        first = batch.fatal[0] if batch.fatal else None
        raise errors.NotComplete(
            count=max(len(batch.fatal), 1),
            first=f"{first.file}, {first.place}: {words.of_remark(first)}" if first else ", ".join(batch.files),
        )
    done = held or hold_import(batch, actor)
    done.made = done.changed = done.same = 0
    for change in compare(batch):
        if change.what == "same":
            done.same += 1
            continue
        programme = change.stored or Programme()
        for key, value in _programme_fields(change.read).items():
            setattr(programme, key, value)
        programme.organisation = Organisation.objects.filter(code=programme.unit_code).first() or programme.organisation
        programme.source, programme.source_line = batch.source_of(change.read), change.read.line
        programme.batch, programme.draft = done, False
        programme.before = programme.before or queries.year_before(programme)
        programme.save()
        _put_indicators(programme, change.read)
        suggest_bindings(programme)
        trail.record(
            "performance.programme.import", actor, programme,
            {"file": programme.source, "what": change.what, "indicators": len(change.read.indicators)},
        )  # fmt: skip
        done.made += change.what == "new"
        done.changed += change.what == "changed"
    done.committed_at = timezone.now()
    done.save()
    return done


def _person(actor: Any) -> Any:
    return actor if getattr(actor, "pk", None) else None


def _stored(programme: reading.Programme) -> Programme | None:
    known = Programme.objects.filter(year=programme.year or 0, name=programme.name).prefetch_related("indicators")
    if programme.unit_code:
        return known.filter(unit_code=programme.unit_code).first()
    return known.filter(unit_name=programme.unit_name).first()


def _programme_fields(programme: reading.Programme) -> dict[str, Any]:
    fields: dict[str, Any] = {
        key: int(((getattr(programme, name) or Decimal(0)) * 1_000_000).to_integral_value())
        for key, name in _BUDGETS.items()
    }
    return fields | {
        "year": programme.year, "unit_code": programme.unit_code, "unit_name": programme.unit_name,
        "name": programme.name, "whole_unit": programme.whole_unit, "purpose": programme.purpose,
        "goals": list(programme.goals), "facts": dict(programme.facts),
    }  # fmt: skip


_TEXTS = ("level1", "level2", "level3", "description", "target_text", "scoring", "weight")
_NUMBERS = ("kind", "value", "lower", "upper", "strict", "unit")


def _indicator_fields(indicator: reading.Indicator) -> dict[str, Any]:
    fields = {key: getattr(indicator, key) for key in _TEXTS}
    fields |= {key: getattr(indicator.target, key) for key in _NUMBERS}
    return fields | {"comparison": indicator.target.comparison or ""}


def _fields_of(indicator: Indicator) -> dict[str, Any]:
    return {key: getattr(indicator, key) for key in (*_TEXTS, *_NUMBERS, "comparison")}


def _put_indicators(programme: Programme, read: reading.Programme) -> None:
    kept: dict[tuple[str, str, str, str], list[Indicator]] = {}
    for indicator in programme.indicators.all():
        kept.setdefault(indicator.identity, []).append(indicator)
    for position, row in enumerate(read.indicators, start=1):
        same = kept.get((row.level1, row.level2, row.level3, row.description))
        indicator = same.pop(0) if same else Indicator(programme=programme)
        indicator.position = position
        for key, value in _indicator_fields(row).items():
            setattr(indicator, key, value)
        indicator.save()
    for left in kept.values():
        for indicator in left:
            indicator.delete()


# ── bindings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def suggest_bindings(programme: Programme) -> int:
    """Suggest what answers each unbound indicator; what was confirmed stays. Returns how many were suggested.

    The programme of the year before is asked first (its confirmed bindings are remembered), then words and unit.
    """
    remembered = queries.remembered_bindings(programme)
    made = 0
    for indicator in programme.indicators.filter(binding=None):
        before = remembered.get(indicator.identity)
        if before is not None:
            Binding.objects.create(
                indicator=indicator, by=before.by, measure=before.measure, options=before.options,
                reason=_("as confirmed for %(year)s") % {"year": before.indicator.programme.year},
            )  # fmt: skip
            made += 1
            continue
        text = f"{programme.name} {indicator.level2} {indicator.level3} {indicator.description}"
        own = f"{indicator.level3} {indicator.description} {indicator.level2}"
        found = [
            pair for pair in measures.suggest(text, indicator.unit) if any(word in own for word in pair[0].keywords)
        ]
        if not indicator.quantitative or not found:
            continue
        best, _score = found[0]
        shared = "、".join(word for word in best.keywords if word in own)
        Binding.objects.create(
            indicator=indicator, by=Binding.By.MEASURE, measure=best.code, reason=shared[:200],
            options=measures.suggest_options(best.code, programme.name),
        )  # fmt: skip
        made += 1
    return made


@transaction.atomic
def confirm_binding(
    indicator: Indicator, actor: Any, *, measure: str = "", options: Mapping[str, str] | None = None
) -> Binding:
    """Say what answers an indicator: a measure by code, or "" for evidence by hand."""
    indicator = access.fetch_locked(actor, "performance.binding.confirm", Indicator.objects.all(), pk=indicator.pk)
    if measure and measures.get(measure) is None:
        raise errors.UnknownMeasure(measure=measure, field="measure")
    entry = measures.get(measure) if measure else None
    chosen = {key: value for key, value in (options or {}).items() if entry and value in entry.options.get(key, {})}
    bound, _made = Binding.objects.update_or_create(
        indicator=indicator,
        defaults={
            "by": Binding.By.MEASURE if measure else Binding.By.MANUAL, "measure": measure, "options": chosen,
            "confirmed_by": _person(actor), "confirmed_at": timezone.now(),
        },
    )  # fmt: skip
    trail.record("performance.binding.confirm", actor, indicator, {"measure": measure, "options": chosen})
    return bound


@transaction.atomic
def record_evidence(indicator: Indicator, actor: Any, *, on: date, note: str, value: Decimal | None = None,
                    attainment: str = "", files: Iterable[Any] = ()) -> ManualEvidence:  # fmt: skip
    """Bring a number or a judgement by hand, with the files that show it."""
    indicator = access.fetch(actor, "performance.evidence.record", Indicator.objects.all(), pk=indicator.pk)
    if indicator.quantitative and value is None:
        raise Invalid(_("A number is needed for this indicator."), field="value")
    if not indicator.quantitative and not attainment:
        raise Invalid(_("Say how far the target was reached."), field="attainment")
    if on > timezone.localdate():
        raise Invalid(_("Evidence cannot be of a day to come."), field="on")
    evidence = ManualEvidence.objects.create(
        indicator=indicator, on=on, value=value, attainment=attainment, note=note, by=_person(actor)
    )
    for upload in files:
        store.attach(store.store(upload, upload.name), evidence, "evidence", _person(actor), name=upload.name)
    if not Binding.objects.filter(indicator=indicator, confirmed_at__isnull=False).exists():
        Binding.objects.update_or_create(
            indicator=indicator,
            defaults={"by": Binding.By.MANUAL, "measure": "", "confirmed_by": _person(actor),
                      "confirmed_at": timezone.now()},
        )  # fmt: skip
    said = {"on": on.isoformat(), "value": None if value is None else str(value), "attainment": attainment}
    trail.record("performance.evidence.record", actor, indicator, said, note)
    return evidence


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def enter_payment(programme: Programme, actor: Any, *, amount_fen: int, paid_on: date, payee: str, voucher: str = "",
                  note: str = "", batch: Any = None) -> Payment:  # fmt: skip
    """Enter one payment (negative: a refund)."""
    programme = access.fetch(actor, "performance.payment.enter", Programme.objects.all(), pk=programme.pk)
    if not amount_fen:
        raise Invalid(_("A payment of nothing is none."), field="amount")
    if voucher and programme.payments.filter(voucher=voucher).exists():
        raise Invalid(_("This voucher was entered before."), field="voucher")
    payment = Payment.objects.create(
        programme=programme, amount_fen=amount_fen, paid_on=paid_on, payee=payee, voucher=voucher, note=note,
        by=_person(actor), batch=batch,
    )  # fmt: skip
    trail.record(
        "performance.payment.enter", actor, programme,
        {"payment": payment.pk, "amount_fen": amount_fen, "paid_on": paid_on.isoformat(), "payee": payee},
    )  # fmt: skip
    return payment


@transaction.atomic
def adjust_budget(programme: Programme, actor: Any, amount_fen: int, note: str) -> Programme:
    """Set the budget of the year after adjustment; execution is measured against it from now on."""
    programme = access.fetch_locked(actor, "performance.programme.change", Programme.objects.all(), pk=programme.pk)
    if amount_fen < 0:
        raise Invalid(field="amount")
    before, programme.adjusted_fen = programme.budget_fen, amount_fen
    programme.save(update_fields=["adjusted_fen"])
    trail.record(
        "performance.programme.change", actor, programme, {"before_fen": before, "after_fen": amount_fen}, note
    )
    return programme


# ── surveys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def make_survey(programme: Programme, actor: Any, *, title: str, population: int, opens_on: date, closes_on: date,
                questions: Iterable[tuple[str, str]], introduction: str = "") -> Survey:  # fmt: skip
    """Make a survey; `questions` are (text, kind) pairs, at least one on the scale."""
    programme = access.fetch(actor, "performance.survey.manage", Programme.objects.all(), pk=programme.pk)
    asked = [(text.strip(), kind) for text, kind in questions if text.strip()]
    if not any(kind == Question.Kind.SCALE for _text, kind in asked):
        raise Invalid(_("At least one question must ask for satisfaction."), field="questions")
    if closes_on < opens_on:
        raise Invalid(_("It cannot close before it opens."), field="closes_on")
    survey = Survey.objects.create(
        programme=programme, title=title, introduction=introduction, population=population, opens_on=opens_on,
        closes_on=closes_on,
    )  # fmt: skip
    Question.objects.bulk_create(
        Question(survey=survey, position=position, text=text, kind=kind)
        for position, (text, kind) in enumerate(asked, start=1)
    )
    trail.record("performance.survey.manage", actor, survey, {"made": title, "population": population}, new=True)
    return survey


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(survey: Survey, actor: Any, count: int) -> list[str]:
    """Make one-use tokens, one a person. They are shown once, now; only their digests are kept."""
    survey = access.fetch_locked(actor, "performance.survey.manage", Survey.objects.all(), pk=survey.pk)
    free = survey.population - survey.invitations.count()
    if not 0 < count <= free:
        raise Invalid(_("%(free)s more people can be invited.") % {"free": free}, field="count")
    tokens = [secrets.token_urlsafe(18) for _number in range(count)]
    Invitation.objects.bulk_create(Invitation(survey=survey, digest=digest_of(token)) for token in tokens)
    trail.record("performance.survey.manage", actor, survey, {"invited": count})
    return tokens


@transaction.atomic
def answer(token: str, said: Mapping[str, str]) -> Survey:
    """Give an answer with a token: the token is used up, the answer is kept, nothing joins the two and nothing is logged.

    Raises BadToken, SurveyClosed, or Invalid for a scale question left open.
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("survey")
        .filter(digest=digest_of(token))
        .first()
    )
    if invitation is None or invitation.used:
        raise errors.BadToken
    survey = invitation.survey
    if not survey.is_open:
        raise errors.SurveyClosed
    kept: dict[str, Any] = {}
    for question in survey.questions.all():
        value = str(said.get(str(question.pk), "")).strip()
        if question.kind == Question.Kind.SCALE:
            if value not in {"1", "2", "3", "4", "5"}:
                raise Invalid(_("Please answer: %(question)s") % {"question": question.text}, field=str(question.pk))
            kept[str(question.pk)] = int(value)
        elif value:
            kept[str(question.pk)] = value[:1000]
    invitation.used = True
    invitation.save(update_fields=["used"])
    Answer.objects.create(survey=survey, said=kept)
    return survey


@transaction.atomic
def close_survey(survey: Survey, actor: Any) -> Survey:
    """Close a survey and write its answers anew in random order, so that their order in the table tells nothing."""
    survey = access.fetch_locked(actor, "performance.survey.manage", Survey.objects.all(), pk=survey.pk)
    if survey.closed_at is None:
        said = list(survey.answers.values_list("said", flat=True))
        random.SystemRandom().shuffle(said)
        survey.answers.all().delete()
        Answer.objects.bulk_create(Answer(survey=survey, said=one) for one in said)
        survey.closed_at = timezone.now()
        survey.save(update_fields=["closed_at"])
        trail.record("performance.survey.manage", actor, survey, {"closed": True, "answers": len(said)})
    return survey


# ── self-evaluation ──────────────────────────────────────────────────────────────────────────────────────────────────


def rule_set(on: date) -> RuleSet:
    """The scoring rules in force on a day; the example set is stored when there is none yet."""
    found = RuleSet.objects.filter(starts_on__lte=on).first()
    if found is None:
        found, _made = RuleSet.objects.get_or_create(
            version=1,
            defaults={"starts_on": date(2020, 1, 1), "rules": scoring.EXAMPLE, "source": scoring.EXAMPLE_SOURCE},
        )
    return found


@transaction.atomic
def draft_evaluation(programme: Programme, actor: Any, as_of: date | None = None) -> SelfEvaluation:
    """Begin the self-evaluation, or take its numbers anew while it is being written; weights and reasons stay."""
    programme = access.fetch_locked(actor, "performance.evaluation.edit", Programme.objects.all(), pk=programme.pk)
    as_of = min(as_of or timezone.localdate(), date(programme.year, 12, 31))
    evaluation = SelfEvaluation.objects.filter(programme=programme).first()
    if evaluation is not None and evaluation.state != "draft":
        raise errors.Signed
    rules = rule_set(as_of)
    made = evaluation is None
    if evaluation is None:
        evaluation = SelfEvaluation(
            programme=programme, execution_weight=Decimal(rules.rules["weights"]["execution"]),
            execution_points=Decimal(0), by=_person(actor), department=programme.facts.get("主管部门", ""),
            initial_fen=0, budget_fen=0, spent_fen=0, as_of=as_of, rule_set=rules,
        )  # fmt: skip
    evaluation.rule_set, evaluation.as_of = rules, as_of
    evaluation.initial_fen, evaluation.budget_fen = programme.budget_total_fen, programme.budget_fen
    evaluation.spent_fen = queries.spent_fen(programme, as_of)
    if made:
        flow.begin(evaluation, actor)
    rows = {row.indicator_id: row for row in evaluation.rows.all()}
    indicators = list(programme.indicators.all())
    default = scoring.weights([indicator.level1 for indicator in indicators], rules.rules)
    answers = queries.answers(indicators, as_of, with_forecast=False)
    for position, (indicator, weight) in enumerate(zip(indicators, default, strict=True), start=1):
        row = rows.get(indicator.pk) or EvaluationRow(
            evaluation=evaluation, indicator=indicator, weight=indicator.weight or weight, points=Decimal(0)
        )
        row.position = position
        found = answers[indicator.pk]
        row.actual, row.attainment, row.text = found.value, found.attainment, found.text[:300]
        _score(row, rules.rules)
        row.save()
    _score_execution(evaluation)
    evaluation.save()
    trail.record("performance.evaluation.edit", actor, evaluation, {"as_of": as_of.isoformat()}, new=False)
    return evaluation


def _score(row: EvaluationRow, rules: Mapping[str, Any]) -> None:
    indicator = row.indicator
    if indicator.quantitative:
        assert indicator.value is not None
        target = indicator.value
        found = scoring.quantity(
            row.actual, indicator.comparison, target, row.weight, dict(rules), upper=indicator.upper,
            strict=indicator.strict,
        )  # fmt: skip
    else:
        found = scoring.quality(row.attainment, row.share, row.weight, dict(rules))
    row.points, row.explain = found.points, found.explain


def _score_execution(evaluation: SelfEvaluation) -> None:
    evaluation.execution_points = scoring.execution(
        evaluation.spent_fen, evaluation.budget_fen, evaluation.execution_weight, evaluation.rule_set.rules
    ).points


@transaction.atomic
def edit_evaluation(evaluation: SelfEvaluation, actor: Any, *, department: str, done: str, execution_weight: Decimal,
                    execution_reason: str, rows: Mapping[int, Mapping[str, Any]]) -> SelfEvaluation:  # fmt: skip
    """Change words, weights and shares of a draft; points are worked out anew. Weights must sum to 100.

    `rows`: by row id, any of weight, share (of the weight, for qualitative targets), reason.
    """
    evaluation = access.fetch_locked(
        actor, "performance.evaluation.edit", SelfEvaluation.objects.all(), pk=evaluation.pk
    )
    if evaluation.state != "draft":
        raise errors.Signed
    evaluation.department, evaluation.done = department, done
    evaluation.execution_weight, evaluation.execution_reason = execution_weight, execution_reason
    total = execution_weight
    for row in evaluation.rows.select_related("indicator"):
        given = rows.get(row.pk, {})
        row.weight = given.get("weight", row.weight)
        row.share = given.get("share", row.share)
        row.reason = given.get("reason", row.reason)
        _score(row, evaluation.rule_set.rules)
        row.save()
        total += row.weight
    if total != 100:
        raise Invalid(_("The points must sum to 100, not %(total)s.") % {"total": total}, field="execution_weight")
    _score_execution(evaluation)
    evaluation.save()
    trail.record("performance.evaluation.edit", actor, evaluation, {"total": str(evaluation.total)})
    return evaluation


# ── monitoring ───────────────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def monitor(programme: Programme, actor: Any, as_of: date) -> list[Snapshot]:
    """Take the day's snapshot of every indicator; who keeps the programme is told when a light gets worse."""
    programme = access.fetch(actor, "performance.monitoring.run", Programme.objects.all(), pk=programme.pk)
    taken = []
    indicators = list(programme.indicators.all())
    found = queries.answers(indicators, as_of, with_forecast=True)
    for indicator in indicators:
        one = found[indicator.pk]
        before = indicator.snapshots.filter(as_of__lt=as_of).first()
        expected = one.forecast
        snapshot, _made = Snapshot.objects.update_or_create(
            indicator=indicator, as_of=as_of,
            defaults={
                "value": one.value, "text": one.text[:300], "light": one.light, "at": timezone.now(),
                "forecast": expected.value if expected else None, "low": expected.low if expected else None,
                "high": expected.high if expected else None, "method": expected.method if expected else "",
                "probability": expected.probability if expected else None,
            },
        )  # fmt: skip
        taken.append(snapshot)
        if before is not None and before.light != snapshot.light and snapshot.light in {"warn", "bad"}:
            _tell(programme, indicator, snapshot)
    return taken


def _tell(programme: Programme, indicator: Indicator, snapshot: Snapshot) -> None:
    bad = snapshot.light == "bad"
    notices.tell(
        role="performance.officer",
        title=gettext_lazy("%(indicator)s: %(light)s"),
        body=str(programme),
        params={"indicator": indicator, "light": gettext_lazy("off target") if bad else gettext_lazy("at risk")},
        subject=indicator,
        level="urgent" if bad else "warning",
    )


# ── roll-over ────────────────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def roll_over(programme: Programme, actor: Any) -> Programme:
    """Draw up next year's programme from this one as a draft: same indicators, same weights, remembered bindings."""
    programme = access.fetch(actor, "performance.programme.roll_over", Programme.objects.all(), pk=programme.pk)
    year = programme.year + 1
    name = binding_rules.without_year(programme.name, programme.year, year)
    if Programme.objects.filter(year=year, unit_code=programme.unit_code, unit_name=programme.unit_name, name=name):
        raise errors.YearTaken(year=year)
    following = Programme.objects.create(
        year=year, unit_code=programme.unit_code, unit_name=programme.unit_name, organisation=programme.organisation,
        name=name, whole_unit=programme.whole_unit, budget_total_fen=programme.budget_total_fen,
        budget_fiscal_fen=programme.budget_fiscal_fen, budget_other_fen=programme.budget_other_fen,
        purpose=binding_rules.without_year(programme.purpose, programme.year, year),
        goals=[binding_rules.without_year(goal, programme.year, year) for goal in programme.goals],
        facts=programme.facts, before=programme, draft=True,
    )  # fmt: skip
    for indicator in programme.indicators.all():
        indicator.pk, indicator.programme = None, following
        indicator._state.adding = True
        indicator.save()
    suggest_bindings(following)
    trail.record("performance.programme.roll_over", actor, following, {"from": programme.pk}, new=True)
    return following
