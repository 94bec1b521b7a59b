"""Forms of command."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command import queries
from chengheng.command.models import (
    DutyShift,
    OrderTemplate,
    Plan,
    PlanLevel,
    PlanNeed,
    PlanStep,
    Priority,
    Resource,
    Site,
    WeatherNote,
)
from chengheng.common.flow.forms import FilesField
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User
from chengheng.common.places.queries import district_names

_WHEN = "%Y-%m-%dT%H:%M"


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WHEN)


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 4}))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]


def checklist() -> LinesField:
    return LinesField(
        label=_("Checklist"), required=False, max_length=4000,
        help_text=_("One item a line. All must be ticked before the order can be reported finished."),
    )  # fmt: skip


def _areas() -> list[tuple[str, str]]:
    return [("", "—"), *district_names().items()]


class OrderForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=120)
    body = forms.CharField(label=_("Text"), max_length=4000, widget=forms.Textarea(attrs={"rows": 5}))
    priority = forms.ChoiceField(label=_("Priority"), choices=Priority.choices)
    receipt_minutes = forms.IntegerField(label=_("Receipt within (minutes)"), min_value=1, initial=30)
    finish_minutes = forms.IntegerField(label=_("Finish within (minutes)"), min_value=1, initial=480)
    address = forms.CharField(label=_("Place"), max_length=200, required=False)
    lon = forms.FloatField(label=_("Longitude"), required=False, min_value=-180, max_value=180)
    lat = forms.FloatField(label=_("Latitude"), required=False, min_value=-90, max_value=90)
    checklist = checklist()
    papers = FilesField(label=_("Attachments"), required=False)
    group = forms.ChoiceField(
        label=_("To a whole group"), required=False,
        choices=[("", "—"), *[choice for choice in PlanStep.To.choices if choice[0] not in ("named", "area", "role")]],
    )  # fmt: skip
    area = forms.ChoiceField(label=_("To everybody in an area"), required=False, choices=_areas)
    tell_all = forms.BooleanField(
        label=_("Tell everybody there who receives orders, not only who is on duty"), required=False
    )
    people = forms.ModelMultipleChoiceField(label=_("To people by name"), queryset=User.objects.none(), required=False)
    organisations = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("order", "To"), queryset=Organisation.objects.none(), required=False
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisations"].queryset = queries.orderable(user)  # type: ignore[attr-defined]
        self.fields["people"].queryset = queries.orderable_people(user).order_by(  # type: ignore[attr-defined]
            "organisation__code", "display_name"
        )

    def given(self) -> dict[str, Any]:
        """Arguments of `give_order`: the ticked organisations and those of the chosen group."""
        given = dict(self.cleaned_data)
        group, area = given.pop("group"), given.pop("area")
        chosen = {row.pk: row for row in given["organisations"]}
        more = [*queries.organisations_in(area)]
        if group:
            more += queries.organisations_on_duty() if group == PlanStep.To.ON_DUTY else queries.organisations_of(group)
        if more:
            allowed = set(self.fields["organisations"].queryset.values_list("pk", flat=True))  # type: ignore[attr-defined]
            chosen |= {row.pk: row for row in more if row.pk in allowed}
        return given | {"organisations": list(chosen.values())}


class OrderTemplateForm(forms.ModelForm):
    checklist = checklist()

    class Meta:
        model = OrderTemplate
        fields = ("name", "title", "body", "priority", "receipt_minutes", "finish_minutes", "checklist")
        widgets = {"body": forms.Textarea(attrs={"rows": 5})}


class PlanForm(forms.ModelForm):
    class Meta:
        model = Plan
        fields = ("code", "name", "kind", "organisation", "source", "about")
        widgets = {"about": forms.Textarea(attrs={"rows": 4})}
        help_texts = {"source": _("Where the plan comes from: document, number, date.")}

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = access.visible(user, "command.plan.change", Organisation.objects.filter(active=True))
        self.fields["organisation"].queryset = places.exclude(kind="vendor").order_by("code")  # type: ignore[attr-defined]
        if self.instance.pk is None:
            self.fields["organisation"].initial = user.organisation_id
        elif self.instance.edition > 1:
            self.fields["code"].disabled = True


class LevelForm(forms.ModelForm):
    class Meta:
        model = PlanLevel
        fields = ("rank", "name", "trigger")
        help_texts = {"rank": _("1 is the gravest.")}


class StepForm(forms.ModelForm):
    area_code = forms.ChoiceField(label=_("Area"), required=False, choices=_areas)
    role = forms.ChoiceField(
        label=_("Role"), required=False, choices=lambda: [("", "—"), *queries.role_choices()],
        help_text=_("Reaches those who hold it and receive orders; the start page says how many do not."),
    )  # fmt: skip
    checklist = checklist()

    class Meta:
        model = PlanStep
        fields = (
            "phase", "offset_minutes", "title", "body", "to", "area_code", "role", "named", "priority", "receipt_minutes",
            "finish_minutes", "checklist",
        )  # fmt: skip
        widgets = {"body": forms.Textarea(attrs={"rows": 5}), "named": forms.CheckboxSelectMultiple}

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["named"].queryset = queries.orderable(user)  # type: ignore[attr-defined]


class NeedForm(forms.ModelForm):
    class Meta:
        model = PlanNeed
        fields = ("kind", "amount", "unit", "note")


class StartForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=300)
    drill = forms.BooleanField(
        label=_("Drill"), required=False, help_text=_("The orders say so in their title and do not count in measures.")
    )


class EndForm(forms.Form):
    conclusion = forms.CharField(label=_("Conclusion"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4}))


class ShiftForm(forms.ModelForm):
    class Meta:
        model = DutyShift
        fields = ("organisation", "person", "starts_at", "ends_at", "phone")
        widgets = {"starts_at": _moment(), "ends_at": _moment()}

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = access.visible(user, "command.rota.change", Organisation.objects.filter(active=True))
        self.fields["organisation"].queryset = places.order_by("code")  # type: ignore[attr-defined]
        people = User.objects.filter(is_active=True, is_machine=False, organisation__in=places)
        self.fields["person"].queryset = people.order_by("organisation__code", "display_name")  # type: ignore[attr-defined]


class HandOverForm(forms.Form):
    to = forms.ModelChoiceField(label=_("Handed over to"), queryset=User.objects.none())
    note = forms.CharField(label=_("Handover note"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, shift: DutyShift, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(
            is_active=True, is_machine=False, organisation__path__startswith=shift.organisation.path
        )
        self.fields["to"].queryset = people.exclude(pk=shift.person_id).order_by("display_name")  # type: ignore[attr-defined]


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = (
            "code", "name", "kind", "organisation", "area_code", "address", "lon", "lat", "contact", "phone",
            "serves_from", "serves_until",
        )  # fmt: skip
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("serves_from", "serves_until")
        }


class PlaceForm(forms.Form):
    lon = forms.FloatField(min_value=-180, max_value=180)
    lat = forms.FloatField(min_value=-80, max_value=80)
    reach = forms.IntegerField(required=False, min_value=50, max_value=20_000)


class WeatherForm(forms.Form):
    text = forms.CharField(label=_("Weather"), max_length=600, widget=forms.Textarea(attrs={"rows": 3}))
    warning = forms.ChoiceField(label=_("Warning in force"), required=False, choices=WeatherNote.Warning.choices)
    source = forms.CharField(
        label=_("Source"), max_length=120,
        help_text=_("Who said so and how: the observatory by telephone, its bulletin number, own observation."),
    )  # fmt: skip
    said_at = forms.DateTimeField(
        label=pgettext_lazy("weather", "Said at"), required=False, widget=_moment(), help_text=_("Empty: now.")
    )
    until = forms.DateTimeField(
        label=_("Holds until"), required=False, widget=_moment(), help_text=_("Empty: twelve hours.")
    )


class CheckForm(forms.Form):
    reached = forms.BooleanField(label=_("Picture and sound came through"), required=False)
    loss_percent = forms.DecimalField(
        label=_("Packet loss (%)"), required=False, min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    jitter_ms = forms.DecimalField(label=_("Jitter (ms)"), required=False, min_value=0, max_digits=7, decimal_places=1)
    note = forms.CharField(label=_("Note"), max_length=300, required=False)


class ResourceForm(forms.ModelForm):
    class Meta:
        model = Resource
        fields = ("name", "kind", "organisation", "amount", "unit", "state", "lon", "lat")

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = access.visible(user, "command.resource.change", Organisation.objects.filter(active=True))
        self.fields["organisation"].queryset = places.order_by("code")  # type: ignore[attr-defined]
