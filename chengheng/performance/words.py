"""The words for what readers and rules report by code: turned into the user's language once, here."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from chengheng.performance.readers import Unreadable
from chengheng.performance.rules.reading import DOUBTS, UNREAD, Remark

NOOP = (
    gettext_noop("holds no target table"),
    gettext_noop("text that belongs to no known field"),
    gettext_noop("a number was expected here"),
    gettext_noop("a programme without the columns of indicators"),
    gettext_noop("a target table without indicators"),
    gettext_noop("a target table without a programme name"),
    gettext_noop("no year in the title, the name or the goals (give one with --year)"),
    gettext_noop("a row that fits the columns of the table nowhere"),
    gettext_noop("the same programme again in this import"),
    gettext_noop("holds a figure, but was read as qualitative"),
    gettext_noop("an indicator without a target value"),
    gettext_noop("no programme name; taken from the title"),
    gettext_noop("no unit line; taken from the table before"),
    gettext_noop("no year; taken from the table before"),
    gettext_noop("no budget total; fiscal and other added up"),
    gettext_noop("the budget total is not the sum of fiscal and other"),
    gettext_noop("the cost ceiling is above the budget"),
    gettext_noop("is none of .txt, .docx, .xlsx, .html, .pdf"),
    gettext_noop("is in an old binary format; save it as .docx or .xlsx"),
    gettext_noop("is empty"),
    gettext_noop("is larger than 20 MiB"),
    gettext_noop("unpacks to more than a target table can hold"),
    gettext_noop("holds XML entities, which are not read"),
    gettext_noop("is damaged, or is not what its name says"),
    gettext_noop("is protected by a password"),
    gettext_noop("is a scanned picture without a text layer; export it from the program that made it, as text"),
    gettext_noop("has more pages, rows or columns than a target table can have"),
    gettext_noop("is in no known encoding (UTF-8, UTF-16, GB 18030)"),
)


def of_remark(remark: Remark) -> str:
    return _(UNREAD.get(remark.code) or DOUBTS[remark.code])


def of_unreadable(error: Unreadable) -> str:
    return _(error.REASONS[error.code])
