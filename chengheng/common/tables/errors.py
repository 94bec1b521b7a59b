"""What can be refused about lists."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import NotFound, Refusal


class UnknownTable(NotFound):
    code = "tables_unknown"
    message = _("There is no list of this name.")


class BadCursor(Refusal):
    code = "tables_bad_cursor"
    status = 422
    message = _("This place in the list cannot be found again. Start from the first page.")


class TooSlow(Refusal):
    code = "tables_too_slow"
    status = 503
    message = _("This combination of filter and sort takes too long. Narrow the filter or sort by another column.")


class TooManyRows(Refusal):
    code = "tables_too_many_rows"
    status = 422
    message = _("More than %(limit)s rows match. Narrow the filter; nothing was exported.")


class NothingChosen(Refusal):
    code = "tables_nothing_chosen"
    status = 422
    message = _("No row is chosen.")


class NotAllYours(Refusal):
    code = "tables_not_all_yours"
    status = 403
    message = _("%(count)s of the chosen rows are not yours to change, or are gone. Nothing was done.")
