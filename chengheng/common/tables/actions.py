"""What people do with lists: keep columns and views, act on chosen rows, take an export away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chengheng.common import jobs, trail
from chengheng.common.errors import Invalid, NotFound, NotPermitted
from chengheng.common.jobs.models import Job
from chengheng.common.people import access
from chengheng.common.tables import asking
from chengheng.common.tables.declaration import Listing, Table
from chengheng.common.tables.errors import NotAllYours, NothingChosen
from chengheng.common.tables.models import Layout, SavedView
from chengheng.common.trail import acts

EXPORT = acts.declare("tables.export", gettext_lazy("Export a list"))
MOST_CHOSEN = 1_000
MOST_VIEWS = 50


@transaction.atomic
def keep_layout(user: Any, table: Table, columns: Sequence[str], page_size: int | None = None) -> Layout:
    """Remember the user's columns (in order; unknown names are left out) and rows a page for this table."""
    known = [name for name in dict.fromkeys(columns) if name in table.by_name]
    if page_size is not None and page_size not in asking.PAGE_SIZES:
        raise Invalid(field="page_size")
    layout, _created = Layout.objects.update_or_create(
        user=user, table=table.code, defaults={"columns": known, "page_size": page_size}
    )
    return layout


@transaction.atomic
def save_view(user: Any, table: Table, name: str, params: QueryDict, columns: Sequence[str]) -> SavedView:
    """Give the present filter, sort and columns a name; the same name again replaces it."""
    name = " ".join(name.split())[:60]
    if not name:
        raise Invalid(_("Give the view a name."), field="name")
    if SavedView.objects.filter(user=user, table=table.code).exclude(name=name).count() >= MOST_VIEWS:
        raise Invalid(_("You have %(count)s saved views of this list; delete one first.") % {"count": MOST_VIEWS})
    view, _created = SavedView.objects.update_or_create(
        user=user,
        table=table.code,
        name=name,
        defaults={
            "query": asking.question(table, params).urlencode(),
            "columns": [one for one in columns if one in table.by_name],
        },
    )
    return view


@transaction.atomic
def delete_view(user: Any, table: Table, pk: int) -> None:
    """Forget one's own saved view; NotFound for another's."""
    deleted, _by_model = SavedView.objects.filter(user=user, table=table.code, pk=pk).delete()
    if not deleted:
        raise NotFound


@transaction.atomic
def act_on_chosen(user: Any, table: Table, name: str, keys: Sequence[str]) -> str:
    """Perform a bulk action on all chosen rows or on none; returns the sentence to show.

    NotPermitted, NothingChosen, NotAllYours (a row outside the user's reach for that act, or gone), and whatever the
    action itself refuses.
    """
    action = next((one for one in table.actions if one.name == name), None)
    if action is None:
        raise NotFound
    access.require(user, action.act)
    wanted = set(keys)
    if not wanted:
        raise NothingChosen
    if len(wanted) > MOST_CHOSEN:
        raise Invalid(_("At most %(count)s rows at once.") % {"count": MOST_CHOSEN})
    queryset = access.visible(user, action.act, table.visible(user))
    pk = queryset.model._meta.pk
    try:
        parsed = {pk.to_python(key) for key in wanted}
    except Exception as error:
        raise NotFound from error
    rows = list(queryset.filter(pk__in=parsed).order_by("pk"))
    if len(rows) != len(parsed):
        raise NotAllYours(count=len(parsed) - len(rows))
    said = action.perform(user, rows)
    return str(said) if said else _("%(action)s: %(count)s rows.") % {"action": action.label, "count": len(rows)}


def may_export(user: Any, table: Table) -> bool:
    """Whether the user may take the list's rows away."""
    if table.export_act:
        return access.may(user, table.export_act)
    try:
        table.require(user)
    except NotPermitted:
        return False
    return True


def listing_for_export(user: Any, table: Table, params: QueryDict, columns: Sequence[str]) -> Listing:
    """The rows to export: what the list shows, narrowed to the reach of the export act. Invalid for a bad filter."""
    table.require(user)
    if table.export_act:
        access.require(user, table.export_act)
    listing = asking.parse(table, user, params, list(columns))
    if listing.problems:
        name, text = next(iter(listing.problems.items()))
        raise Invalid(text, field=name)
    if table.export_act:
        listing.queryset = access.visible(user, table.export_act, listing.queryset)
    return listing


def record_export(listing: Listing, params: QueryDict, form: str, rows: int) -> None:
    """The trail's entry: who took which rows of which list away."""
    trail.viewed(
        listing.user,
        listing.queryset,
        EXPORT,
        table=listing.table.code,
        filter=asking.question(listing.table, params).urlencode(),
        columns=[column.name for column in listing.columns if column.export],
        format=form,
        rows=rows,
    )


def start_export(listing: Listing, params: QueryDict, form: str) -> Job:
    """Make a large export a job; its page offers the file when it is ready."""
    return jobs.start(
        "tables.export",
        listing.user,
        _("Export: %(list)s") % {"list": listing.table.title},
        {
            "code": listing.table.code,
            "question": asking.question(listing.table, params).urlencode(),
            "columns": [column.name for column in listing.columns],
            "form": form,
        },
    )


def file_name(table: Table, form: str) -> str:
    """A name that people recognise in their downloads."""
    return f"{table.title}-{timezone.localtime():%Y%m%d-%H%M}.{form}"
