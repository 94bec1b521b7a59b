"""Pages of what is published: monthly bulletins and the allocation of the reward."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from chengheng.common import trail
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.people import access
from chengheng.common.tables.exporting import MEDIA_TYPES
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.patrol import bulletins, exports, publishing, queries
from chengheng.patrol.forms import BulletinForm, WhatIfForm
from chengheng.patrol.models import AllocationRun, Bulletin, ScoreRuleSet
from chengheng.patrol.rules.allocation import METHODS
from chengheng.patrol.rules.statistics import COUNTS, RATIOS, REWORK_RATE

SEE, PUBLISH = "patrol.bulletin.view", "patrol.bulletin.publish"
REWARD, RUN = "patrol.allocation.view", "patrol.allocation.run"
FORMATS = {
    "docx": (exports.docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": (exports.xlsx, MEDIA_TYPES["xlsx"]),
}


def _objects(request: HttpRequest) -> dict[str, str]:
    """Collectors and the posts of the centre are people: only those who may publish see them by name."""
    found = {"district": pgettext("case", "Districts"), "department": _("Departments")}
    if not access.may(request.user, PUBLISH):
        return found
    return {
        **found, "collector": _("Collectors"), "receptionist": _("Receptionists"), "duty_chief": _("Duty chiefs"),
        "dispatcher": _("Dispatchers"),
    }  # fmt: skip


@require_act(SEE)
def list_bulletins(request: HttpRequest) -> HttpResponse:
    """What is published, the newest first, and the form that publishes a month."""
    may_publish = access.may(request.user, PUBLISH)
    form = BulletinForm(request.POST or None) if may_publish else None
    if request.method == "POST":
        access.require(request.user, PUBLISH)
        assert form is not None
        if form.is_valid():
            try:
                made = publishing.publish_bulletin(
                    request.user, form.cleaned_data["month"], note=form.cleaned_data["note"]
                )
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            else:
                return redirect(request, made.get_absolute_url(), _("Published."))
    rows = access.visible(request.user, SEE, Bulletin.objects.select_related("published_by").defer("rows", "rules"))
    return page(
        request, "patrol/bulletins.html",
        {"form": form, "rows": rows[:120], "rule_sets": ScoreRuleSet.objects.all()},
        status=422 if form is not None and form.errors else 200,
    )  # fmt: skip


@require_act(SEE)
def bulletin(request: HttpRequest, pk: int) -> HttpResponse:
    """The frozen rows; where today's figures differ, they stand beside them."""
    subject = access.fetch(request.user, SEE, Bulletin.objects.select_related("published_by"), pk=pk)
    objects, name = _objects(request), request.GET.get("of", "district")
    if name in {*bulletins.OBJECTS, *bulletins.POSTS} and name not in objects:
        access.require(request.user, PUBLISH)
    name = name if name in objects else "district"
    terms = {count.code: count.label for count in COUNTS}
    rates = {ratio.code: ratio.label for ratio in (*RATIOS, REWORK_RATE)}
    return page(
        request, "patrol/bulletin.html",
        {
            "bulletin": subject, "whole": bulletins.is_whole(subject), "rows": bulletins.compared(subject, name),
            "tabs": [{"label": text, "url": f"?of={code}", "current": code == name} for code, text in objects.items()],
            "count_labels": [terms[code] for code in bulletins.SHOWN_COUNTS],
            "ratio_labels": [rates[code] for code in bulletins.SHOWN_RATIOS],
            "editions": Bulletin.objects.filter(month=subject.month).exclude(pk=subject.pk).defer("rows", "rules"),
        },
    )  # fmt: skip


@require_act(SEE)
def bulletin_file(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """The bulletin as .docx or .xlsx; kept in the trail."""
    if form not in FORMATS:
        raise NotFound
    subject = access.fetch(request.user, SEE, Bulletin.objects.all(), pk=pk)
    write, media_type = FORMATS[form]
    content = write(subject, list(_objects(request)))
    trail.viewed(request.user, subject, "patrol.bulletin.export", format=form)
    name = f"bulletin-{subject.month}-{subject.edition}.{form}"
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


# The reward


@require_act(REWARD)
def allocations(request: HttpRequest) -> HttpResponse:
    """All workings-out of the reward."""
    rows = access.visible(request.user, REWARD, AllocationRun.objects.select_related("created_by", "approved_by"))
    context = {"rows": rows[:200], "may_run": access.may(request.user, RUN), "methods": _methods()}
    return page(request, "patrol/allocations.html", context)


@require_act(REWARD)
def allocation(request: HttpRequest, pk: int) -> HttpResponse:
    """One working-out: inputs, shares, remainder, who answers for it."""
    run = access.fetch(request.user, REWARD, AllocationRun.objects.select_related("created_by", "approved_by"), pk=pk)
    scores = {row["key"]: row for row in run.inputs}
    shares = [{**share, **{k: scores[share["key"]][k] for k in ("score", "units")}} for share in run.shares]
    return page(
        request, "patrol/allocation.html",
        {
            "run": run, "shares": shares, "method": _methods().get(run.method, run.method),
            "shared": sum(share["amount_fen"] for share in run.shares),
            "sources": run.inputs[0]["bulletins"] if run.inputs else [], "chart": _chart(shares),
        },
    )  # fmt: skip


@require_act(RUN)
def what_if(request: HttpRequest) -> HttpResponse:
    """GET works the reward out and stores nothing; POST keeps what was shown as a draft."""
    given = request.POST if request.method == "POST" else request.GET
    form = WhatIfForm(given) if given else WhatIfForm(initial=queries.what_if_defaults())
    shares: list[dict[str, Any]] = []
    result = None
    if form.is_bound and form.is_valid():
        asked = form.asked()
        try:
            if request.method == "POST":
                made = publishing.run_allocation(request.user, **asked)
                return redirect(request, made.get_absolute_url(), _("Kept as a draft."))
            rows = publishing.inputs(asked["start_month"], asked["end_month"], asked["units"])
            result = publishing.what_if(asked["method"], asked["pool_fen"], asked["parameters"], rows)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            known = {row["key"]: row for row in rows}
            shares = [
                {**known[s.key], "amount_fen": s.amount_fen, "rank": s.rank, "coefficient": s.coefficient}
                for s in result.shares
            ]
    return page(
        request, "patrol/what_if.html",
        {"form": form, "shares": shares, "result": result, "chart": _chart(shares), "asked": given},
        status=422 if form.errors else 200,
    )  # fmt: skip


def _methods() -> dict[str, Any]:
    return {code: label for code, (label, _method) in METHODS.items()}


def _chart(shares: list[dict[str, Any]]) -> dict[str, Any]:
    amounts = [round(share["amount_fen"] / 100, 2) for share in shares]
    series = [{"name": pgettext("case", "Share"), "data": amounts}] if shares else []
    return {"kind": "bar", "unit": "元", "x": [share["label"] for share in shares], "series": series}
