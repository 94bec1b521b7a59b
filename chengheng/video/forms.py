"""Forms of this room."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.video.models import (
    WEEKDAYS,
    Channel,
    Device,
    Operation,
    PictureThresholds,
    RecordingPlan,
    TranscodeLimit,
    Upstream,
)


class DeviceForm(forms.ModelForm):
    class Meta:
        model = Device
        fields = (
            "gb_id", "name", "kind", "organisation", "area_code", "login", "media_mode", "pinned_address",
            "catalog_minutes", "enabled",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["gb_id"].disabled = True


class ChannelForm(forms.ModelForm):
    class Meta:
        model = Channel
        fields = ("edited_name", "organisation", "area_code", "address", "lon", "lat", "hidden")


class OperationForm(forms.ModelForm):
    class Meta:
        model = Operation
        fields = ("title", "kind", "starts_at", "ends_at", "snapshot_minutes", "about")
        widgets = {
            "starts_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            "ends_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            "about": forms.Textarea(attrs={"rows": 3}),
        }


class UpstreamForm(forms.ModelForm):
    password = forms.CharField(label=_("Password"), widget=forms.PasswordInput, required=False)

    class Meta:
        model = Upstream
        fields = ("name", "gb_id", "realm", "host", "port", "transport", "own_id", "login", "organisation", "enabled")


class PlanForm(forms.ModelForm):
    weekdays = forms.MultipleChoiceField(
        label=_("days of the week"),
        choices=[(str(number), label) for number, label in enumerate(WEEKDAYS, 1)],
        initial=list("1234567"),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = RecordingPlan
        fields = ("weekdays", "from_time", "to_time", "keep_days")
        widgets = {
            "from_time": forms.TimeInput(attrs={"type": "time"}),
            "to_time": forms.TimeInput(attrs={"type": "time"}),
        }

    def clean_weekdays(self) -> str:
        return "".join(self.cleaned_data["weekdays"])


class FetchForm(forms.Form):
    """What to fetch from the device's own recordings."""

    from_at = forms.DateTimeField(
        label=pgettext_lazy("video", "from"), widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    )
    to_at = forms.DateTimeField(
        label=pgettext_lazy("video", "until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    )


class ThresholdsForm(forms.ModelForm):
    class Meta:
        model = PictureThresholds
        fields = ("starts_on", "black_mean", "plain_deviation", "blur_variance", "frozen_difference", "source")
        widgets = {"starts_on": forms.DateInput(attrs={"type": "date"})}

    def validate_unique(self) -> None:
        """The same day again replaces its set."""


class TranscodeLimitForm(forms.ModelForm):
    class Meta:
        model = TranscodeLimit
        fields = ("starts_on", "most", "source")
        widgets = {"starts_on": forms.DateInput(attrs={"type": "date"})}

    def validate_unique(self) -> None:
        """The same day again replaces its number."""
