"""Forms of this room."""

from __future__ import annotations

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RetentionForm(forms.Form):
    kind = forms.CharField(label=_("Kind of attachment"), max_length=40)
    subject_type = forms.RegexField(
        r"^([a-z_]+\.[a-z_]+)?$",
        label=_("Only on"),
        required=False,
        max_length=60,
        help_text=_("A kind of record, like patrol.case; empty for all."),
    )
    days = forms.IntegerField(label=_("Days kept"), min_value=1, max_value=36500)
    starts_on = forms.DateField(
        label=_("In force from"),
        initial=timezone.localdate,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    source = forms.CharField(label=_("Source"), max_length=200, help_text=_("The rule or decision that says so."))


class UploadForm(forms.Form):
    kind = forms.RegexField(r"^[a-z0-9_]+$", max_length=40)
    file = forms.FileField(label=_("File"))
