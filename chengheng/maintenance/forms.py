"""Forms of this room."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.models import Organisation
from chengheng.maintenance.models import Check, Contract, Device, Plan


class DeviceForm(forms.ModelForm):
    class Meta:
        model = Device
        fields = (
            "code", "name", "system", "site", "room", "rack", "kind", "maker", "model", "serial", "address", "vendor",
            "spare_parts", "warranty_until", "outside",
        )  # fmt: skip
        widgets = {"warranty_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vendor = self.fields["vendor"]
        assert isinstance(vendor, forms.ModelChoiceField)
        vendor.queryset = Organisation.objects.filter(kind="vendor", active=True)


class CheckForm(forms.ModelForm):
    class Meta:
        model = Check
        fields = ("kind", "target", "interval_s", "timeout_s", "fail_after", "pass_after")

    def clean(self) -> dict[str, Any]:
        """The target must be understood by its kind of probe."""
        from chengheng.maintenance.errors import BadTarget
        from chengheng.maintenance.prober.probes import understand

        cleaned = super().clean() or {}
        if cleaned.get("kind") and cleaned.get("target"):
            try:
                understand(cleaned["kind"], cleaned["target"], {})
            except ValueError:
                self.add_error("target", str(BadTarget()))
        return cleaned


class ExclusionForm(forms.Form):
    starts_at = forms.DateTimeField(label=_("from"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends_at = forms.DateTimeField(label=_("to"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    reason = forms.CharField(label=_("reason"), max_length=200)


class FaultForm(forms.Form):
    """A fault reported by somebody who is signed in."""

    title = forms.CharField(label=_("what is wrong"), max_length=200)
    stops_service = forms.BooleanField(label=_("does not work at all"), required=False, initial=True)


class LabelForm(forms.Form):
    """The phone page behind a QR label: no sign-in, few questions."""

    title = forms.CharField(
        label=_("what is wrong"), max_length=200, widget=forms.Textarea(attrs={"rows": 3, "autofocus": True})
    )
    stops_service = forms.BooleanField(label=_("does not work at all"), required=False)
    name = forms.CharField(label=_("your name"), max_length=40, required=False)
    phone = forms.CharField(
        label=_("phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"type": "tel"})
    )
    photo = forms.FileField(
        label=_("photo"), required=False, widget=forms.ClearableFileInput(attrs={"accept": "image/*"})
    )


class VisitForm(forms.Form):
    """The check list of a visit: one answer an item, then the verdict."""

    normal = forms.ChoiceField(
        label=_("The device is"), choices=[("1", _("normal")), ("0", _("not normal"))], widget=forms.RadioSelect
    )
    note = forms.CharField(label=_("note"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    label = forms.CharField(label=_("label (from the QR code)"), required=False, max_length=20)

    def __init__(self, plan: Plan, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = {
            f"item_{number}": forms.BooleanField(label=str(text), required=False)
            for number, text in enumerate(plan.items)
        }
        self.fields = {**asked, **self.fields}
        self.items = list(plan.items)

    def answers(self) -> dict[str, bool]:
        return {str(text): self.cleaned_data[f"item_{number}"] for number, text in enumerate(self.items)}


class ContractForm(forms.ModelForm):
    class Meta:
        model = Contract
        fields = (
            "system", "vendor", "title", "starts_on", "ends_on", "response_meaning", "response_kind", "response_amount",
            "repair_kind", "repair_amount", "source",
        )  # fmt: skip
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("starts_on", "ends_on")
        }
