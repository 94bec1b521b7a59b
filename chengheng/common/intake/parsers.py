"""What a cell may hold, and how people write it: full-width digits, Chinese dates, thousands separators, 万元.

A parser turns a cell (str, int, float, bool, date, datetime, time as the readers give them) into a value, or raises
`Unreadable` with a sentence for the user. Empty cells never reach `parse`. `column` does a whole column at once, which
is what imports use: it is where the speed is.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

Found = tuple[list[Any], list[tuple[int, str]]]
"""A parsed column: values (None where empty or unreadable) and problems as (index, sentence)."""

_MEMO = 50_000
_FEW = 2_000  # so many different texts of a column are parsed beforehand
_EXCEL_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 (spreadsheets know no zone)
_EXCEL_DAYS = (18_264, 91_314)  # 1950-01-01 … 2149-12-31: other numbers are no dates


class Unreadable(ValueError):
    """A cell that cannot be read; the message is for the user."""


class Parser:
    """The base of all parsers. `hint` says in the template what to write, `example` shows it, `options` are offered."""

    hint: str | Promise = ""
    example: str = ""
    do_not_call_in_templates = True

    def parse(self, value: Any) -> Any:
        """The value of one non-empty cell; Unreadable."""
        raise NotImplementedError

    __call__ = parse

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "parse" in cls.__dict__:
            cls.__call__ = cls.parse  # type: ignore[method-assign]

    def options(self) -> list[str]:
        """The texts a template offers as a drop-down; [] for free cells."""
        return []

    def column(self, values: Sequence[Any]) -> Found:
        """A whole column. Equal texts are parsed once."""
        if _all_text(values) and len(words := set(values)) <= _FEW:
            try:
                known = {word: None if not word or word.isspace() else self.parse(word) for word in words}
            except Unreadable:
                pass  # some cell is wrong: below, cell by cell, it is found where
            else:
                return list(map(known.__getitem__, values)), []
        return self._cell_by_cell(values)

    def _cell_by_cell(self, values: Sequence[Any]) -> Found:
        parsed: list[Any] = []
        problems: list[tuple[int, str]] = []
        memo: dict[str, Any] = {}
        add = parsed.append
        for index, value in enumerate(values):
            if type(value) is str:
                if value in memo:
                    add(memo[value])
                    continue
                if not value or value.isspace():
                    add(None)
                    continue
            elif value is None:
                add(None)
                continue
            try:
                found = self.parse(value)
            except Unreadable as error:
                problems.append((index, str(error)))
                add(None)
                continue
            if type(value) is str and len(memo) < _MEMO:
                memo[value] = found
            add(found)
        return parsed, problems


def _all_text(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {str}


def plain(value: Any) -> str:
    """The cell as text: full-width forms made narrow, spaces trimmed; whole numbers without ".0"."""
    if isinstance(value, str):
        return (value if value.isascii() else unicodedata.normalize("NFKC", value)).strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _whole_text(value) if value.is_integer() else repr(value)
    return str(value)


def _whole_text(value: float) -> str:
    if abs(value) >= 1e15:
        raise Unreadable(
            _("is a number of more than 15 digits: the spreadsheet has lost its last digits. Enter it as text")
        )
    return str(int(value))


class text(Parser):
    """Text of at most `most` characters, trimmed. `lines`: line breaks are allowed."""

    def __init__(self, most: int = 200, *, least: int = 1, lines: bool = False) -> None:
        self.most, self.least, self.lines = most, least, lines
        self.hint = pgettext_lazy("what to write", "text")

    def parse(self, value: Any) -> str:
        found = value.strip() if isinstance(value, str) else plain(value)
        if self.lines:
            found = found.replace("\r\n", "\n").replace("\r", "\n")
        if not found.isprintable():
            allowed = "\n\t" if self.lines else ""
            if any(not char.isprintable() and char not in allowed and not char.isspace() for char in found):
                raise Unreadable(_("holds characters that cannot be shown"))
            if not self.lines:
                found = " ".join(found.split())
        if len(found) > self.most:
            raise Unreadable(
                _("is longer than %(most)d characters (%(length)d)") % {"most": self.most, "length": len(found)}
            )
        if len(found) < self.least:
            raise Unreadable(_("is shorter than %(least)d characters") % {"least": self.least})
        return found

    __call__ = parse

    def column(self, values: Sequence[Any]) -> Found:
        most, least = self.most, max(self.least, 1)
        if least == 1 and values and _all_text(values):
            trimmed = list(map(str.strip, values))
            if max(map(len, trimmed)) <= most and "".join(trimmed).isprintable():
                return [word or None for word in trimmed], []
        parsed: list[Any] = []
        problems: list[tuple[int, str]] = []
        add = parsed.append
        for index, value in enumerate(values):
            if type(value) is str:
                found = value.strip()
                if not found:
                    add(None)
                    continue
                if least <= len(found) <= most and found.isprintable():
                    add(found)
                    continue
            elif value is None:
                add(None)
                continue
            try:
                add(self.parse(value))
            except Unreadable as error:
                problems.append((index, str(error)))
                add(None)
        return parsed, problems


_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")


def to_decimal(value: Any) -> Decimal:
    """A number as people and spreadsheets write it; Unreadable. Floats keep the 15 digits that a spreadsheet shows."""
    if isinstance(value, bool):
        raise Unreadable(_("is not a number"))
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unreadable(_("is not a number"))
        return Decimal(format(value, ".15g"))
    if isinstance(value, str):
        found = plain(value).replace("−", "-").replace("\u00a0", "")
        if _GROUPED.fullmatch(found):
            found = found.replace(",", "")
        if _NUMBER.fullmatch(found):
            try:
                return Decimal(found)
            except InvalidOperation:
                pass
    raise Unreadable(_("is not a number"))


class decimal(Parser):
    """A decimal number from `low` to `high`, both included; at most `places` digits after the point."""

    def __init__(self, low: Any = None, high: Any = None, *, places: int | None = None) -> None:
        self.low = None if low is None else Decimal(str(low))
        self.high = None if high is None else Decimal(str(high))
        self.places = places
        self.hint = _range_hint(pgettext_lazy("what to write", "number"), low, high)
        self.example = "12.5" if low is None and high is None else str(low if low is not None else high)

    def parse(self, value: Any) -> Any:
        found = to_decimal(value)
        self._within(found)
        if self.places is not None:
            exponent = found.normalize().as_tuple().exponent
            if isinstance(exponent, int) and -exponent > self.places:
                raise Unreadable(_("has more than %(places)d digits after the point") % {"places": self.places})
        return found

    __call__ = parse

    def _within(self, found: Decimal) -> None:
        if self.low is not None and found < self.low:
            raise Unreadable(_("is less than %(low)s") % {"low": self.low})
        if self.high is not None and found > self.high:
            raise Unreadable(_("is more than %(high)s") % {"high": self.high})


class integer(decimal):
    """A whole number from `low` to `high`, both included (default: what a 64-bit column holds)."""

    def __init__(self, low: int | None = None, high: int | None = None) -> None:
        super().__init__(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
        self.hint = _range_hint(gettext_lazy("whole number"), low, high)
        self.example = "12" if low is None else str(low)

    def parse(self, value: Any) -> int:
        found = to_decimal(value)
        self._within(found)
        if found != found.to_integral_value():
            raise Unreadable(_("is not a whole number"))
        return int(found)

    __call__ = parse


class degrees(Parser):
    """A coordinate in degrees (CGCS2000/WGS-84), decimal or as 117°12′30″; float."""

    low, high = -180.0, 180.0
    _dms = re.compile(r"(\d{1,3})[°度]\s*(?:(\d{1,2})[′'分]\s*)?(?:(\d{1,2}(?:\.\d+)?)(?:[″\"秒]|''))?([NSEWnsew]?)")

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        if low is not None:
            self.low = float(low)
        if high is not None:
            self.high = float(high)
        self.hint = _range_hint(gettext_lazy("degrees, decimal"), f"{self.low:g}", f"{self.high:g}")

    def parse(self, value: Any) -> float:
        if type(value) is float and self.low <= value <= self.high:
            return value
        found = self._from_text(value) if isinstance(value, str) else float(to_decimal(value))
        if not self.low <= found <= self.high:
            raise Unreadable(_("lies outside %(low)s … %(high)s") % {"low": f"{self.low:g}", "high": f"{self.high:g}"})
        return found

    __call__ = parse

    def _from_text(self, value: str) -> float:
        parts = self._dms.fullmatch(value.strip())
        if parts is None:
            return float(to_decimal(value))
        whole, minutes, seconds, side = parts.groups()
        if int(minutes or 0) > 59 or float(seconds or 0) >= 60:
            raise Unreadable(_("is not a number"))
        found = int(whole) + int(minutes or 0) / 60 + float(seconds or 0) / 3600
        return -found if side.upper() in {"S", "W"} else found

    def column(self, values: Sequence[Any]) -> Found:
        low, high = self.low, self.high
        if set(map(type, values)) <= {str, float} and "_" not in "".join(map(str, values)):
            try:  # the usual column: plain decimal text or floats, all in range
                filled = list(map(float, values if "" not in values else [value for value in values if value != ""]))
            except ValueError:
                return self._cell_by_cell(values)
            if all(map(low.__le__, filled)) and all(map(high.__ge__, filled)):  # False for nan, too
                if len(filled) == len(values):
                    return filled, []
                following = iter(filled)
                return [None if value == "" else next(following) for value in values], []
        return self._cell_by_cell(values)


class lon(degrees):
    """Longitude; give `low`/`high` to keep to a region."""

    example = "117.2008"


class lat(degrees):
    """Latitude; give `low`/`high` to keep to a region."""

    low, high = -90.0, 90.0
    example = "39.0842"


class money_fen(Parser):
    """An amount of money as integer fen. A bare number is in `unit` (yuan, wan = 万元, fen); 元, 万元, 亿元 in the cell win."""

    _units = {"fen": 1, "yuan": 100, "wan": 1_000_000}
    _words = (("亿元", 10**10), ("亿", 10**10), ("万元", 10**6), ("万", 10**6), ("元", 100), ("圆", 100), ("分", 1))

    def __init__(self, *, unit: str = "yuan", low: int | None = 0, high: int | None = 10**15) -> None:
        self.factor = self._units[unit]
        self.low, self.high = low, high
        self.hint = {
            "fen": gettext_lazy("amount in fen"),
            "yuan": gettext_lazy("amount in yuan"),
            "wan": gettext_lazy("amount in 10,000 yuan"),
        }[unit]
        self.example = "1200.50" if unit == "yuan" else "12"

    def parse(self, value: Any) -> int:
        factor = self.factor
        if isinstance(value, str):
            found_text = plain(value).lstrip("¥￥").removeprefix("RMB").removeprefix("CNY").strip()
            for word, times in self._words:
                if found_text.endswith(word):
                    found_text, factor = found_text[: -len(word)].strip(), times
                    break
            value = found_text
        fen = to_decimal(value) * factor
        if fen != fen.to_integral_value():
            raise Unreadable(_("has fractions of a fen"))
        if self.low is not None and fen < self.low:
            raise Unreadable(_("is less than %(low)s") % {"low": Decimal(self.low) / 100})
        if self.high is not None and fen > self.high:
            raise Unreadable(_("is more than %(high)s") % {"high": Decimal(self.high) / 100})
        return int(fen)

    __call__ = parse


# ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
"""Asia/Shanghai since 1991-09-15 (tzdata: the last summer time); four times as fast as looking the zone up."""
_HAN = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(
    r"(上午|下午|早上|中午|晚上|凌晨|AM|PM)?\s*(\d{1,2})\s*[:时点]\s*(?:(\d{1,2})\s*(?:分)?)?(?:\s*:?\s*(\d{1,2})(?:\.(\d{1,6}))?\s*秒?)?\s*(AM|PM)?",
    re.IGNORECASE,
)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)?"
)
_ZONE = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")


def _from_han(found: str) -> str:
    """二〇二四年五月十一日 → 2024年5月11日; other text as it is."""
    if not re.search("[〇零○一二三四五六七八九十]", found):
        return found

    def tens(match: re.Match[str]) -> str:
        before, after = match.group(1), match.group(2)
        return f"{before.translate(_HAN) if before else '1'}{after.translate(_HAN) if after else '0'}"

    return re.sub("([一二三])?十([一二三四五六七八九])?", tens, found).translate(_HAN)


def _from_serial(number: float) -> dt.datetime | None:
    if not _EXCEL_DAYS[0] <= number < _EXCEL_DAYS[1]:
        return None
    return _EXCEL_EPOCH + dt.timedelta(seconds=round(number * 86_400))


def to_moment(value: Any) -> tuple[dt.date, dt.time | None, dt.tzinfo | None]:
    """A day, the time of day where one is given, and its zone where one is given; Unreadable."""
    if isinstance(value, dt.datetime):
        return value.date(), value.time(), value.tzinfo
    if isinstance(value, dt.date):
        return value, None, None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if float(value).is_integer() and 19_000_101 <= value <= 22_001_231:
            value = str(int(value))
        else:
            found = _from_serial(float(value)) if math.isfinite(value) else None
            if found is None:
                raise Unreadable(_("is not a date"))
            return found.date(), found.time() if not float(value).is_integer() else None, None
    if isinstance(value, str):
        return _moment_from_text(_from_han(plain(value)))
    raise Unreadable(_("is not a date"))


def _moment_from_text(found: str) -> tuple[dt.date, dt.time | None, dt.tzinfo | None]:
    match = _DATE.match(found) or _COMPACT.match(found)
    if match is None or (match.re is _COMPACT and found[match.end() : match.end() + 1].isdigit()):
        if re.fullmatch(r"\d{5}(\.\d+)?", found):
            return to_moment(float(found))
        raise Unreadable(_("is not a date"))
    year, month, day = (int(part) for part in match.groups())
    try:
        on = dt.date(year, month, day)
    except ValueError:
        raise Unreadable(_("is not a day of the calendar")) from None
    rest = found[match.end() :].strip().removeprefix("T").strip()
    if not rest:
        return on, None, None
    zone: dt.tzinfo | None = None
    if (tail := _ZONE.search(rest)) is not None and ":" in rest[: tail.start()]:
        sign = tail.group(1)
        rest = rest[: tail.start()].strip()
        if sign == "Z":
            zone = dt.UTC
        else:
            hours, minutes = int(sign[1:3]), int(sign[-2:])
            if hours > 14 or minutes > 59:
                raise Unreadable(_("is not a time of day"))
            shift = dt.timedelta(hours=hours, minutes=minutes)
            zone = dt.timezone(-shift if sign[0] == "-" else shift)
    return on, _time_from_text(rest), zone


def _time_from_text(found: str) -> dt.time:
    match = _TIME.fullmatch(found)
    if match is None:
        raise Unreadable(_("is not a time of day"))
    half, hour_text, minute, second, fraction, half_after = match.groups()
    hour = int(hour_text)
    half = (half or half_after or "").upper()
    if (half in {"下午", "晚上", "PM"} and hour < 12) or (half == "中午" and hour < 4):
        hour += 12
    elif half in {"上午", "凌晨", "AM"} and hour == 12:
        hour = 0
    try:
        return dt.time(hour, int(minute or 0), int(second or 0), int((fraction or "0").ljust(6, "0")))
    except ValueError:
        raise Unreadable(_("is not a time of day")) from None


class date(Parser):
    """A day: 2024-05-01, 2024/5/1, 2024.5.1, 2024年5月1日, 20240501, a spreadsheet's date or its number."""

    example = "2024-05-01"
    hint = pgettext_lazy("what to write", "date")

    def __init__(self, low: dt.date = dt.date(1900, 1, 1), high: dt.date = dt.date(2200, 12, 31)) -> None:
        self.low, self.high = low, high

    def parse(self, value: Any) -> dt.date:
        on, at, _zone = to_moment(value)
        if at is not None and at != dt.time():
            raise Unreadable(_("holds a time of day where only a date is wanted"))
        _check_day(on, self.low, self.high)
        return on

    __call__ = parse


class datetime(Parser):
    """A moment, in local time unless it names a zone; a bare date means its first minute. Aware, in UTC."""

    example = "2024-05-01 09:30"
    hint = gettext_lazy("date and time")

    def __init__(self, low: dt.date = dt.date(1900, 1, 1), high: dt.date = dt.date(2200, 12, 31)) -> None:
        self.low, self.high = low, high
        self.zone = ZoneInfo(settings.TIME_ZONE)

    def parse(self, value: Any) -> dt.datetime:
        if type(value) is str and _ISO.fullmatch(value):  # what machines write, ten times as fast
            try:
                found = dt.datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                _check_day(found.date(), self.low, self.high)
                return (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(dt.UTC)
        on, at, zone = to_moment(value)
        _check_day(on, self.low, self.high)
        return dt.datetime.combine(on, at or dt.time(), zone or self.zone).astimezone(dt.UTC)

    __call__ = parse

    def column(self, values: Sequence[Any]) -> Found:
        zone: Any = self.zone
        utc = dt.UTC
        days = dt.timedelta(days=2)  # away from the bounds no zone matters
        first = dt.datetime.combine(self.low, dt.time(), utc) + days
        last = dt.datetime.combine(self.high, dt.time(), utc) - days
        if values and _all_text(values) and all(map(_ISO.fullmatch, values)):
            try:
                found = list(map(dt.datetime.fromisoformat, values))
            except ValueError:
                return self._cell_by_cell(values)
            zones = {one.tzinfo for one in found}
            if zones == {utc}:
                parsed = found
            elif None not in zones:
                parsed = [one.astimezone(utc) for one in found]
            else:
                if zones == {None} and zone.key == "Asia/Shanghai" and min(found).year >= 1992:
                    zone = _SHANGHAI
                parsed = [(one if one.tzinfo else one.replace(tzinfo=zone)).astimezone(utc) for one in found]
            if first < min(parsed) and max(parsed) < last:
                return parsed, []
        return super().column(values)


def _check_day(on: dt.date, low: dt.date, high: dt.date) -> None:
    if on < low:
        raise Unreadable(_("is before %(low)s") % {"low": low})
    if on > high:
        raise Unreadable(_("is after %(high)s") % {"high": high})


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def normal(found: str) -> str:
    """A label for comparing: narrow, lower case, without spaces."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", found)).casefold()


class choice(Parser):
    """One of a fixed set, by its value, by its label in any language of the site, or by an alias.

    `choices`: a `TextChoices` class or pairs (value, label); `aliases`: other words → value.
    """

    hint = gettext_lazy("one of the list")

    def __init__(self, choices: Any, aliases: Mapping[str, Any] | None = None) -> None:
        self._choices, self._aliases = choices, aliases or {}
        self._known: dict[str, Any] | None = None

    def pairs(self) -> list[tuple[Any, Any]]:
        found: Iterable[tuple[Any, Any]] = getattr(self._choices, "choices", self._choices)
        if isinstance(found, Mapping):
            found = found.items()
        return list(found)

    def known(self) -> dict[str, Any]:
        if self._known is None:
            self._known = {normal(word): value for word, value in self._aliases.items()}
            for language, _name in settings.LANGUAGES:
                with translation.override(language):
                    self._known |= {normal(str(label)): value for value, label in self.pairs()}
            self._known |= {normal(str(value)): value for value, _label in self.pairs()}
        return self._known

    def parse(self, value: Any) -> Any:
        try:
            return self.known()[normal(plain(value))]
        except KeyError:
            offered = "、".join(self.options()[:12])
            raise Unreadable(_("is none of: %(choices)s") % {"choices": offered}) from None

    __call__ = parse

    def options(self) -> list[str]:
        return [str(label) for _value, label in self.pairs()]


class boolean(Parser):
    """Yes or no, in the ways people mark it."""

    hint = gettext_lazy("yes or no")
    _yes = frozenset({"是", "有", "对", "真", "√", "✓", "✔", "y", "yes", "true", "t", "1", "on", "已", "启用"})
    _no = frozenset({"否", "无", "错", "假", "×", "✗", "✘", "x", "n", "no", "false", "f", "0", "off", "未", "停用"})

    def parse(self, value: Any) -> bool:
        found = normal(plain(value))
        if found in self._yes:
            return True
        if found in self._no:
            return False
        raise Unreadable(_("is neither yes nor no"))

    __call__ = parse

    def options(self) -> list[str]:
        return [_("Yes"), _("No")]


class phone(Parser):
    """A Chinese telephone number: mobile, landline with area code and extension, 400/800, service numbers like 12319."""

    example = "022-23456789"
    hint = gettext_lazy("telephone number")
    _mobile = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})")
    _landline = re.compile(
        r"(?:\+?86|0086)?(0?(?:10|2\d)|0?[3-9]\d{2})(\d{7,8})(?:(?:转|ext\.?|x|#|-)(\d{1,6}))?", re.I
    )

    def parse(self, value: Any) -> str:
        found = plain(value)
        bare = re.sub(r"[\s()-]", "", found)
        if match := self._mobile.fullmatch(bare):
            return match.group(1)
        if re.fullmatch(r"[48]00\d{7}", bare) or re.fullmatch(r"(?:1[12]\d|9[56]\d{3}|1[02]\d{3}|12[0-9]{3})", bare):
            return bare
        if re.fullmatch(r"[2-9]\d{6,7}", bare):
            return bare
        with_tail = re.sub(r"[\s()]", "", found)
        with_tail = re.sub(r"^((?:\+?86|0086)?-?0\d{2,3})-", r"\1", with_tail).replace("86-", "86")
        if match := self._landline.fullmatch(with_tail):
            district, number, tail = match.groups()
            district = district if district.startswith("0") else f"0{district}"
            return f"{district}-{number}" + (f"-{tail}" if tail else "")
        raise Unreadable(_("is not a telephone number"))

    __call__ = parse


class code(Parser):
    """Text that matches a pattern as a whole; narrow, without spaces, upper case unless `upper=False`."""

    def __init__(self, pattern: str, *, upper: bool = True, example: str = "", hint: str | Promise = "") -> None:
        self.pattern, self.upper = re.compile(pattern), upper
        self.example, self.hint = example, hint or pgettext_lazy("what to write", "code")

    def parse(self, value: Any) -> str:
        if type(value) is str and value.isascii() and value.isalnum():
            found = value.upper() if self.upper else value
        else:
            found = re.sub(r"\s+", "", plain(value))
            found = found.upper() if self.upper else found
        if not self.pattern.fullmatch(found):
            shown = _(", for example %(example)s") % {"example": self.example} if self.example else ""
            raise Unreadable(_("has not the right form") + shown)
        return found

    __call__ = parse

    def column(self, values: Sequence[Any]) -> Found:
        if values and _all_text(values):
            joined = "".join(values)
            if joined.isascii() and joined.isalnum() and "" not in values:
                found = list(map(str.upper, values)) if self.upper else list(values)
                if all(map(self.pattern.fullmatch, found)):
                    return found, []
        return super().column(values)


pattern = code
"""The same by another name: inside an importer's class body `code` is already the importer's own code."""


# ── rows of ours ───────────────────────────────────────────────────────────────────────────────────────────────────


class organisation(Parser):
    """An organisation by code, unified social credit code or name; `kinds` narrows. Gives the `Organisation`.

    A column is resolved with one query.
    """

    hint = gettext_lazy("name or code of the organisation")

    def __init__(self, *, kinds: Sequence[str] = ()) -> None:
        self.kinds = tuple(kinds)

    def _find(self, words: Iterable[str]) -> dict[str, list[Any]]:
        from django.db.models import Q

        from chengheng.common.people.models import Organisation

        wanted = list(words)
        rows = Organisation.objects.filter(active=True).filter(
            Q(code__in=wanted) | Q(name__in=wanted) | Q(credit_code__in=[word for word in wanted if word])
        )
        if self.kinds:
            rows = rows.filter(kind__in=self.kinds)
        known: dict[str, list[Any]] = {}
        for row in rows:
            for word in {row.code, row.name, row.credit_code} - {""}:
                known.setdefault(word, []).append(row)
        return known

    def _choose(self, word: str, known: Mapping[str, list[Any]]) -> Any:
        rows = known.get(word, [])
        exact = [row for row in rows if row.code == word] or rows
        if not exact:
            raise Unreadable(_("names no known organisation"))
        if len(exact) > 1:
            codes = "、".join(row.code for row in exact[:5])
            raise Unreadable(_("names several organisations; write one of the codes %(codes)s") % {"codes": codes})
        return exact[0]

    def parse(self, value: Any) -> Any:
        word = plain(value)
        return self._choose(word, self._find([word]))

    __call__ = parse

    def column(self, values: Sequence[Any]) -> Found:
        words = {plain(value) for value in values if value is not None and value != ""} - {""}
        known = self._find(words) if words else {}
        outer = self

        class Resolved(Parser):
            def parse(self, value: Any) -> Any:
                return outer._choose(plain(value), known)

        return Resolved().column(values)


class area(organisation):
    """An area by code or name; `level` narrows (district, subdistrict, community, grid). Gives the area's code."""

    hint = gettext_lazy("name or code of the area")

    def __init__(self, *, level: str = "") -> None:
        super().__init__()
        self.level = level

    def _find(self, words: Iterable[str]) -> dict[str, list[Any]]:
        from django.db.models import Q

        from chengheng.common.places.models import Area

        wanted = list(words)
        rows = Area.objects.filter(Q(code__in=wanted) | Q(name__in=wanted))
        if self.level:
            rows = rows.filter(level=self.level)
        known: dict[str, list[Any]] = {}
        for row in rows.order_by("code").only("code", "name"):
            for word in {row.code, row.name}:
                if all(row.code != other.code for other in known.setdefault(word, [])):
                    known[word].append(row)
        return known

    def _choose(self, word: str, known: Mapping[str, list[Any]]) -> Any:
        rows = known.get(word, [])
        exact = [row for row in rows if row.code == word] or rows
        if not exact:
            raise Unreadable(_("names no known area"))
        if len(exact) > 1:
            codes = "、".join(row.code for row in exact[:5])
            raise Unreadable(_("names several areas; write one of the codes %(codes)s") % {"codes": codes})
        return exact[0].code


def _range_hint(word: str | Promise, low: Any, high: Any) -> Any:
    from django.utils.text import format_lazy

    if low is None and high is None:
        return word
    return format_lazy("{} {} … {}", word, "" if low is None else low, "" if high is None else high)
