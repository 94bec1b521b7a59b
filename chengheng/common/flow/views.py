"""The dialog in which a step is taken, for every flow: the form from the step's table entry, then the step itself."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chengheng.common import files
from chengheng.common.errors import NotFound, Refusal
from chengheng.common.flow.engine import take
from chengheng.common.flow.forms import StepForm
from chengheng.common.flow.models import Moving
from chengheng.common.flow.table import Step, flows
from chengheng.common.people import access
from chengheng.common.ui.views import back, redirect, signed_in


def _find(flow_code: str, pk: int, name: str, user: Any) -> tuple[Moving, Step]:
    for flow, model in flows():
        if flow.code == flow_code:
            try:
                step = flow.step(name)
            except KeyError:
                raise NotFound from None
            return access.fetch(user, step.act, model._default_manager.all(), pk=pk), step
    raise NotFound


@signed_in
def take_step(request: HttpRequest, flow_code: str, pk: int, name: str) -> HttpResponse:
    """GET: the step's form as a dialog's content. POST: take it; a refusal is shown in the form, nothing is lost."""
    subject, step = _find(flow_code, pk, name, request.user)
    if request.method != "POST":
        form = StepForm(step, subject, request.user)
    else:
        form = StepForm(step, subject, request.user, request.POST, request.FILES)
        if form.is_valid():
            try:
                _take(subject, step, request.user, form.taken(), request.POST.get("version", ""))
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            else:
                return redirect(request, back(request, subject.get_absolute_url()), str(step.label))
    context = {"form": form, "step": step, "subject": subject, "flow_code": flow_code}
    return render(request, "flow/step.html", context, status=422 if form.errors else 200)


@transaction.atomic
def _take(subject: Moving, step: Step, user: Any, answer: dict[str, Any], version: str) -> None:
    uploads = answer.pop("files")
    if version.isdigit():
        answer["version"] = int(version)
    for kind, uploaded in uploads.items():
        kept = [files.attach(files.store(file, file.name), subject, kind, user, name=file.name) for file in uploaded]
        answer["data"][kind] = [attachment.file.sha256 for attachment in kept]
    if step.by is not None:
        step.by(subject, user, **answer)
    else:
        take(subject, step.name, user, **answer)
