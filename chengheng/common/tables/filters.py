"""The filters of a list. A filter reads its own parameters, narrows the query, and says in words what it does.

A value that cannot be read is a problem shown beside the field; it never widens or empties the list silently: the
filter is then not applied and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import DateTimeField, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from chengheng.common.errors import Invalid

Choices = Iterable[tuple[Any, Any]] | Callable[[], Iterable[tuple[Any, Any]]]
Params = Any  # QueryDict: .get(name, default), .getlist(name)


class Filter:
    """The base: one parameter `name`; `lookup` is the field path that it narrows (default `name`)."""

    template = "tables/filters/text.html"
    suffixes: Sequence[str] = ("",)

    def __init__(self, name: str, label: str | Promise, *, lookup: str = "", help: str | Promise = "") -> None:
        self.name, self.label, self.lookup, self.help = name, label, lookup or name, help

    @property
    def parameters(self) -> list[str]:
        """The names in the address that belong to this filter."""
        return [f"{self.name}{suffix}" for suffix in self.suffixes]

    def read(self, params: Params) -> Any:
        """The parsed value, None when nothing is asked; Invalid in words for what cannot be read."""
        return params.get(self.name, "").strip() or None

    def apply(self, queryset: QuerySet, value: Any, user: Any) -> QuerySet:
        """The narrowed query."""
        return queryset.filter(**{self.lookup: value})

    def describe(self, value: Any) -> str:
        """The value in words, for the chip above the list."""
        return str(value)

    def shown(self, params: Params, user: Any) -> dict[str, Any]:
        """What the template needs to draw the control."""
        return {"value": params.get(self.name, "")}


class Text(Filter):
    """Words to be found in any of `fields`, letter case aside. `how`: icontains, istartswith, iexact (an index serves
    istartswith and iexact; icontains wants a trigram index on large tables)."""

    def __init__(
        self,
        name: str,
        label: str | Promise,
        *,
        fields: Sequence[str] = (),
        how: str = "icontains",
        help: str | Promise = "",
    ) -> None:
        super().__init__(name, label, help=help)
        self.fields, self.how = tuple(fields) or (name,), how

    def read(self, params: Params) -> str | None:
        words = params.get(self.name, "").replace("\x00", "").strip()
        if len(words) > 200:
            raise Invalid(_("At most 200 characters."))
        return words or None

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        for word in value.split()[:5]:
            found = Q()
            for name in self.fields:
                found |= Q(**{f"{name}__{self.how}": word})
            queryset = queryset.filter(found)
        return queryset


class Choice(Filter):
    """One of a fixed set. `choices`: pairs, or a callable giving them."""

    template = "tables/filters/choice.html"
    many = False

    def __init__(
        self, name: str, label: str | Promise, *, choices: Choices = (), lookup: str = "", help: str | Promise = ""
    ) -> None:
        super().__init__(name, label, lookup=lookup, help=help)
        self._choices = choices

    @property
    def choices(self) -> list[tuple[str, Any]]:
        pairs = self._choices() if callable(self._choices) else self._choices
        return [(str(value), label) for value, label in pairs]

    def read(self, params: Params) -> Any:
        value = params.get(self.name, "")
        if not value:
            return None
        if value not in dict(self.choices):
            raise Invalid(_("There is no such choice."))
        return value

    def describe(self, value: Any) -> str:
        return str(dict(self.choices).get(value, value))

    def shown(self, params: Params, user: Any) -> dict[str, Any]:
        return {"choices": self.choices, "chosen": params.getlist(self.name), "many": self.many}


class MultiChoice(Choice):
    """Any of several."""

    template = "tables/filters/multichoice.html"
    many = True

    def read(self, params: Params) -> list[str] | None:
        known = dict(self.choices)
        values = [value for value in params.getlist(self.name) if value]
        if any(value not in known for value in values):
            raise Invalid(_("There is no such choice."))
        return values or None

    def apply(self, queryset: QuerySet, value: list[str], user: Any) -> QuerySet:
        return queryset.filter(**{f"{self.lookup}__in": value})

    def describe(self, value: list[str]) -> str:
        known = dict(self.choices)
        return _(", ").join(str(known[part]) for part in value)


class DateRange(Filter):
    """From a day to a day, both included, in local time; works on date and datetime fields."""

    template = "tables/filters/range.html"
    suffixes = ("_from", "_to")
    input_type = "date"

    def read(self, params: Params) -> tuple[date | None, date | None] | None:
        ends = tuple(self._day(params.get(name, "")) for name in self.parameters)
        if ends == (None, None):
            return None
        if ends[0] and ends[1] and ends[0] > ends[1]:
            raise Invalid(_("The first day is after the last."))
        return ends  # type: ignore[return-value]

    def _day(self, text: str) -> date | None:
        if not text.strip():
            return None
        try:
            found = date.fromisoformat(text.strip())
        except ValueError:
            raise Invalid(_("“%(text)s” is not a date.") % {"text": text[:30]}) from None
        if not 1900 <= found.year <= 2200:
            raise Invalid(_("“%(text)s” is not a date.") % {"text": text[:30]})
        return found

    def apply(self, queryset: QuerySet, value: tuple[date | None, date | None], user: Any) -> QuerySet:
        from chengheng.common.tables.declaration import resolve

        first, last = value
        known = resolve(queryset.model, self.lookup)
        if known is not None and isinstance(known[0], DateTimeField):
            if first:
                queryset = queryset.filter(**{f"{self.lookup}__gte": _midnight(first)})
            if last:
                queryset = queryset.filter(**{f"{self.lookup}__lt": _midnight(last + timedelta(days=1))})
            return queryset
        if first:
            queryset = queryset.filter(**{f"{self.lookup}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.lookup}__lte": last})
        return queryset

    def describe(self, value: tuple[Any, Any]) -> str:
        first, last = value
        return f"{'' if first is None else first} – {'' if last is None else last}".strip()

    def shown(self, params: Params, user: Any) -> dict[str, Any]:
        return {
            "input_type": self.input_type,
            "ends": [(name, params.get(name, "")) for name in self.parameters],
        }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_default_timezone())


class NumberRange(DateRange):
    """From a number to a number, both included. `scale`: how many stored units make one shown unit (100 for fen)."""

    suffixes = ("_min", "_max")
    input_type = "number"

    def __init__(
        self, name: str, label: str | Promise, *, lookup: str = "", scale: int = 1, help: str | Promise = ""
    ) -> None:
        super().__init__(name, label, lookup=lookup, help=help)
        self.scale = scale

    def read(self, params: Params) -> Any:
        ends = tuple(self._number(params.get(name, "")) for name in self.parameters)
        if ends == (None, None):
            return None
        if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
            raise Invalid(_("The least is more than the most."))
        return ends

    def _number(self, text: str) -> Decimal | None:
        if not text.strip():
            return None
        try:
            found = Decimal(text.strip())
        except InvalidOperation:
            raise Invalid(_("“%(text)s” is not a number.") % {"text": text[:30]}) from None
        if not found.is_finite() or abs(found) > Decimal(10) ** 15:
            raise Invalid(_("“%(text)s” is not a number.") % {"text": text[:30]})
        return found

    def apply(self, queryset: QuerySet, value: Any, user: Any) -> QuerySet:
        least, most = value
        if least is not None:
            queryset = queryset.filter(**{f"{self.lookup}__gte": least * self.scale})
        if most is not None:
            queryset = queryset.filter(**{f"{self.lookup}__lte": most * self.scale})
        return queryset


class Organisation(Choice):
    """An organisation with all below it. `kinds` narrows what is offered."""

    def __init__(
        self,
        name: str,
        label: str | Promise,
        *,
        kinds: Sequence[str] = (),
        lookup: str = "",
        help: str | Promise = "",
    ) -> None:
        super().__init__(name, label, choices=self._organisations, lookup=lookup, help=help)
        self.kinds = tuple(kinds)

    def _rows(self) -> QuerySet:
        from chengheng.common.people.models import Organisation as Node

        rows = Node.objects.filter(active=True).order_by("path")
        return rows.filter(kind__in=self.kinds) if self.kinds else rows

    def _organisations(self) -> list[tuple[Any, str]]:
        return [
            (pk, "　" * max(path.count("/") - 2, 0) + name)
            for pk, path, name in self._rows().values_list("pk", "path", "name")[:2000]
        ]

    def read(self, params: Params) -> Any:
        value = params.get(self.name, "")
        if not value:
            return None
        found = self._rows().filter(pk=value).first() if value.isdecimal() and len(value) < 19 else None
        if found is None:
            raise Invalid(_("There is no such organisation."))
        return found

    def apply(self, queryset: QuerySet, value: Any, user: Any) -> QuerySet:
        return queryset.filter(**{f"{self.lookup}__path__startswith": value.path})

    def describe(self, value: Any) -> str:
        return str(value)


class District(Choice):
    """A district of the city by its code, offered by name. A column shows it with `places.name_of`."""

    def __init__(self, name: str, label: str | Promise, *, lookup: str = "", help: str | Promise = "") -> None:
        super().__init__(name, label, choices=districts, lookup=lookup, help=help)


class Area(Filter):
    """An area code with everything inside it (codes are prefixes): districts are offered, deeper codes can be typed."""

    template = "tables/filters/area.html"

    def read(self, params: Params) -> str | None:
        value = params.get(self.name, "").strip()
        if value and not (value.isascii() and value.isalnum() and len(value) <= 20):
            raise Invalid(_("“%(text)s” is not an area code.") % {"text": value[:30]})
        return value or None

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queryset.filter(**{f"{self.lookup}__startswith": value})

    def shown(self, params: Params, user: Any) -> dict[str, Any]:
        return {"value": params.get(self.name, ""), "choices": districts()}

    def describe(self, value: str) -> str:
        return dict(districts()).get(value, value)


def districts() -> list[tuple[str, str]]:
    """The city's districts as (code, name); empty while no areas are loaded."""
    from chengheng.common import places

    return list(places.district_names().items())
