"""Pages of imports: choose, upload, preview, commit, undo."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chengheng.common.errors import Refusal
from chengheng.common.intake import actions, declaration, queries, store, template_file
from chengheng.common.intake.forms import UploadForm
from chengheng.common.intake.models import Batch, State
from chengheng.common.intake.tables import BatchTable
from chengheng.common.people import access
from chengheng.common.tables.views import show_table
from chengheng.common.ui.views import page, redirect, signed_in


@require_GET
@signed_in
def index(request: HttpRequest) -> HttpResponse:
    """The imports that the user may do."""
    importers = [
        {"importer": importer, "recent": list(queries.batches_of(request.user, importer.code).order_by("-at")[:3])}
        for importer in queries.importers_for(request.user)
    ]
    return page(request, "intake/index.html", {"importers": importers})


@require_http_methods(["GET", "POST"])
@signed_in
def upload(request: HttpRequest, code: str) -> HttpResponse:
    """The page of one import: template, upload, former batches."""
    importer = declaration.get(code)
    access.require(request.user, importer.act)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = actions.receive(request.user, code, file.name, file.read())
        except Refusal as refusal:
            form.add_error("file", str(refusal))
        else:
            batch = actions.start_check(request.user, batch)
            return redirect(request, batch.get_absolute_url())
    context = {
        "importer": importer,
        "form": form,
        "recent": list(queries.batches_of(request.user, code).order_by("-at")[:10]),
        "fields": importer.fields,
    }
    return page(request, "intake/upload.html", context, status=422 if form.errors else 200)


@require_GET
@signed_in
def template(request: HttpRequest, code: str) -> HttpResponse:
    """The workbook to fill in."""
    importer = declaration.get(code)
    access.require(request.user, importer.act)
    response = HttpResponse(
        template_file.build(importer(request.user)),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    return _attached(response, _("%(title)s, template.xlsx") % {"title": importer.title})


@require_GET
@signed_in
def batches(request: HttpRequest) -> HttpResponse:
    return show_table(request, BatchTable())


@require_GET
@signed_in
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """The preview of a file and, afterwards, what became of it."""
    found = queries.batch_for(request.user, pk)
    return page(request, "intake/batch.html", _context(request, found))


def _context(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    importer = declaration.get(batch.importer)
    labels = {field.name: field.label for field in importer.fields}
    read = [name for name in labels if any(name in row["cells"] for row in batch.report.get("sample", []))]
    return {
        "batch": batch,
        "importer": importer,
        "labels": [labels[name] for name in read],
        "fields": [(field.name, field.label) for field in importer.fields],
        "sample": [
            {"sheet": row["sheet"], "row": row["row"], "cells": [row["cells"].get(name, "") for name in read]}
            for row in batch.report.get("sample", [])
        ],
        "more_problems": batch.problem_count - len(batch.problems),
        "done_url": importer(request.user).done_url(batch) if batch.state == State.COMMITTED else "",
        "may_act": access.may(request.user, importer.act),
        "working": batch.job is not None and not batch.job.ended,
        "open": batch.state in (State.UPLOADED, State.FAULTY, State.READY),
    }


@require_POST
@signed_in
def match(request: HttpRequest, pk: int) -> HttpResponse:
    """Match headings by hand; remembered for the next file."""
    words, fields = request.POST.getlist("words"), request.POST.getlist("field")
    found = queries.batch_for(request.user, pk)
    seen = {column["words"]: column["field"] for sheet in found.report.get("sheets", []) for column in sheet["columns"]}
    changed = {one: field for one, field in zip(words, fields, strict=False) if one in seen and seen[one] != field}
    if changed:
        found = actions.match_headings(request.user, pk, changed)
    return redirect(request, found.get_absolute_url())


@require_POST
@signed_in
def check(request: HttpRequest, pk: int) -> HttpResponse:
    found = actions.start_check(request.user, queries.batch_for(request.user, pk))
    return redirect(request, found.get_absolute_url())


@require_POST
@signed_in
def commit(request: HttpRequest, pk: int) -> HttpResponse:
    found = actions.start_commit(request.user, queries.batch_for(request.user, pk))
    return redirect(request, found.get_absolute_url())


@require_POST
@signed_in
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    found = actions.undo_batch(request.user, pk, request.POST.get("note", "")[:500])
    return redirect(request, found.get_absolute_url(), _("The import was undone."))


@require_GET
@signed_in
def file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it was uploaded."""
    found = queries.batch_for(request.user, pk)
    return _attached(HttpResponse(store.fetch(found.sha256), content_type="application/octet-stream"), found.name)


def _attached(response: HttpResponse, name: str) -> HttpResponse:
    from urllib.parse import quote

    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
