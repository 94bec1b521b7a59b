"""What people type in dust weighing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MinValueValidator
from django.utils.translation import gettext_lazy as _

from chengheng.cleanliness.models import Check, Grade, Lane, ReadingSource, Road, RoadClass, RuleSet, Scale, Team, Zone
from chengheng.common.people.models import Organisation
from chengheng.common.ui.words import number

DAY = forms.DateInput(attrs={"type": "date"})


def month_number(value: str) -> int | None:
    """ "2024-05" → 202405."""
    year, _dash, month = value.partition("-")
    if year.isdigit() and month.isdigit() and 2000 <= int(year) <= 2099 and 1 <= int(month) <= 12:
        return int(year) * 100 + int(month)
    return None


class MonthField(forms.CharField):
    """A month, "2024-05" → 202405."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "month"}))
        super().__init__(max_length=7, **kwargs)

    def clean(self, value: Any) -> Any:
        found = month_number(super().clean(value))
        if found is None:
            raise forms.ValidationError(_("A month is written as 2024-05."))
        return found


class PlanForm(forms.Form):
    month = MonthField(label=_("Month"))
    size = forms.IntegerField(label=_("Checks"), min_value=1, max_value=20_000, initial=550)
    seed = forms.CharField(
        label=_("Seed"), max_length=80, required=False,
        help_text=_("For the year's first plan: a number drawn in public. Empty: the machine draws one."),
    )  # fmt: skip
    gap_days = forms.IntegerField(
        label=_("Least days between two checks of a road"), min_value=0, max_value=180, required=False
    )


class MoveForm(forms.Form):
    day = forms.DateField(label=_("New day"), widget=DAY, required=False, help_text=_("Empty: cancel this check."))
    team = forms.ModelChoiceField(Team.objects.filter(active=True), label=_("Team"), required=False)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("Rain, snow, closure …"))


class ReplanForm(forms.Form):
    to = forms.DateField(label=_("New day"), widget=DAY)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("Rain, snow, closure …"))


class WhatIfForm(forms.Form):
    """Which results, under which rule set. `known`: the months that have results, the latest first."""

    rules = forms.ModelChoiceField(RuleSet.objects.all(), label=_("Rule set to try"))
    first = forms.TypedChoiceField(label=_("From month"), coerce=int)
    last = forms.TypedChoiceField(label=_("To month"), coerce=int)

    def __init__(self, *args: Any, known: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(month, f"{month // 100}-{month % 100:02}") for month in known]
        for name in ("first", "last"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        self.known = known

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if "first" in found and "last" in found and found["first"] > found["last"]:
            self.add_error("last", _("The last month lies before the first."))
        return found

    @property
    def months(self) -> list[int]:
        return [month for month in self.known if self.cleaned_data["first"] <= month <= self.cleaned_data["last"]]


class AdoptForm(forms.ModelForm):
    """A rule set of the site's own, begun from another one. `changes` is what the act takes."""

    day = forms.DateField(label=_("In force from"), widget=DAY)
    name = forms.CharField(label=_("Name"), max_length=80)
    source = forms.CharField(label=_("Source"), max_length=300, help_text=_("The document that set it."))
    deduct_missed = forms.DecimalField(
        label=_("Deduction per missed road (元)"), min_value=0, max_digits=9, decimal_places=2
    )
    deduct_gram = forms.DecimalField(
        label=_("Deduction per started g/m² above the limit (元)"), min_value=0, max_digits=9, decimal_places=2
    )
    field_order = ("day", "name", "source")

    class Meta:
        model = RuleSet
        fields = (
            "frame_area_m2", "min_points", "points_per_gram", "outlier_threshold", "geofence_m", "move_bound_m",
            "gap_days", "max_wind_ms",
        )  # fmt: skip
        help_texts = {"max_wind_ms": _("A stronger wind leaves the road out. Empty: no limit.")}

    def __init__(self, data: Any = None, *, pattern: RuleSet) -> None:
        first = {
            "name": "" if pattern.is_example else pattern.name, "source": "" if pattern.is_example else pattern.source,
            "deduct_missed": Decimal(pattern.deduct_missed_fen) / 100, "deduct_gram": Decimal(pattern.deduct_gram_fen) / 100,
        }  # fmt: skip
        # a copy, so that what is typed never touches the pattern
        super().__init__(data, instance=RuleSet.objects.get(pk=pattern.pk), initial=first)
        self.fields["frame_area_m2"].validators.append(MinValueValidator(Decimal("0.01")))

    def clean_min_points(self) -> int:
        found: int = self.cleaned_data["min_points"]
        if found < 6:
            raise forms.ValidationError(_("A check has at least six points."))
        return found

    @property
    def changes(self) -> dict[str, Any]:
        found = dict(self.cleaned_data)
        return found | {f"{name}_fen": int(found.pop(name) * 100) for name in ("deduct_missed", "deduct_gram")}


class LimitForm(forms.Form):
    """One line of a rule set; a line without a figure is left out."""

    lane = forms.ChoiceField(label=_("Lane type"), choices=[("", _("all")), *Lane.choices], required=False)
    grade = forms.TypedChoiceField(
        label=_("Grade"), choices=[("", _("all")), *Grade.choices], coerce=int, empty_value=None, required=False
    )
    zone = forms.ChoiceField(
        label=_("Zone"), choices=[("", _("all")), *(one for one in Zone.choices if one[0])], required=False
    )
    inclusive = forms.TypedChoiceField(
        label=_("Sign"), choices=[("le", "≤"), ("lt", "<")], coerce=lambda sign: sign == "le", initial="le"
    )
    limit = forms.DecimalField(
        label=_("Limit (g/m²)"), min_value=Decimal("0.01"), max_digits=6, decimal_places=2, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # the table's head is the label that eyes see
            kind = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            field.widget.attrs.update({"class": kind, "aria-label": field.label})


LimitForms = forms.formset_factory(LimitForm, extra=3, max_num=60)


class WeighForm(forms.Form):
    bag = forms.CharField(
        label=_("Code on the bag"), max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text=_("Scan it; do not type from the list."),
    )  # fmt: skip
    scale = forms.ModelChoiceField(Scale.objects.filter(active=True), label=_("Scale"), to_field_name="code")
    gross_g = forms.DecimalField(label=_("Gross (g)"), min_value=0, max_digits=9, decimal_places=3)
    tare_g = forms.DecimalField(label=_("Tare (g)"), min_value=0, max_digits=9, decimal_places=3)
    source = forms.ChoiceField(label=_("Reading"), choices=ReadingSource.choices, initial=ReadingSource.HAND)


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class FrameForm(forms.Form):
    """What to make of a frame that is not the rule's."""

    rule = forms.TypedChoiceField(label=_("Frame used"), coerce=lambda said: said == "rule", widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("What the photo of the frame shows."))

    def __init__(self, *args: Any, check: Check, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rule"].choices = [  # type: ignore[attr-defined]
            ("entered", _("%s m², as entered on the road") % number(check.frame_area_m2)),
            ("rule", _("%s m², the rule's: the entry was wrong") % number(check.rule_frame_m2)),
        ]


class ScaleForm(forms.Form):
    code = forms.CharField(label=_("Scale code"), max_length=30)
    name = forms.CharField(label=_("Name"), max_length=60)
    resolution_g = forms.DecimalField(label=_("Resolution (g)"), min_value=0, max_digits=6, decimal_places=3)
    max_g = forms.DecimalField(label=_("Greatest load (g)"), min_value=1, max_digits=9, decimal_places=3)


class CalibrationForm(forms.Form):
    on = forms.DateField(label=_("Calibrated on"), widget=DAY)
    until = forms.DateField(label=_("Valid until"), widget=DAY)
    certificate = forms.CharField(label=_("Certificate"), max_length=80)
    passed = forms.BooleanField(label=_("Passed"), required=False, initial=True)


class CostForm(forms.Form):
    month = MonthField(label=_("Month"))
    amount = forms.DecimalField(label=_("Amount (元)"), min_value=0, max_digits=12, decimal_places=2)
    source = forms.CharField(label=_("Source"), max_length=200)


class RoadForm(forms.Form):
    name = forms.CharField(label=_("Road name"), max_length=80)
    grade = forms.TypedChoiceField(label=_("Grade"), choices=Grade.choices, coerce=int)
    road_class = forms.ChoiceField(label=_("Road class"), choices=RoadClass.choices)
    zone = forms.ChoiceField(label=_("Zone"), choices=Zone.choices, required=False)
    lanes = forms.MultipleChoiceField(label=_("Lane types"), choices=Lane.choices, widget=forms.CheckboxSelectMultiple)
    contractor = forms.ModelChoiceField(
        Organisation.objects.filter(kind="contractor", active=True), label=_("Contractor"), required=False
    )
    line = forms.CharField(
        label=_("Line"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("[[lon, lat], …]; drawn on the map above, or typed."),
    )
    active = forms.BooleanField(label=_("In the register"), required=False)
    reason = forms.CharField(label=_("Reason"), max_length=200)

    @classmethod
    def of(cls, road: Road, data: Any = None) -> RoadForm:
        first = {name: getattr(road, name) for name in ("name", "grade", "road_class", "zone", "lanes", "active")}
        return cls(data, initial={**first, "contractor": road.contractor_id, "line": json.dumps(road.line)})

    def clean_line(self) -> list[list[float]]:
        try:
            found = json.loads(self.cleaned_data["line"])
            return [[float(lon), float(lat)] for lon, lat in found]
        except (TypeError, ValueError):
            raise forms.ValidationError(_("A line is a list of [lon, lat] pairs.")) from None


class NewRoadForm(RoadForm):
    """A road that is drawn, not imported. Its district is where its middle lies."""

    code = forms.CharField(label=_("Road code"), max_length=30)
    field_order = ("code",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["active"]

    def clean_code(self) -> str:
        code = self.cleaned_data["code"].strip()
        if Road.objects.filter(code=code).exists():
            raise forms.ValidationError(_("This road is in the register already."))
        return code
