"""Forms of this room."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.notices.models import Endpoint, Preference
from chengheng.common.notices.rules import Channel, Level

NEVER = ("", _("never"))


class PreferenceForm(forms.ModelForm):
    email_from = forms.ChoiceField(label=_("By e-mail from"), choices=[NEVER, *Level.choices()], required=False)
    sms_from = forms.ChoiceField(label=_("By text message from"), choices=[NEVER, *Level.choices()], required=False)

    class Meta:
        model = Preference
        fields = ("email_from", "sms_from", "quiet_start", "quiet_stop")
        widgets = {
            name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M") for name in ("quiet_start", "quiet_stop")
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("quiet_start") is None) != (cleaned.get("quiet_stop") is None):
            raise forms.ValidationError(_("Quiet hours need a beginning and an end."))
        return cleaned


class EndpointForm(forms.ModelForm):
    url = forms.CharField(
        label=_("Address"), required=False, max_length=1000, help_text=_("Is not shown again. Empty keeps the present one."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    secret = forms.CharField(
        label=_("Secret"), required=False, max_length=200, strip=True,
        help_text=_("For the signature. Is not shown again. Empty keeps the present one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    options = forms.JSONField(
        label=_("Options"), required=False,
        help_text=_('For an SMS gateway: {"fields": {"phone": "…", "text": "…", "key": "…"}, "success": {"code": "0"}}')
        + "\n"
        + _(
            'For telephone calls besides: {"words": "{title}。{body}", "result": {"field": "…", "answered": ["…"], "again": ["…"]}}; '
            "“callback” among the fields is where the gateway reports what became of the call."
        ),
    )  # fmt: skip

    class Meta:
        model = Endpoint
        fields = ("channel", "name", "url", "secret", "organisation", "least_level", "options", "active")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.instance.pk and not cleaned.get("url"):
            self.add_error("url", _("A new channel needs an address."))
        options = cleaned.get("options") or {}
        parts = (
            [options.get(name, {}) for name in ("fields", "fixed", "success", "result")]
            if isinstance(options, dict)
            else [None]
        )
        if not all(isinstance(part, dict) for part in parts) or (
            options and cleaned.get("channel") not in (Channel.SMS, Channel.PHONE)
        ):
            self.add_error("options", _("Options are for gateways of text messages and calls, in the form shown."))
        cleaned["options"] = options
        return cleaned
