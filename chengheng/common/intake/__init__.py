"""One spreadsheet import for everything: upload, preview with every problem named, all-or-nothing commit, undo by batch.

A room declares an `Importer` in its `imports.py` and registers it from `AppConfig.ready()`:

    @intake.register
    class CaseImporter(Importer):
        code = "patrol.case"; title = _("Cases"); act = "patrol.case.import"; models = (Case,)
        fields = [Field("number", _("Number"), required=True, parse=text(30), aliases=("编号",)),
                  Field("lon", _("Longitude"), parse=lon()), …]
        def check(self, rows, problems): …    # across rows: problems.add(row, "number", _("…"))
        def commit(self, rows, batch, actor): …   # bulk; every row carries `batch`
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade
from chengheng.common.intake.declaration import Field, Importer, get, register, registered
from chengheng.common.intake.parsers import (
    Parser,
    Unreadable,
    area,
    boolean,
    choice,
    code,
    date,
    datetime,
    decimal,
    integer,
    lat,
    lon,
    money_fen,
    organisation,
    pattern,
    phone,
    text,
)
from chengheng.common.intake.rows import Problem, Problems, Row, Rows

if TYPE_CHECKING:
    from chengheng.common.intake.actions import check_batch, commit_batch, receive, undo_batch

__all__ = [
    "Field", "Importer", "Parser", "Problem", "Problems", "Row", "Rows", "Unreadable", "area", "boolean",
    "check_batch", "choice", "code", "commit_batch", "date", "datetime", "decimal", "get", "integer", "lat", "lon",
    "money_fen", "organisation", "pattern", "phone", "receive", "register", "registered", "text", "undo_batch",
]  # fmt: skip
__getattr__ = facade(__name__, dict.fromkeys(("check_batch", "commit_batch", "receive", "undo_batch"), "actions"))
