"""Forms of patrol's pages: they read what a person gave; the rules are in the actions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.flow.forms import FilesField
from chengheng.patrol.models import DictionaryEntry, Source

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
