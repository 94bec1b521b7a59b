"""What can go wrong, as values: raised in rules and actions, turned into words once, at the border.

A room subclasses `Refusal`; views show `str(refusal)`, the API answers `refusal.as_dict()` with `refusal.status`.
"""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """An act that the product refuses, with a stable code and a sentence in the user's language.

    `message` may hold %(named)s parameters, filled from the keywords given. `field` and `row` (1-based, as the
    user's spreadsheet counts) say where, when the refusal is about input.
    """

    code: str = "refused"
    status: int = 409
    message: str | Promise = _("This is not possible now.")

    def __init__(
        self, message: str | Promise | None = None, *, field: str = "", row: int | None = None, **params: Any
    ) -> None:
        if message is not None:
            self.message = message
        self.field, self.row, self.params = field, row, params
        super().__init__(self.code)

    def __str__(self) -> str:
        text = str(self.message)
        return text % self.params if self.params else text

    def as_dict(self) -> dict[str, Any]:
        """`{"code", "message"}` plus `field` and `row` where known."""
        answer: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.field:
            answer["field"] = self.field
        if self.row is not None:
            answer["row"] = self.row
        return answer


class NotPermitted(Refusal):
    code = "not_permitted"
    status = 403
    message = _("You are not permitted to do this.")


class NotFound(Refusal):
    """Also raised for rows that exist but are outside what the user may see: existence is not told."""

    code = "not_found"
    status = 404
    message = _("There is no such record, or it is not yours to see.")


class Invalid(Refusal):
    code = "invalid"
    status = 422
    message = _("This value cannot be accepted.")


class Stale(Refusal):
    code = "stale"
    status = 409
    message = _("Somebody else changed this record meanwhile. Reload and look again.")
