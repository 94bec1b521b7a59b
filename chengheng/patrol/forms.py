"""Forms of patrol's pages: they read what a person gave; the rules are in the actions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.forms import FilesField
from chengheng.patrol import queries
from chengheng.patrol.models import DictionaryEntry, Source
from chengheng.patrol.rules.allocation import METHODS

TAKEN_DOWN = (Source.HOTLINE, Source.WEB, Source.LEADER)
"""The sources whose reports a person at the centre takes down."""


class ReceptionForm(forms.Form):
    """A report taken down at the centre. `client_id` makes a form that is sent twice one case."""

    client_id = forms.UUIDField(widget=forms.HiddenInput)
    source = forms.ChoiceField(label=_("Source"), choices=[(s.value, s.label) for s in TAKEN_DOWN])
    entry = forms.ModelChoiceField(
        label=_("Class"), queryset=DictionaryEntry.objects.filter(active=True), widget=forms.HiddenInput,
        error_messages={"required": _("Choose what the problem is.")},
    )  # fmt: skip
    description = forms.CharField(
        label=pgettext_lazy("case", "What was said"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )
    address = forms.CharField(label=_("Address"), max_length=200, required=False)
    lon = forms.FloatField(
        label=_("Longitude"), min_value=-180, max_value=180, required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    lat = forms.FloatField(
        label=_("Latitude"), min_value=-90, max_value=90, required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    reporter_name = forms.CharField(label=_("Reporter"), max_length=40, required=False)
    reporter_phone = forms.CharField(label=_("Reporter's phone"), max_length=40, required=False)
    outside_number = forms.CharField(label=_("Number elsewhere"), max_length=60, required=False)
    urgent = forms.BooleanField(label=_("Urgent"), required=False)
    photos = FilesField(label=_("Photos"), required=False)

    @classmethod
    def empty(cls) -> ReceptionForm:
        """A fresh form with an id of its own."""
        return cls(initial={"client_id": uuid4(), "source": Source.HOTLINE.value})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("lon") is None) != (cleaned.get("lat") is None):
            self.add_error("lon", _("Give longitude and latitude, or neither."))
        return cleaned

    def report(self) -> dict[str, Any]:
        """Keyword arguments for `actions.report_case`."""
        given = {k: v for k, v in self.cleaned_data.items() if k not in {"client_id", "entry", "photos"}}
        entry: DictionaryEntry = self.cleaned_data["entry"]
        return {**given, "kind": entry.kind, "code": entry.code, "edition": entry.edition}


class MonthField(forms.CharField):
    """A month of the browser's picker ("2024-05") → 202405."""

    widget = forms.DateInput(attrs={"type": "month"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            day = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise forms.ValidationError(_("Give a month, as 2024-05.")) from None
        return day.year * 100 + day.month


class SamplingForm(forms.Form):
    """A re-inspection to draw."""

    month = MonthField(label=_("Month"))
    area_code = forms.ChoiceField(
        label=_("Area"), required=False, choices=lambda: [("", _("whole city")), *queries.district_choices()]
    )
    size = forms.IntegerField(label=_("areas to visit"), min_value=1, max_value=500, initial=20)
    seed = forms.CharField(
        label=_("seed"),
        max_length=40,
        help_text=_("Drawn in public or named beforehand; the same seed gives the same areas."),
    )


class FindingForm(forms.Form):
    """One problem found at a re-inspection; an empty row is none."""

    entry = forms.ModelChoiceField(label=_("Class"), queryset=DictionaryEntry.objects.none(), required=False)
    lon = forms.FloatField(label=_("Longitude"), min_value=-180, max_value=180, required=False)
    lat = forms.FloatField(label=_("Latitude"), min_value=-90, max_value=90, required=False)
    description = forms.CharField(label=pgettext_lazy("case", "description"), max_length=500, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["entry"].queryset = queries.entries(queries.edition_today())  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("entry") and (cleaned.get("lon") is None or cleaned.get("lat") is None):
            self.add_error("lon", _("A position is needed."))
        return cleaned


class VisitForm(forms.Form):
    """What else is to be said of the visit."""

    note = forms.CharField(label=pgettext_lazy("case", "note"), max_length=500, required=False)


FindingForms = forms.formset_factory(FindingForm, extra=3, max_num=50)


class BoundaryForm(forms.Form):
    """A map file with the boundary of collection."""

    name = forms.CharField(label=_("name"), max_length=80)
    in_force_from = forms.DateField(label=_("In force from"), widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.CharField(label=_("source"), max_length=200)
    file = forms.FileField(label=_("Map file"), help_text=_("GeoJSON, zipped Shapefile or GeoPackage"))


class HookForm(forms.Form):
    """An address to be told of changes."""

    url = forms.URLField(label=_("address"), max_length=500, assume_scheme="https")


class BulletinForm(forms.Form):
    """Which month to publish, and why again."""

    month = MonthField(label=_("Month"))
    note = forms.CharField(label=pgettext_lazy("case", "note"), max_length=500, required=False)


class WhatIfForm(forms.Form):
    """The reward worked out: months, pool, method and the numbers that the method needs."""

    title = forms.CharField(label=_("title"), max_length=120)
    start = MonthField(label=pgettext_lazy("month", "From"))
    end = MonthField(label=pgettext_lazy("month", "to"))
    pool = forms.DecimalField(label=_("Pool (yuan)"), min_value=0, max_digits=14, decimal_places=2)
    method = forms.ChoiceField(
        label=pgettext_lazy("case", "method"),
        choices=lambda: [(code, label) for code, (label, _method) in METHODS.items()],
    )
    units = forms.ChoiceField(
        label=_("Each district counts"), choices=[("one", _("once")), ("grids", _("by its number of grids"))]
    )
    floor = forms.DecimalField(label=_("Least score (in proportion)"), required=False, min_value=0, max_value=100)
    base = forms.DecimalField(
        label=_("Base in yuan (base × coefficient)"), required=False, min_value=0, max_digits=12, decimal_places=2
    )
    bands = forms.CharField(
        label=_("Bands (bands, coefficient)"), required=False, max_length=200,
        help_text=_("Last rank and weight of each band, * for the rest: 7:1.2 14:1 *:0.8"),
    )  # fmt: skip
    points = forms.CharField(
        label=_("Points by rank (points)"), required=False, max_length=200, help_text=_("The best first: 16 15 14 13")
    )

    def clean_bands(self) -> list[list[Any]]:
        found: list[list[Any]] = []
        for part in self.cleaned_data["bands"].replace("：", ":").split():
            rank, _colon, weight = part.partition(":")
            found.append([None if rank == "*" else _whole(rank), _weight(weight)])
        return found

    def clean_points(self) -> list[str]:
        return [_weight(part) for part in self.cleaned_data["points"].replace(",", " ").split()]

    def asked(self) -> dict[str, Any]:
        """Keyword arguments for `publishing.run_allocation`."""
        data = self.cleaned_data
        wanted: dict[str, dict[str, Any]] = {
            "proportional": {"floor": str(data["floor"] or 0)},
            "bands": {"bands": data["bands"]},
            "points": {"points": data["points"]},
            "rank_coefficient": {"bands": data["bands"], "base_fen": int((data["base"] or 0) * 100)},
        }
        return {
            "title": data["title"], "start_month": min(data["start"], data["end"]),
            "end_month": max(data["start"], data["end"]), "method": data["method"], "pool_fen": int(data["pool"] * 100),
            "parameters": wanted[data["method"]], "units": queries.grids_by_district() if data["units"] == "grids" else None,
        }  # fmt: skip


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise forms.ValidationError(_("“%(text)s” is not a rank."), params={"text": text})
    return int(text)


def _weight(text: str) -> str:
    try:
        weight = Decimal(text)
    except ArithmeticError:
        raise forms.ValidationError(_("“%(text)s” is not a number."), params={"text": text}) from None
    if not weight.is_finite() or not 0 <= weight <= 1_000_000:
        raise forms.ValidationError(_("“%(text)s” is not a number."), params={"text": text})
    return str(weight)
