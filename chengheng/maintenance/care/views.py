"""Pages of spare parts, of what helps, and the page on which whoever reported follows a fault."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from chengheng.common import trail
from chengheng.common.errors import Refusal
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.limits import Buckets
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.maintenance.care import actions
from chengheng.maintenance.care.forms import ArticleForm, MoveForm, RatingForm, SpareForm
from chengheng.maintenance.care.models import Article, Rating, Spare
from chengheng.maintenance.errors import TooManyReports
from chengheng.maintenance.models import Fault, Report

RATINGS_PER_MINUTE = 12
_ratings = Buckets()


def _form(request: HttpRequest, form: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back}
    return page(request, "maintenance/form.html", context, status=422 if form.errors else 200)


@require_act("maintenance.spare.change")
def spare_new(request: HttpRequest) -> HttpResponse:
    """Keep another kind of part."""
    form = SpareForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = actions.keep_spare(form.row(), request.user)
        return redirect(request, made.get_absolute_url(), _("Kept. Now book how many there are."))
    return _form(request, form, _("Add a spare part"), reverse("maintenance:spares"))


@require_act("maintenance.spare.change")
def spare_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a part's entry; its stock stays."""
    row = access.fetch(request.user, "maintenance.spare.change", Spare.objects.all(), pk=pk)
    form = SpareForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.keep_spare(form.row(), request.user)
        return redirect(request, row.get_absolute_url(), _("Saved."))
    return _form(request, form, str(row), row.get_absolute_url())


@require_act("maintenance.spare.view")
def spare(request: HttpRequest, pk: int) -> HttpResponse:
    """One part: how many there are, where, every movement; who may books one here."""
    row = access.fetch(request.user, "maintenance.spare.view", Spare.objects.select_related("system"), pk=pk)
    may = access.may(request.user, "maintenance.spare.change", row)
    form = MoveForm(request.POST or None) if may else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            actions.move_spare(row, request.user, **form.cleaned_data)
            return redirect(request, row.get_absolute_url(), _("Booked."))
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else "count", str(refusal))
    moves = row.moves.select_related("by", "fault")[:50]
    status = 422 if form is not None and form.errors else 200
    return page(
        request, "maintenance/care/spare.html", {"spare": row, "form": form, "moves": moves}, status=status
    )  # fmt: skip


@require_act("maintenance.knowledge.view")
def article(request: HttpRequest, pk: int) -> HttpResponse:
    """What helps with a trouble."""
    rows = Article.objects.select_related("by", "fault__device")
    row = access.fetch(request.user, "maintenance.knowledge.view", rows, pk=pk)
    fault = row.fault if row.fault and access.may(request.user, "maintenance.fault.view", row.fault) else None
    context = {
        "article": row,
        "fault": fault,
        "may_change": access.may(request.user, "maintenance.knowledge.write", row),
    }
    return page(
        request, "maintenance/care/article.html", context | {"history": trail.history(row).order_by("-at")[:10]}
    )


@require_act("maintenance.knowledge.write")
def article_new(request: HttpRequest) -> HttpResponse:
    """Write down what helps; ?fault= starts from a repair."""
    told = request.GET.get("fault", "")
    fault = None
    if told.isascii() and told.isdigit() and len(told) < 18:
        rows = Fault.objects.select_related("device")
        fault = access.fetch(request.user, "maintenance.fault.view", rows, pk=int(told))
    first = {"title": fault.title, "kind": fault.device.kind, "model": fault.device.model, "symptom": fault.title,
             "solution": fault.solution} if fault else {}  # fmt: skip
    form = ArticleForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        made.fault = fault
        actions.keep_article(made, request.user)
        return redirect(request, made.get_absolute_url(), _("Kept."))
    back = fault.get_absolute_url() if fault else reverse("maintenance:articles")
    return _form(request, form, _("Write an article"), back)


@require_act("maintenance.knowledge.write")
def article_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an article, or say that it is not valid any more."""
    row = access.fetch(request.user, "maintenance.knowledge.write", Article.objects.all(), pk=pk)
    form = ArticleForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.keep_article(form.save(commit=False), request.user)
        return redirect(request, row.get_absolute_url(), _("Saved."))
    return _form(request, form, str(row), row.get_absolute_url())


@login_not_required
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Behind the unguessable address that whoever reported was given: how the fault stands, and how the repair was."""
    report = Report.objects.filter(token=token).exclude(token="").select_related("fault__device__site").first()
    if report is None:
        raise Http404
    fault = report.fault
    may_rate = fault.state in actions.RATED_IN and not fault.void
    known = Rating.objects.filter(report=report).first()
    first = {"score": known.score, "words": known.words} if known else None
    form = RatingForm(request.POST or None, initial=first) if may_rate else None
    thanked = False
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            if _ratings.take(request.META.get("REMOTE_ADDR", ""), RATINGS_PER_MINUTE):
                raise TooManyReports
            actor = request.user if request.user.is_authenticated else SYSTEM
            actions.rate(report, score=form.cleaned_data["score"], words=form.cleaned_data["words"], actor=actor)
            thanked = True
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    steps = [
        (_("Reported"), report.at), (_("Responded"), fault.responded_at), (_("On site"), fault.arrived_at),
        (_("Fixed"), fault.fixed_at), (_("Repair verified"), fault.verified_at),
    ]  # fmt: skip
    context = {"fault": fault, "report": report, "form": form, "known": known, "thanked": thanked,
               "steps": [(label, at) for label, at in steps if at],
               "may_return": fault.state in ("fixed", "verified")}  # fmt: skip
    return page(
        request, "maintenance/care/follow.html", context, status=422 if form is not None and form.errors else 200
    )
