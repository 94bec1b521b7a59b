"""One list page for every kind of row: filter, sort, columns, saved views, bulk acts, export.

A room declares a `Table` in its `tables.py` and registers it from `AppConfig.ready()`:

    @tables.register
    class CaseTable(Table):
        code = "patrol.case"; title = _("Cases"); act = "patrol.case.view"
        columns = [Column("number", _("Number"), link=True), Column("state", _("State"), badge=True), …]
        filters = [Choice("state", _("State"), choices=State.choices), DateRange("reported_at", _("Reported")), …]
        default_sort = "-reported_at"
        def queryset(self, user): return Case.objects.select_related("department")

It is then at `/list/patrol.case/`; `tables.view(CaseTable)` puts the same page at an address of the room's own.
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade
from chengheng.common.tables.declaration import BulkAction, Column, Table, get, register, registered
from chengheng.common.tables.filters import (
    Area,
    Choice,
    DateRange,
    District,
    Filter,
    MultiChoice,
    NumberRange,
    Organisation,
    Text,
)

if TYPE_CHECKING:
    from chengheng.common.tables.views import view

__all__ = [
    "Area", "BulkAction", "Choice", "Column", "DateRange", "District", "Filter", "MultiChoice", "NumberRange", "Organisation",
    "Table", "Text", "get", "register", "registered", "view",
]  # fmt: skip
__getattr__ = facade(__name__, {"view": "views"})
