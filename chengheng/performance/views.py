"""The pages of targets and results: parse, ask or act once, render."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import segno
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect as redirect_to
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from chengheng.common import files as store
from chengheng.common import measures, tables, trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.performance import actions, errors, exports, forms, queries, words
from chengheng.performance.imports import Batch, read_files
from chengheng.performance.models import ImportBatch, Indicator, Programme, Question, SelfEvaluation, Survey
from chengheng.performance.readers import Unreadable
from chengheng.performance.rules import sampling
from chengheng.performance.rules.answer import wan

VIEW = "performance.programme.view"
FORMATS = {
    "docx": (exports.docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": (exports.xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def _programme(request: HttpRequest, pk: int, act: str = VIEW) -> Programme:
    return access.fetch(request.user, act, Programme.objects.all(), pk=pk)


def _day(request: HttpRequest, year: int) -> date:
    """The day asked for (?as_of=2024-06-30), kept inside the year; today or the year's end by default."""
    try:
        asked = date.fromisoformat(request.GET.get("as_of", ""))
    except ValueError:
        asked = timezone.localdate()
    return max(min(asked, date(year, 12, 31)), date(year, 1, 1))


def _refused(form: Any, refusal: Refusal) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))


# ── programmes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act(VIEW)
def programmes(request: HttpRequest) -> HttpResponse:
    years = queries.years()
    year = forms.year_of(request.GET.get("year", ""), years, timezone.localdate())
    found = queries.overview(year, request.user)
    total = sum(one.budget_fen for one in found)
    context = {"year": year, "years": years or [year], "found": found, "total_fen": total}
    return page(request, "performance/programmes.html", context)


@require_act(VIEW)
def programme(request: HttpRequest, pk: int) -> HttpResponse:
    subject = _programme(request, pk)
    as_of = _day(request, subject.year)
    (one,) = [one for one in queries.overview(subject.year, request.user, as_of) if one.programme.pk == pk]
    spent = queries.execution(subject, as_of)
    chart = {
        "kind": "line", "x": spent["x"], "unit": "万元",
        "series": [
            {"name": _("paid"), "data": spent["spent"], "tone": "info"},
            {"name": _("even pace"), "data": spent["pace"], "tone": "none"},
        ],
    }  # fmt: skip
    return page(
        request, "performance/programme.html",
        {
            "programme": subject, "one": one, "as_of": as_of, "chart": chart,
            "payments": subject.payments.all()[:8], "surveys": subject.surveys.all(),
            "evaluation": SelfEvaluation.objects.filter(programme=subject).first(),
            "may_monitor": access.may(request.user, "performance.monitoring.run"),
        },
    )  # fmt: skip


@require_POST
@require_act("performance.monitoring.run")
def monitor(request: HttpRequest, pk: int) -> HttpResponse:
    subject = _programme(request, pk)
    actions.monitor(subject, request.user, _day(request, subject.year))
    return redirect(request, subject.get_absolute_url(), _("The forecast was worked out anew."))


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("performance.programme.import")
def import_files(request: HttpRequest) -> HttpResponse:
    form = forms.ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            batch = read_files(
                [(upload.name, upload.read()) for upload in form.cleaned_data["uploads"]], form.cleaned_data["year"]
            )
            held = actions.hold_import(batch, request.user)
        except Unreadable as error:
            form.add_error(
                "uploads",
                str(errors.FileRefused(name=error.name, line=error.line, reason=words.of_unreadable(error))),
            )
        else:
            year = form.cleaned_data["year"]
            return redirect_to(f"{held.get_absolute_url()}{f'?year={year}' if year else ''}")
    recent = access.visible(request.user, "performance.programme.import", ImportBatch.objects.all())
    return page(
        request, "performance/import.html",
        {"form": form, "recent": recent.exclude(committed_at=None)[:10]}, status=422 if form.errors else 200,
    )  # fmt: skip


def _held(held: ImportBatch, year: str) -> Batch:
    return read_files(
        ((one.name, bytes(one.content)) for one in held.originals.order_by("pk")),
        int(year) if year.isdecimal() else None,
    )


@require_act("performance.programme.import")
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what would be imported, and what could not be read. POST: import it all."""
    held = access.fetch(request.user, "performance.programme.import", ImportBatch.objects.all(), pk=pk)
    year = request.GET.get("year", "")
    batch = _held(held, year)
    if request.method == "POST" and held.committed_at is None:
        done = actions.import_tables(batch, request.user, held)
        text = _("%(made)s new, %(changed)s changed, %(same)s unchanged.") % {
            "made": done.made, "changed": done.changed, "same": done.same,
        }  # fmt: skip
        latest = max((programme.year or 0 for programme in batch.reading.programmes), default=0)
        return redirect(request, f"{reverse('performance:programmes')}?year={latest}", text)
    changes = actions.compare(batch)
    remarks = [(remark, words.of_remark(remark), remark in batch.fatal) for remark in batch.reading.unread]
    return page(
        request, "performance/preview.html",
        {
            "held": held, "batch": batch, "changes": changes, "unread": remarks,
            "notes": [(remark, words.of_remark(remark)) for remark in batch.reading.notes],
            "indicators": sum(len(one.read.indicators) for one in changes),
            "total": wan(sum((one.read.total or Decimal(0) for one in changes), Decimal(0))),
        },
    )  # fmt: skip


# ── indicators, bindings, evidence ───────────────────────────────────────────────────────────────────────────────────


@require_act(VIEW)
def indicator(request: HttpRequest, pk: int) -> HttpResponse:
    """One indicator: its answer, its months, its evidence by hand; POST brings evidence."""
    subject = access.fetch(request.user, VIEW, Indicator.objects.select_related("programme", "binding"), pk=pk)
    form = forms.EvidenceForm(subject, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            actions.record_evidence(
                subject, request.user, on=given["on"], note=given["note"], value=given.get("value"),
                attainment=given.get("attainment", ""), files=given["uploads"],
            )  # fmt: skip
            return redirect(request, subject.get_absolute_url(), _("The evidence was recorded."))
        except Refusal as refusal:
            _refused(form, refusal)
    as_of = _day(request, subject.programme.year)
    found = queries.answers([subject], as_of, with_forecast=True)[subject.pk]
    months = queries.series(subject, as_of)
    chart = {
        "kind": "bar", "x": months["x"], "unit": subject.unit,
        "series": [{"name": str(subject), "data": months["values"], "tone": "info"}] if months["x"] else [],
    }  # fmt: skip
    by_hand = list(subject.evidence.filter(withdrawn_at=None).select_related("by"))
    attached = store.of_many(by_hand) if by_hand else {}
    return page(
        request, "performance/indicator.html",
        {
            "indicator": subject, "found": found, "one_line": [found], "as_of": as_of, "chart": chart, "form": form,
            "entry": measures.get(found.measure) if found.measure else None,
            "by_hand": [(one, attached.get(one.pk, [])) for one in by_hand],
            "may_record": access.may(request.user, "performance.evidence.record", subject),
            "may_bind": access.may(request.user, "performance.binding.confirm", subject),
        }, status=422 if form.errors else 200,
    )  # fmt: skip


@require_act("performance.binding.confirm")
def bind(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose and confirm what answers an indicator."""
    subject = access.fetch(
        request.user, "performance.binding.confirm", Indicator.objects.select_related("programme", "binding"), pk=pk
    )
    bound = getattr(subject, "binding", None)
    form = forms.BindForm(subject, request.POST or None, initial={"measure": bound.measure if bound else ""})
    if request.method == "POST" and form.is_valid():
        actions.confirm_binding(subject, request.user, measure=form.cleaned_data["measure"], options=form.options())
        url = request.POST.get("next") or subject.get_absolute_url()
        return redirect(
            request, url if url.startswith("/performance/") else subject.get_absolute_url(), _("Confirmed.")
        )
    return page(request, "performance/bind.html", {"indicator": subject, "form": form, "bound": bound})


@require_act("performance.binding.confirm")
def bindings(request: HttpRequest) -> HttpResponse:
    """All indicators of a year with what is suggested or confirmed; POST confirms the suggestions that were ticked."""
    years = queries.years()
    year = forms.year_of(request.GET.get("year", ""), years, timezone.localdate())
    rows = Indicator.objects.filter(programme__in=queries.programmes(year, request.user))
    rows = rows.select_related("programme", "binding__confirmed_by").order_by(
        "programme__unit_code", "programme", "position"
    )
    if request.method == "POST":
        chosen = set(request.POST.getlist("indicator"))
        count = 0
        for row in rows:
            if str(row.pk) in chosen and getattr(row, "binding", None) is not None:
                actions.confirm_binding(row, request.user, measure=row.binding.measure, options=row.binding.options)
                count += 1
        return redirect(request, request.get_full_path(), _("%(count)s confirmed.") % {"count": count})
    lines = []
    for row in rows:
        bound = getattr(row, "binding", None)
        lines.append((row, bound, measures.get(bound.measure) if bound and bound.measure else None))
    return page(request, "performance/bindings.html", {"lines": lines, "year": year, "years": years or [year]})


@require_act(VIEW)
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows behind an indicator's number; looking at them is recorded."""
    subject = access.fetch(request.user, VIEW, Indicator.objects.select_related("programme", "binding"), pk=pk)
    as_of = _day(request, subject.programme.year)
    found = queries.answers([subject], as_of, with_forecast=False)[subject.pk]
    entry = measures.get(found.measure) if found.measure else None
    rows = queries.evidence_rows(subject, as_of, request.user)
    if rows is not None:
        trail.viewed(request.user, rows)
        listed: Any = rows if rows.ordered else rows.order_by("-pk")
    else:
        listed = subject.evidence.filter(withdrawn_at=None, on__lte=as_of)
    shown = Paginator(listed, 50).get_page(request.GET.get("page"))
    lines = [(str(row), row.get_absolute_url() if hasattr(row, "get_absolute_url") else "") for row in shown]
    return page(
        request, "performance/evidence.html",
        {"indicator": subject, "found": found, "entry": entry, "as_of": as_of, "shown": shown, "lines": lines},
    )  # fmt: skip


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("performance.payment.view")
def payments(request: HttpRequest) -> HttpResponseBase:
    from chengheng.performance.ledger import PaymentTable

    return tables.view(PaymentTable)(request)


def import_payments(request: HttpRequest) -> HttpResponse:
    return redirect_to("/intake/performance.payment/")


@require_act("performance.payment.enter")
def enter_payment(request: HttpRequest) -> HttpResponse:
    mine = access.visible(request.user, "performance.payment.enter", Programme.objects.all())
    form = forms.PaymentForm(mine, request.POST or None, initial={"programme": request.GET.get("programme")})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            actions.enter_payment(
                given["programme"], request.user, amount_fen=form.fen(), paid_on=given["paid_on"],
                payee=given["payee"], voucher=given["voucher"], note=given["note"],
            )  # fmt: skip
            return redirect(request, given["programme"].get_absolute_url(), _("The payment was entered."))
        except Refusal as refusal:
            _refused(form, refusal)
    return page(request, "performance/payment.html", {"form": form}, status=422 if form.errors else 200)


# ── surveys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_act("performance.survey.view")
def surveys(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, "performance.survey.view", Survey.objects.select_related("programme"))
    return page(request, "performance/surveys.html", {"surveys": [(row, _result(row)) for row in rows[:200]]})


def _result(survey: Survey) -> sampling.Result:
    scales = {question.pk for question in survey.questions.all() if question.kind == Question.Kind.SCALE}
    said = [
        [int(value) for key, value in one.items() if key.isdigit() and int(key) in scales]
        for one in survey.answers.values_list("said", flat=True)
    ]
    return sampling.result(said, survey.population)


@require_act("performance.survey.manage")
def make_survey(request: HttpRequest) -> HttpResponse:
    mine = access.visible(request.user, "performance.survey.manage", Programme.objects.all())
    first = {"programme": request.GET.get("programme"), "scale": _("How satisfied are you with this service overall?")}
    form = forms.SurveyForm(mine, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = actions.make_survey(
                given["programme"], request.user, title=given["title"], population=given["population"],
                opens_on=given["opens_on"], closes_on=given["closes_on"], questions=form.questions(),
                introduction=given["introduction"],
            )  # fmt: skip
            return redirect(request, made.get_absolute_url(), _("The survey was made. Invite people now."))
        except Refusal as refusal:
            _refused(form, refusal)
    return page(request, "performance/survey_form.html", {"form": form}, status=422 if form.errors else 200)


@require_act("performance.survey.view")
def survey(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "performance.survey.view", Survey.objects.select_related("programme"), pk=pk)
    answers = list(subject.answers.order_by("pk").values_list("said", flat=True))
    questions = []
    for question in subject.questions.all():
        said = [one[str(question.pk)] for one in answers if str(question.pk) in one]
        counts = [said.count(step) for step in range(5, 0, -1)] if question.kind == Question.Kind.SCALE else []
        questions.append((question, counts, said if not counts else []))
    return page(
        request, "performance/survey.html",
        {
            "survey": subject, "result": _result(subject), "questions": questions, "steps": steps(),
            "invited": subject.invitations.count(),
            "may_manage": access.may(request.user, "performance.survey.manage", subject),
        },
    )  # fmt: skip


def steps() -> list[str]:
    return [_("very satisfied"), _("satisfied"), _("neither"), _("dissatisfied"), _("very dissatisfied")]


@never_cache
@require_POST
@require_act("performance.survey.manage")
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Make links with QR codes, shown this once, to be printed and given out."""
    subject = access.fetch(request.user, "performance.survey.manage", Survey.objects.all(), pk=pk)
    text = request.POST.get("count", "")
    tokens = actions.invite(subject, request.user, int(text) if text.isdecimal() else 0)
    links = []
    for token in tokens:
        url = request.build_absolute_uri(reverse("performance:answer", args=[token]))
        drawn = segno.make(url, micro=False).svg_inline(scale=3, border=2)
        links.append((url, mark_safe(drawn)))  # noqa: S308 - segno draws it from our own address
    return page(request, "performance/invitations.html", {"survey": subject, "links": links})


@require_POST
@require_act("performance.survey.manage")
def close_survey(request: HttpRequest, pk: int) -> HttpResponse:
    subject = access.fetch(request.user, "performance.survey.manage", Survey.objects.all(), pk=pk)
    actions.close_survey(subject, request.user)
    return redirect(request, subject.get_absolute_url(), _("The survey is closed."))


@never_cache
@login_not_required
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """The page on a person's phone: no sign-in, nothing about the person is kept."""
    from chengheng.performance.models import Invitation

    invitation = Invitation.objects.select_related("survey").filter(digest=actions.digest_of(token), used=False).first()
    if invitation is None:
        return page(request, "performance/answered.html", {"problem": str(errors.BadToken())}, status=404)
    asked = invitation.survey
    if not asked.is_open:
        return page(request, "performance/answered.html", {"problem": str(errors.SurveyClosed())}, status=409)
    problem = ""
    if request.method == "POST":
        try:
            actions.answer(token, request.POST.dict())
            return page(request, "performance/answered.html", {"survey": asked})
        except Refusal as refusal:
            problem = str(refusal)
    choices = list(zip(range(5, 0, -1), steps(), strict=True))
    context = {"survey": asked, "questions": asked.questions.all(), "choices": choices, "problem": problem}
    return page(request, "performance/answer.html", context, status=422 if problem else 200)


# ── self-evaluation ──────────────────────────────────────────────────────────────────────────────────────────────────


def _evaluation(request: HttpRequest, pk: int) -> SelfEvaluation:
    rows = SelfEvaluation.objects.select_related("programme", "rule_set")
    return access.fetch(request.user, VIEW, rows, programme=pk)


@require_POST
@require_act("performance.evaluation.edit")
def draft_evaluation(request: HttpRequest, pk: int) -> HttpResponse:
    made = actions.draft_evaluation(_programme(request, pk), request.user)
    return redirect(request, made.get_absolute_url(), _("The numbers were taken anew."))


@require_act(VIEW)
def evaluation(request: HttpRequest, pk: int) -> HttpResponse:
    subject = _evaluation(request, pk)
    rows = list(subject.rows.select_related("indicator"))
    writable = subject.state == "draft" and access.may(request.user, "performance.evaluation.edit", subject)
    form = forms.EvaluationForm(
        rows, request.POST or None,
        initial={"department": subject.department, "done": subject.done, "execution_weight": subject.execution_weight,
                 "execution_reason": subject.execution_reason},
    )  # fmt: skip
    if request.method == "POST" and writable and form.is_valid():
        try:
            actions.edit_evaluation(subject, request.user, **form.taken())
            return redirect(request, subject.get_absolute_url(), _("Saved; the points were worked out anew."))
        except Refusal as refusal:
            _refused(form, refusal)
    lines = [(row, form.fields_of(row), exports.actual(row)) for row in rows]
    return page(
        request, "performance/evaluation.html",
        {"evaluation": subject, "programme": subject.programme, "lines": lines, "form": form, "writable": writable,
         "grade": grade(subject)},
        status=422 if form.errors else 200,
    )  # fmt: skip


def grade(subject: SelfEvaluation) -> tuple[str, str]:
    """The grade in words and its tone."""
    from chengheng.performance.rules import scoring

    named = {
        "excellent": (_("excellent"), "good"), "good": (_("good"), "good"), "fair": (_("fair"), "warn"),
        "poor": (_("poor"), "bad"),
    }  # fmt: skip
    code = scoring.grade(subject.total, subject.rule_set.rules)
    return named.get(code, (code, "none"))


@require_act(VIEW)
def print_evaluation(request: HttpRequest, pk: int) -> HttpResponse:
    """The official form as a page for the printer."""
    subject = _evaluation(request, pk)
    boxes = exports.form(subject)
    count = max(box.row + box.down for box in boxes)
    rows = [sorted((box for box in boxes if box.row == row), key=lambda box: box.column) for row in range(count)]
    return page(
        request, "performance/print.html", {"evaluation": subject, "rows": rows, "titles": exports.title(subject)}
    )


@require_act(VIEW)
def export_evaluation(request: HttpRequest, pk: int, style: str) -> HttpResponse:
    if style not in FORMATS:
        raise NotFound
    subject = _evaluation(request, pk)
    make, media_type = FORMATS[style]
    response = HttpResponse(make(subject), content_type=media_type)
    from urllib.parse import quote

    name = quote(f"{subject.programme.year} {subject.programme.name} 绩效自评表.{style}")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    trail.viewed(request.user, subject, "trail.export", style=style)
    return response


# ── report, roll-over ────────────────────────────────────────────────────────────────────────────────────────────────


@require_act(VIEW)
def report(request: HttpRequest) -> HttpResponse:
    """Money and results on two tracks, as of a month's end (?as_of=), to be printed monthly and at mid-year."""
    years = queries.years()
    year = forms.year_of(request.GET.get("year", ""), years, timezone.localdate())
    as_of = _day(request, year)
    found = queries.overview(year, request.user, as_of)
    total = sum(one.budget_fen for one in found)
    spent = sum(one.spent_fen or 0 for one in found)
    lights: dict[str, int] = {}
    for one in found:
        for line in one.indicators:
            lights[line.light] = lights.get(line.light, 0) + 1
    months = [measures.Period.month(year, number).end for number in range(1, 13)]
    return page(
        request, "performance/report.html",
        {"year": year, "years": years or [year], "as_of": as_of, "found": found, "total_fen": total,
         "spent_fen": spent if any(one.spent_fen is not None for one in found) else None, "lights": lights,
         "months": months, "rate": spent * 100 / total if total else None},
    )  # fmt: skip


@require_act("performance.programme.roll_over")
def roll_over(request: HttpRequest) -> HttpResponse:
    years = queries.years()
    year = forms.year_of(request.GET.get("year", ""), years, timezone.localdate())
    rows = [(row, row.after.first()) for row in queries.programmes(year, request.user)]
    return page(request, "performance/roll_over.html", {"rows": rows, "year": year, "years": years or [year]})


@require_POST
@require_act("performance.programme.roll_over")
def roll_over_one(request: HttpRequest, pk: int) -> HttpResponse:
    following = actions.roll_over(_programme(request, pk), request.user)
    return redirect(request, reverse("performance:compare", args=[following.pk]), _("The draft was drawn up."))


@require_act(VIEW)
def compare_years(request: HttpRequest, pk: int) -> HttpResponse:
    subject = _programme(request, pk)
    return page(request, "performance/compare.html", {"programme": subject, "lines": queries.side_by_side(subject)})
