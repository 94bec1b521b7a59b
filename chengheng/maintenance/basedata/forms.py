"""Forms of base data."""

from __future__ import annotations

from typing import Any

import shapely
from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.dictionary import Edition, components
from chengheng.common.people.models import User
from chengheng.common.people.queries import holders_of_act
from chengheng.common.places.formats import MAX_BYTES
from chengheng.maintenance.basedata.models import KIND_CHOICES, Sighting
from chengheng.maintenance.basedata.rules import KINDS, SHAPE_ALIASES, Kind
from chengheng.maintenance.basedata.sources import ENCODINGS, READ_DATUMS, Source


def _uploaded(sent: Any) -> Any:
    if sent is not None and sent.size > MAX_BYTES:
        raise forms.ValidationError(_("The file is too large."))
    return sent


class SetForm(forms.Form):
    """A new change set, with or without a file."""

    kind = forms.ChoiceField(label=pgettext_lazy("base data", "kind"), choices=KIND_CHOICES)
    title = forms.CharField(label=_("title"), max_length=120)
    source = forms.CharField(
        label=_("source"), max_length=200, required=False, help_text=_("Who surveyed it, and when.")
    )
    file = forms.FileField(
        label=_("File"), required=False,
        help_text=_("Zipped Shapefile, GeoPackage, GeoJSON, KML, DXF, or a spreadsheet; at most 100 MB. Without a file, "
                    "features are entered by hand."),
    )  # fmt: skip
    whole = forms.BooleanField(
        label=_("The file is the complete stock: what it does not hold is removed"), required=False
    )

    def clean_file(self) -> Any:
        return _uploaded(self.cleaned_data["file"])


_SHAPE_LABELS = {"lon": _("longitude or easting"), "lat": _("latitude or northing"), "wkt": _("geometry as WKT")}


class ReadingForm(forms.Form):
    """Which column is which field, which datum, which encoding."""

    def __init__(self, kind: Kind, source: Source, proposed: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "—"), *((heading, heading) for heading in source.headings)]
        wanted = {field.name: field.label for field in kind.fields}
        if source.is_table:
            wanted |= {name: _SHAPE_LABELS[name] for name in SHAPE_ALIASES}
        self.columns = list(wanted)
        for name, label in wanted.items():
            self.fields[f"column_{name}"] = forms.ChoiceField(
                label=str(label), choices=choices, required=name == "code", initial=proposed["columns"].get(name, "")
            )
        self.fields["datum"] = forms.ChoiceField(
            label=_("Datum"), choices=READ_DATUMS, initial=proposed["datum"],
            help_text=_("Choose GCJ-02 or BD-09 when the shapes were drawn on such a map."),
        )  # fmt: skip
        self.fields["encoding"] = forms.ChoiceField(
            label=_("Encoding of a Shapefile's texts"), choices=ENCODINGS, required=False, initial=proposed["encoding"]
        )

    def reading(self) -> dict[str, Any]:
        """What `sources.take` reads by."""
        held = self.cleaned_data
        columns = {name: held[f"column_{name}"] for name in self.columns if held.get(f"column_{name}")}
        return {"columns": columns, "datum": held["datum"], "encoding": held["encoding"]}


class FeatureForm(forms.Form):
    """One feature by hand: the fields of its kind, and its place as a point or as WKT."""

    def __init__(self, kind: Kind, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in kind.fields:
            self.fields[field.name] = forms.CharField(
                label=str(field.label), max_length=field.length, required=field.name == "code"
            )
        point = "point" in kind.shapes
        if point:
            self.fields["lon"] = forms.FloatField(label=_("longitude"), required=False, min_value=-180, max_value=180)
            self.fields["lat"] = forms.FloatField(label=_("latitude"), required=False, min_value=-90, max_value=90)
        self.fields["wkt"] = forms.CharField(
            label=_("geometry as WKT"), required=not point, max_length=200_000, widget=forms.Textarea(attrs={"rows": 3}),
            help_text=_("Only when it is no point. Degrees, CGCS2000 or WGS-84.") if point else "",
        )  # fmt: skip
        self.kind = kind

    def clean(self) -> dict[str, Any]:
        """The geometry must be readable, and there must be one."""
        cleaned = super().clean() or {}
        shape = None
        if cleaned.get("wkt"):
            shape = shapely.from_wkt(cleaned["wkt"], on_invalid="ignore")
            if shape is None:
                self.add_error("wkt", _("This is no WKT."))
        elif cleaned.get("lon") is not None and cleaned.get("lat") is not None:
            shape = shapely.Point(cleaned["lon"], cleaned["lat"])
        elif not self.errors:
            self.add_error("lon" if "lon" in self.fields else "wkt", _("Say where it is."))
        cleaned["shape"] = shape
        return cleaned

    def row(self) -> dict[str, Any]:
        """What `actions.propose` takes."""
        held = self.cleaned_data
        attrs = {field.name: held[field.name] for field in self.kind.extra if held.get(field.name)}
        return {"code": held["code"], "name": held["name"], "attrs": attrs, "shape": held["shape"]}


def class_choices() -> list[tuple[str, str]]:
    """The component classes in force today, by code."""
    return [(code, f"{code} {entry.name}") for code, entry in components(Edition.GBT_2026).items()]


class CensusForm(forms.Form):
    """A census task."""

    title = forms.CharField(label=_("title"), max_length=120)
    area_code = forms.RegexField(
        r"^\d{6}(\d{3}){0,3}$", label=_("area"), help_text=_("Code of a district, subdistrict, community or unit grid.")
    )
    sort = forms.ChoiceField(label=pgettext_lazy("base data", "class"), required=False)
    surveyor = forms.ModelChoiceField(User.objects.none(), label=_("surveyor"))
    due_on = forms.DateField(label=_("due on"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sort, surveyor = self.fields["sort"], self.fields["surveyor"]
        assert isinstance(sort, forms.ChoiceField)
        assert isinstance(surveyor, forms.ModelChoiceField)
        sort.choices = [("", _("all classes")), *class_choices()]
        surveyor.queryset = holders_of_act("maintenance.base.survey")


class SightingForm(forms.Form):
    """What was found of a component that is recorded."""

    verb = forms.ChoiceField(
        label=pgettext_lazy("census", "finding"), widget=forms.RadioSelect,
        choices=[pair for pair in Sighting.Verb.choices if pair[0] != Sighting.Verb.NEW],
    )  # fmt: skip
    photo = forms.ImageField(
        label=_("Photo"), required=False, widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"}),
        help_text=_("Needed when it is gone."),
    )  # fmt: skip
    note = forms.CharField(label=_("note"), required=False, max_length=200)
    lon = forms.FloatField(
        label=_("longitude"), required=False, min_value=-180, max_value=180,
        help_text=_("When it stands elsewhere: tap the map, or use the phone's position."),
    )  # fmt: skip
    lat = forms.FloatField(label=_("latitude"), required=False, min_value=-90, max_value=90)


class NewForm(forms.Form):
    """A component that is not recorded yet."""

    sort = forms.ChoiceField(label=pgettext_lazy("base data", "class"))
    photo = forms.ImageField(
        label=_("Photo"), widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"})
    )
    note = forms.CharField(label=_("note"), required=False, max_length=200)
    lon = forms.FloatField(
        label=_("longitude"), min_value=-180, max_value=180, help_text=_("Tap the map, or use the phone's position.")
    )
    lat = forms.FloatField(label=_("latitude"), min_value=-90, max_value=90)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sort = self.fields["sort"]
        assert isinstance(sort, forms.ChoiceField)
        sort.choices = class_choices()


def kind_of(code: str) -> Kind | None:
    """The kind of this code."""
    return KINDS.get(code)
