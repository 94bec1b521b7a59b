"""Pages of finance: parse, call one action or query, render."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common import files, intake, trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.finance import actions, dashboards, elimination, imports, papers, queries
from chengheng.finance.forms import ConsolidationForm, ParameterForm, StandardFileForm
from chengheng.finance.models import (
    TABLES,
    Aspect,
    BatchKind,
    Doubt,
    EvidenceBatch,
    Finding,
    Line,
    RuleChange,
    RuleRun,
    Unit,
)
from chengheng.finance.rules import catalogue
from chengheng.finance.tables import LEVEL_TONES, doubt_tone, issued_to

MOST_BYTES = 2 * 1024 * 1024 * 1024


@require_act("finance.finding.view")
def overview(request: HttpRequest) -> HttpResponse:
    """All aspects and units at a glance."""
    may_export = access.may(request.user, "finance.paper.export")
    return page(request, "finance/overview.html", {**queries.overview(request.user), "may_export": may_export})


@require_act("finance.finding.view")
def aspect(request: HttpRequest, pk: str) -> HttpResponse:
    """An aspect: its rules, and what they found where."""
    subject = Aspect.objects.filter(pk=pk).first()
    if subject is None:
        raise NotFound
    findings = access.visible(
        request.user, "finance.finding.view", Finding.objects.filter(aspect=subject, outdated_at__isnull=True)
    )
    rules = [rule for rule in catalogue.rules().values() if rule.aspect == pk]
    return page(
        request, "finance/aspect.html",
        {"aspect": subject, "rules": rules, "beside": dashboards.of_aspect(request.user, pk), "findings": findings.select_related("unit__organisation")[:100],
         "number": findings.count(), "tones": LEVEL_TONES},
    )  # fmt: skip


@require_act("finance.doubt.view")
def doubt(request: HttpRequest, pk: int) -> HttpResponse:
    """One doubt with its finding and all that happened."""
    rows = issued_to(request.user, Doubt.objects.select_related("unit__organisation", "aspect", "finding"))
    subject = access.fetch(request.user, "finance.doubt.view", rows, pk=pk)
    return page(
        request, "finance/doubt.html",
        {"doubt": subject, "tone": doubt_tone(subject), "rule": catalogue.rules()[subject.finding.rule], "papers": files.of(subject),
         "evidence": _evidence(request, subject.finding),
         "may_see_finding": access.may(request.user, "finance.finding.view", subject.finding),
         "may_export": access.may(request.user, "finance.paper.export", subject)},
    )  # fmt: skip


def _evidence(request: HttpRequest, finding: Finding) -> dict[str, Any]:
    """The rows behind a finding, masked by role; a view of private rows is kept in the trail."""
    head, rows, masked = queries.rows_of(finding, request.user)
    if finding.table in queries.PRIVATE and rows:
        trail.viewed(request.user, finding, "finance.finding.view", masked=masked, rows=len(rows))
    urls = queries.vouchers_of(finding) if finding.table == "lines" else [""] * len(rows)
    return {"head": head, "rows": [{"cells": cells, "url": url} for cells, url in zip(rows, urls, strict=True)],
            "masked": masked}  # fmt: skip


@require_act("finance.finding.view")
def finding(request: HttpRequest, pk: int) -> HttpResponse:
    """One finding with everything that it stands on."""
    subject = access.fetch(
        request.user, "finance.finding.view", Finding.objects.select_related("unit__organisation", "aspect"), pk=pk
    )
    batches = EvidenceBatch.objects.filter(pk__in=[one[0] for found in subject.batches.values() for one in found])
    return page(
        request, "finance/finding.html",
        {"finding": subject, "rule": catalogue.rules()[subject.rule], "batches": batches.select_related("unit__organisation"),
         "doubt": Doubt.objects.filter(finding=subject).first(), "evidence": _evidence(request, subject),
         "tone": LEVEL_TONES.get(subject.level, "info"),
         "may_raise": access.may(request.user, "finance.doubt.raise", subject)},
    )  # fmt: skip


@require_POST
@require_act("finance.doubt.raise")
def raise_doubt(request: HttpRequest, pk: int) -> HttpResponse:
    """Take up a finding."""
    subject = access.fetch(request.user, "finance.doubt.raise", Finding.objects.all(), pk=pk)
    made = actions.raise_doubt(subject, request.user)
    return redirect(request, made.get_absolute_url(), _("Taken up as a candidate doubt."))


@require_act("finance.rule.view")
def rules(request: HttpRequest) -> HttpResponse:
    """All rules by aspect; those that cannot be executed yet are named."""
    found = catalogue.rules().values()
    return page(
        request, "finance/rules.html",
        {"aspects": [(one, [rule for rule in found if rule.aspect == one.pk]) for one in Aspect.objects.all()],
         "executable": sum(rule.executable for rule in found), "number": len(found), "tones": LEVEL_TONES},
    )  # fmt: skip


@require_act("finance.rule.view")
def rule(request: HttpRequest, code: str) -> HttpResponse:
    """One rule: its logic, its basis, its parameters and proposals; the rule editor proposes new ones."""
    subject = catalogue.rules().get(code)
    if subject is None:
        raise NotFound
    may_change = access.may(request.user, "finance.rule.change") and bool(subject.parameters)
    form = ParameterForm(subject, request.POST or None) if may_change else None
    if request.method == "POST":
        access.require(request.user, "finance.rule.change")
        if form is not None and form.is_valid():
            given = form.cleaned_data
            actions.propose_change(
                request.user, code, given["name"], given["value"], valid_from=given["valid_from"],
                source=given["source"], unit=given["unit"],
            )  # fmt: skip
            text = _("Proposed. The books are asked what it would find; somebody else puts it in force.")
            return redirect(request, reverse("finance:rule", args=[code]), text)
    runs = access.visible(request.user, "finance.finding.view", RuleRun.objects.filter(rule=code))
    return page(
        request, "finance/rule.html",
        {**queries.rule_page(subject, request.user), "form": form, "runs": runs.select_related("unit__organisation")[:50],
         "aspect": Aspect.objects.get(pk=subject.aspect), "tone": LEVEL_TONES[subject.level]},
    )  # fmt: skip


@require_POST
@require_act("finance.rule.view")
def decide_change(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Put a proposal in force, or take it back."""
    change = access.fetch(
        request.user, "finance.rule.view", RuleChange.objects.select_related("unit__organisation"), pk=pk
    )
    if decision == "enforce":
        actions.enforce_change(change, request.user)
        return redirect(request, change.get_absolute_url(), _("The new value is in force."))
    actions.withdraw_change(change, request.user)
    return redirect(request, change.get_absolute_url(), _("The proposal is withdrawn."))


@require_act("finance.unit.view")
def unit(request: HttpRequest, pk: int) -> HttpResponse:
    """One unit: its money at a glance, what the rules say, which evidence is there."""
    subject = access.fetch(request.user, "finance.unit.view", Unit.objects.select_related("organisation"), pk=pk)
    view = request.GET.get("view", "")
    found = queries.unit_page(request.user, subject, view)
    labels = {"": _("At a glance"), "rules": _("All rules"), "evidence": _("Evidence")}
    tabs = [
        {"label": labels[name], "url": f"?view={name}" if name else "?", "current": name == view, "count": None}
        for name in found["views"]
    ]
    return page(
        request, "finance/unit.html",
        {"unit": subject, "tones": LEVEL_TONES, **found, "tabs": tabs, "may_run": access.may(request.user, "finance.rule.run", subject)},
    )  # fmt: skip


@require_act("finance.line.view")
def rows(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """A unit's rows of a kind of evidence, behind a number; private cells masked by role, the view recorded."""
    subject = access.fetch(request.user, "finance.line.view", Unit.objects.select_related("organisation"), pk=pk)
    if kind not in TABLES:
        raise NotFound
    found = queries.evidence_rows(request.user, subject, kind, request.GET)
    if kind in queries.PRIVATE and found["rows"]:
        trail.viewed(
            request.user, subject, "finance.line.view", kind=kind, masked=found["masked"], rows=len(found["rows"])
        )
    return page(request, "finance/rows.html", {"unit": subject, "kind": queries.kind_label(kind), "evidence": found})


@require_act("finance.unit.view")
def consolidated(request: HttpRequest) -> HttpResponse:
    """The units of an organisation as one, without what they did with one another."""
    tops = dashboards.tops(request.user)
    years = list(
        EvidenceBatch.objects.filter(kind="lines", current=True)
        .order_by("-year")
        .values_list("year", flat=True)
        .distinct()
    )
    form = ConsolidationForm(tops, years, request.GET if "of" in request.GET else None)
    if not tops or not years:
        return page(request, "finance/consolidated.html", {"nothing": True})
    top, year = tops[0], years[0]
    if form.is_bound and form.is_valid():
        top, year = next(one for one in tops if one.pk == form.cleaned_data["of"]), form.cleaned_data["year"]
    return page(
        request, "finance/consolidated.html", {"form": form, **dashboards.consolidated(request.user, top, year, 12)}
    )


@require_act("finance.line.view")
def dealing(request: HttpRequest, pair: str, claimer: int, debtor: int, year: int) -> HttpResponse:
    """What two units booked of one another, side by side; rows that nothing answers are marked."""
    name = {**elimination.names(), elimination.DEALINGS: _("Expense—income")}.get(pair)
    if name is None:
        raise NotFound
    units = Unit.objects.select_related("organisation")
    one, other = (access.fetch(request.user, "finance.line.view", units, pk=pk) for pk in (claimer, debtor))
    return page(
        request, "finance/dealing.html",
        {"name": name, "claimer": one, "debtor": other, "year": year,
         **elimination.difference(pair, one, other, year, 12, dashboards.FLOWS)},
    )  # fmt: skip


@require_POST
@require_act("finance.rule.run")
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """Run every rule for the unit's latest period, or the one given."""
    subject = access.fetch(request.user, "finance.rule.run", Unit.objects.all(), pk=pk)
    latest = EvidenceBatch.objects.filter(unit=subject, current=True, kind="lines").order_by("-year", "-period").first()
    if latest is None:
        return redirect(request, subject.get_absolute_url(), _("There are no voucher lines of this unit yet."), "warn")
    runs = actions.run_rules(request.user, subject, latest.year, latest.period)
    text = _("%(rules)s rules were run; they found %(findings)s doubts.") % {
        "rules": len(runs), "findings": sum(one.findings for one in runs)}  # fmt: skip
    return redirect(request, subject.get_absolute_url(), text)


@require_act("finance.batch.view")
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """One batch of evidence, its hash and its place in the row of replacements."""
    subject = access.fetch(
        request.user,
        "finance.batch.view",
        EvidenceBatch.objects.select_related("unit__organisation", "replaces", "imported_by"),
        pk=pk,
    )
    after = EvidenceBatch.objects.filter(replaces=subject).first()
    return page(request, "finance/batch.html", {"batch": subject, "after": after})


@require_act("finance.line.view")
def voucher(request: HttpRequest, pk: int) -> HttpResponse:
    """One voucher with all its lines."""
    holder = access.fetch(
        request.user,
        "finance.line.view",
        EvidenceBatch.objects.select_related("unit__organisation"),
        pk=pk,
        kind="lines",
    )
    word, number = request.GET.get("word", "")[:12], request.GET.get("number", "")[:24]
    lines = list(Line.objects.filter(batch=holder, word=word, number=number))
    if not lines:
        raise Http404
    return page(
        request, "finance/voucher.html",
        {"batch": holder, "lines": lines, "first": lines[0], "debit": sum(one.debit_fen for one in lines),
         "credit": sum(one.credit_fen for one in lines)},
    )  # fmt: skip


@require_act("finance.batch.import")
def import_evidence(request: HttpRequest) -> HttpResponse:
    """The ways in: spreadsheets of each kind, and a GB/T 24589 file taken at once."""
    form = StandardFileForm(request.user, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        file = given["file"]
        if file.size > MOST_BYTES:
            form.add_error("file", _("The file is larger than %(limit)s MB.") % {"limit": MOST_BYTES // 1024 // 1024})
        else:
            try:
                made = imports.import_24589(request.user, given["unit"], file.file, file.name)
            except Refusal as refusal:
                form.add_error("file", str(refusal))
            else:
                text = _("%(batches)s batches were imported and checked.") % {"batches": len(made)}
                return redirect(request, given["unit"].get_absolute_url(), text)
    order = [f"finance.{kind}" for kind in BatchKind.values]
    importers = sorted((one for one in intake.registered() if one.code in order), key=lambda one: order.index(one.code))
    return page(request, "finance/import.html", {"form": form, "importers": importers})


@require_act("finance.paper.export")
def paper(request: HttpRequest, kind: str) -> HttpResponse:
    """A list for the files: 疑点清单, 整改台账 or 三公经费统计表."""
    if kind not in papers.BOOKS:
        raise NotFound
    name, content = papers.book(kind, request.user)
    return _download(name, content, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


@require_act("finance.paper.export")
def annual(request: HttpRequest, year: int, form: str) -> HttpResponse:
    """The annual report as a document or as tables."""
    if form not in papers.ANNUAL:
        raise NotFound
    name, content = papers.annual(year, form, request.user)
    return _download(name, content, papers.ANNUAL[form])


@require_act("finance.paper.export")
def working_paper(request: HttpRequest, pk: int) -> HttpResponse:
    """审计工作底稿 of one doubt."""
    subject = access.fetch(
        request.user,
        "finance.paper.export",
        Doubt.objects.select_related("unit__organisation", "aspect", "finding"),
        pk=pk,
    )
    content = papers.working_paper(subject, request.user)
    return _download(f"审计工作底稿-{subject.number}.docx", content,
                     "application/vnd.openxmlformats-officedocument.wordprocessingml.document")  # fmt: skip


def _download(name: str, content: bytes, kind: str) -> HttpResponse:
    from urllib.parse import quote

    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
