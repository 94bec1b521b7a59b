"""Forms of this room."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.video.models import Channel, Device, Operation, Upstream


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
