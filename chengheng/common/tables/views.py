"""The list page and what belongs to it. Views parse, ask, render; the deciding is in `asking` and `actions`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from chengheng.common.errors import Invalid, NotFound, Refusal
from chengheng.common.jobs.models import Job, State
from chengheng.common.people import access
from chengheng.common.tables import actions, asking, declaration, exporting
from chengheng.common.tables.declaration import BulkAction, Column, Listing, Table
from chengheng.common.tables.filters import Filter
from chengheng.common.tables.models import Layout, SavedView
from chengheng.common.ui.views import page, redirect, require_act, signed_in


@dataclass
class Head:
    """A column's head: where a click sorts to, and how it is sorted now."""

    column: Column
    url: str = ""
    order: str = ""  # "ascending", "descending", "" as aria-sort says it


@dataclass
class Line:
    """One row as the template draws it."""

    row: Any
    key: str
    url: str
    css: str
    cells: list[tuple[Column, Any, str]]


@dataclass
class Control:
    """A filter as the template draws it."""

    filter: Filter
    shown: dict[str, Any]
    problem: str = ""
    active: bool = False


@dataclass
class Chip:
    """An active filter in words, and the address without it."""

    label: str | Promise
    text: str
    without: str


@dataclass
class ListPage:
    """Everything the list template needs."""

    table: Table
    base: str
    listing: Listing
    rows: list[Line] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)
    buttons: list[tuple[Any, str]] = field(default_factory=list)
    bulk: list[BulkAction] = field(default_factory=list)
    saved: list[SavedView] = field(default_factory=list)
    count: int | None = None
    count_to: int = asking.COUNT_TO
    sizes: tuple[int, ...] = asking.PAGE_SIZES
    size: int = 50
    before: str = ""
    after: str = ""
    first: str = ""
    question: str = ""
    sorted: str = ""
    """The sort that was asked for, so that filtering keeps it."""
    problem: str = ""
    may_export: bool = False
    filtered: bool = False

    @property
    def numeric(self) -> set[str]:
        return {column.name for column in self.listing.columns if column.kind in declaration.NUMERIC}

    @cached_property
    def openings(self) -> dict[str, str]:
        """The first tag of each column's cells, by the column's name."""
        found: dict[str, str] = {}
        for column in self.listing.columns:
            kind = f"{column.kind} num" if column.name in self.numeric else column.kind
            found[column.name] = format_html('<td class="kind-{}" data-label="{}">', kind, column.label)
        return found

    @property
    def chosen_names(self) -> set[str]:
        return {column.name for column in self.listing.columns}


def view(table_class: type[Table]) -> Callable[..., HttpResponseBase]:
    """The list page of a table, for a room's own `urls.py`; acts and exports go over `/list/<code>/…`."""
    declaration.register(table_class)

    @require_GET
    @require_act(table_class.act)
    def show(request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return show_table(request, table_class())

    return show


@require_GET
@signed_in
def generic(request: HttpRequest, code: str) -> HttpResponse:
    """`/list/<code>/`."""
    table = _table(request, code)
    return show_table(request, table)


def show_table(request: HttpRequest, table: Table) -> HttpResponse:
    """The page of a table for this request; the caller has asked for permission, `table.visible` scopes the rows."""
    shown = build(request, table)
    return page(request, "tables/list.html", {"list": shown}, partial="tables/_list.html")


def build(request: HttpRequest, table: Table) -> ListPage:
    """Read the page that the request asks for. The number of queries does not depend on the number of rows."""
    user = request.user
    params: QueryDict = request.GET
    layout = Layout.objects.filter(user=user.pk, table=table.code).first()
    saved = list(SavedView.objects.filter(user=user.pk, table=table.code))
    current = next((one for one in saved if str(one.pk) == params.get("view")), None)
    if current is not None:
        kept = QueryDict(current.query, mutable=True)
        for name in ("after", "before"):
            if name in request.GET:
                kept[name] = request.GET[name]
        params = kept
    names = current.columns if current is not None else layout.columns if layout is not None else []
    size = (layout.page_size if layout is not None else None) or table.page_size
    listing = asking.parse(table, user, params, names)
    question = asking.question(table, params)
    shown = ListPage(table, request.path, listing, saved=saved, size=size)
    shown.question = question.urlencode()
    shown.sorted = question.get("sort", "")
    shown.first = _address(request.path, question)
    shown.filtered = bool(listing.values)
    try:
        found = asking.read_page(listing, size, params.get("after", ""), params.get("before", ""))
    except Refusal as refusal:
        shown.problem = str(refusal)
    else:
        shown.rows = [
            Line(row, str(row.pk), table.row_url(row), table.row_class(row), asking.cells(listing.columns, row))
            for row in found.rows
        ]
        shown.before = _address(request.path, question, before=found.before) if found.before else ""
        shown.after = _address(request.path, question, after=found.after) if found.after else ""
        shown.count = len(found.rows) if not found.before and not found.after else asking.bounded_count(listing)
    shown.heads = _heads(request.path, listing, question)
    shown.controls = [
        Control(one, one.shown(params, user), listing.problems.get(one.name, ""), one.name in listing.values)
        for one in table.filters
    ]
    shown.chips = [
        Chip(one.label, one.describe(listing.values[one.name]), _address(request.path, question, drop=one.parameters))
        for one in table.filters
        if one.name in listing.values
    ]
    shown.bulk = [action for action in table.actions if access.may(user, action.act)]
    shown.buttons = [
        (entry[0], reverse(entry[1])) for entry in table.navigation if len(entry) < 3 or access.grants(user, entry[2])
    ]
    shown.may_export = actions.may_export(user, table)
    return shown


def _heads(path: str, listing: Listing, question: QueryDict) -> list[Head]:
    sorts = listing.table.sorts(listing.queryset.model)
    heads = []
    for column in listing.columns:
        head = Head(column)
        if column.name in sorts:
            mine = listing.sort.name == column.name
            if mine:
                head.order = "descending" if listing.sort.descending else "ascending"
            head.url = _address(path, question, sort=f"-{column.name}" if head.order == "ascending" else column.name)
        heads.append(head)
    return heads


def _address(path: str, question: QueryDict, drop: list[str] | None = None, **changes: str) -> str:
    params = question.copy()
    for name in drop or []:
        params.pop(name, None)
    for name, value in changes.items():
        params[name] = value
    text = params.urlencode()
    return f"{path}?{text}" if text else path


# ── what belongs to the page ───────────────────────────────────────────────────────────────────────────────────────


def _table(request: HttpRequest, code: str) -> Table:
    table = declaration.get(code)()
    table.require(request.user)
    return table


def _back(request: HttpRequest, table: Table, query: str = "") -> str:
    base = request.POST.get("base", "")
    if not url_has_allowed_host_and_scheme(base, {request.get_host()}, request.is_secure()):
        base = reverse("tables:list", args=[table.code])
    return f"{base}?{query}" if query else base


@require_POST
@signed_in
def layout(request: HttpRequest, code: str) -> HttpResponse:
    """Keep the chosen columns and the rows a page."""
    table = _table(request, code)
    size = request.POST.get("page_size", "")
    actions.keep_layout(
        request.user, table, request.POST.getlist("columns"), int(size) if size.isdecimal() and len(size) < 5 else None
    )
    return redirect(
        request, _back(request, table, asking.question(table, QueryDict(request.POST.get("question"))).urlencode())
    )


@require_POST
@signed_in
def save_view(request: HttpRequest, code: str) -> HttpResponse:
    """Give the present question a name."""
    table = _table(request, code)
    columns = [column.name for column in build_columns(request, table)]
    saved = actions.save_view(
        request.user, table, request.POST.get("name", ""), QueryDict(request.POST.get("question")), columns
    )
    return redirect(request, _back(request, table, f"view={saved.pk}"), _("The view is saved."))


def build_columns(request: HttpRequest, table: Table) -> list[Column]:
    """The columns that this user sees of the table now."""
    layout = Layout.objects.filter(user=request.user.pk, table=table.code).first()
    return table.chosen(layout.columns if layout is not None else [])


@require_POST
@signed_in
def delete_view(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    table = _table(request, code)
    actions.delete_view(request.user, table, pk)
    return redirect(request, _back(request, table), _("The view is deleted."))


@require_POST
@signed_in
def act(request: HttpRequest, code: str, name: str) -> HttpResponse:
    """A bulk action on the chosen rows; the list is loaded anew afterwards."""
    table = _table(request, code)
    said = actions.act_on_chosen(request.user, table, name, request.POST.getlist("chosen"))
    query = asking.question(table, QueryDict(request.POST.get("question"))).urlencode()
    return redirect(request, _back(request, table, query), said)


@require_POST
@signed_in
def export(request: HttpRequest, code: str) -> Any:
    """The matching rows as a file: at once when there are few, as a job when there are many."""
    table = _table(request, code)
    form = request.POST.get("format", "xlsx")
    if form not in exporting.MEDIA_TYPES:
        raise Invalid(field="format")
    params = QueryDict(request.POST.get("question"))
    columns = [column.name for column in build_columns(request, table)]
    listing = actions.listing_for_export(request.user, table, params, columns)
    total = exporting.count_for_export(listing)
    if total > exporting.IN_PAGE_ROWS:
        job = actions.start_export(listing, params, form)
        return HttpResponseRedirect(job.get_absolute_url())
    actions.record_export(listing, params, form, total)
    name = actions.file_name(table, form)
    if form == "csv":
        response: HttpResponseBase = StreamingHttpResponse(
            exporting.csv_lines(listing), content_type=exporting.MEDIA_TYPES[form]
        )
        response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
        return response
    file = tempfile.TemporaryFile()  # noqa: SIM115 (FileResponse closes it)
    exporting.write_xlsx(listing, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name, content_type=exporting.MEDIA_TYPES[form])


@require_GET
@signed_in
def fetch(request: HttpRequest, job: int) -> Any:
    """The file that an export job made; only for who started it."""
    done = Job.objects.filter(pk=job, task="tables.export", actor=request.user.pk, state=State.DONE).first()
    if done is None or not done.result:
        raise NotFound
    path = exporting.export_folder() / str(done.result["file"])
    if not path.is_file():
        raise NotFound(_("This export was cleared away after some days. Make it again."))
    form = path.suffix[1:]
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=done.result["name"], content_type=exporting.MEDIA_TYPES[form]
    )
