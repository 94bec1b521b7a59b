"""Forms of this room."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.models import Organisation, User
from chengheng.maintenance.models import AlertSource, Bill, Check, Contract, Device, Plan, Site, System

_SECRET = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class DeviceForm(forms.ModelForm):
    class Meta:
        model = Device
        fields = (
            "code", "name", "system", "site", "room", "rack", "kind", "maker", "model", "serial", "address", "vendor",
            "owner", "in_service_at", "warranty_until", "spare_parts", "outside",
        )  # fmt: skip
        widgets = {
            "warranty_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "in_service_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vendor = self.fields["vendor"]
        assert isinstance(vendor, forms.ModelChoiceField)
        vendor.queryset = Organisation.objects.filter(kind="vendor", active=True)
        self.fields["in_service_at"].required = False
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)
        owner.queryset = User.objects.filter(is_active=True).order_by("display_name")

    def clean_in_service_at(self) -> datetime:
        """What the page cannot show (seconds) is not taken for a change; nothing retires before its service."""
        said: datetime = self.cleaned_data["in_service_at"] or self.instance.in_service_at
        known = self.initial.get("in_service_at") if self.instance.pk else None
        if known is not None and known.replace(second=0, microsecond=0) == said:
            return known
        retired = self.instance.retired_at
        if retired is not None and said > retired:
            raise forms.ValidationError(_("It was retired before."))
        return said


class SystemForm(forms.ModelForm):
    class Meta:
        model = System
        fields = ("name", "code", "organisation", "rate")
        help_texts = {"rate": _("Shown with its formula wherever the rate is; a target may choose another one.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["code"]  # addresses and targets name it


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = ("code", "name", "organisation", "address", "lon", "lat")

    def clean(self) -> dict[str, Any]:
        """A place is a pair of numbers on the earth, or none."""
        said = super().clean() or {}
        lon, lat = said.get("lon"), said.get("lat")
        if (lon is None) != (lat is None):
            self.add_error("lat" if lat is None else "lon", _("Longitude and latitude go together."))
        elif lon is not None and lat is not None and not (-180 <= lon <= 180 and -90 <= lat <= 90):
            self.add_error("lon", _("This is no place on the earth."))
        return said


class ParentForm(forms.Form):
    """What a device depends on, named by its identifier."""

    code = forms.CharField(label=_("depends on (identifier)"), max_length=40)


class CheckForm(forms.ModelForm):
    """A probe of one kind: only that kind's questions. Secrets are written, never shown; empty keeps what is there."""

    contains = forms.CharField(label=_("the page must hold"), max_length=200, required=False)
    without = forms.CharField(label=_("the page must not hold"), max_length=200, required=False)
    status = forms.IntegerField(
        label=_("status"), min_value=100, max_value=599, required=False, help_text=_("Empty: any below 400.")
    )
    certificate_days = forms.FloatField(
        label=_("certificate lasts at least (days)"), min_value=0, max_value=400, required=False, initial=7
    )
    verify = forms.BooleanField(label=_("the certificate must be trusted"), required=False, initial=True)
    must = forms.CharField(
        label=_("must hold, one condition a line"), required=False, max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_("For example: node_load1 < 8. With SNMP an OID stands on the left."),
    )  # fmt: skip
    describe = forms.BooleanField(
        label=_("ask for the stream's description"), required=False,
        help_text=_("Logs in and looks whether there is video; otherwise an answer is enough."),
    )  # fmt: skip
    offset_s = forms.FloatField(label=_("clock at most off by (s)"), min_value=0, required=False, initial=1)
    hold_s = forms.FloatField(
        label=_("fault only after (s)"), min_value=0, required=False,
        help_text=_("A shorter outage counts, but nobody is called."),
    )  # fmt: skip
    community = forms.CharField(label=_("community (v2c)"), max_length=100, required=False, widget=_SECRET)
    user = forms.CharField(label=_("user"), max_length=100, required=False, help_text=_("With SNMP: version 3."))
    password = forms.CharField(label=_("password"), max_length=200, required=False, widget=_SECRET)
    token = forms.CharField(label=_("token"), max_length=500, required=False, widget=_SECRET)
    auth = forms.ChoiceField(
        label=_("authentication"), choices=[(n, n.upper()) for n in ("sha1", "sha256", "sha512", "md5")], required=False
    )
    auth_key = forms.CharField(label=_("authentication key"), max_length=200, required=False, widget=_SECRET)
    priv = forms.ChoiceField(
        label=_("encryption"), choices=[(n, n.upper()) for n in ("aes128", "aes256", "des")], required=False
    )
    priv_key = forms.CharField(label=_("encryption key"), max_length=200, required=False, widget=_SECRET)

    OF_KIND = {
        "http": ("contains", "without", "status", "certificate_days", "verify"),
        "metrics": ("must", "token", "verify"),
        "snmp": ("community", "user", "auth", "auth_key", "priv", "priv_key", "must"),
        "rtsp": ("describe", "user", "password"),
        "ntp": ("offset_s",),
    }
    SECRETS = frozenset({"community", "password", "token", "auth_key", "priv_key"})
    EXAMPLES = {
        "icmp": "192.0.2.10", "tcp": "192.0.2.10:22", "http": "https://192.0.2.10/", "snmp": "192.0.2.10",
        "sip": "sip:34020000002000000001@192.0.2.10:5060", "rtsp": "rtsp://192.0.2.10/stream1", "ntp": "192.0.2.10",
        "database": "postgresql://192.0.2.10", "metrics": "http://192.0.2.10:9100/metrics",
    }  # fmt: skip

    class Meta:
        model = Check
        fields = ("target", "interval_s", "timeout_s", "fail_after", "pass_after", "enabled")

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        check = kwargs.get("instance")
        if check is not None:
            kwargs["initial"] = dict(check.options) | dict(kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        self.kind = kind
        told = kind == Check.Kind.TOLD
        self._own = (*self.OF_KIND.get(kind, ()), "hold_s")
        plain = ("enabled",) if told else self.Meta.fields
        order = [name for name in (*plain[:1], *self._own, *plain[1:]) if check is not None or name != "enabled"]
        self.fields = {name: self.fields[name] for name in order}
        if not told:
            self.fields["target"].help_text = _("For example: %(example)s") % {"example": self.EXAMPLES[kind]}
        known = check.secrets if check is not None else {}
        for name in self.SECRETS & self.fields.keys() & known.keys():
            self.fields[name].help_text = _("Set. Leave empty to keep it.")

    def clean(self) -> dict[str, Any]:
        """The target must be understood by its kind of probe, and the conditions must be conditions."""
        from chengheng.maintenance.errors import BadTarget
        from chengheng.maintenance.prober.probes import understand
        from chengheng.maintenance.rules import conditions

        cleaned = super().clean() or {}
        try:
            conditions.read(cleaned.get("must", ""))
        except ValueError as error:
            self.add_error("must", _("This is no condition: %(line)s") % {"line": error})
        else:
            if cleaned.get("target"):
                try:
                    understand(self.kind, cleaned["target"], self.options())
                except ValueError:
                    self.add_error("target", str(BadTarget()))
        return cleaned

    def options(self) -> dict[str, Any]:
        """What the probe is told besides the target, without secrets; what was left empty is left out."""
        said = {name: self.cleaned_data.get(name) for name in self._own if name not in self.SECRETS}
        found = {name: value for name, value in said.items() if value not in (None, "", False)}
        if "verify" in said and not said["verify"]:
            found["verify"] = False
        if not found.get("user"):
            found = {name: value for name, value in found.items() if name not in {"auth", "priv"}}
        return found

    def secrets(self) -> dict[str, str]:
        """The secrets as they are to be kept from now on."""
        kept = self.instance.secrets if self.instance.pk else {}
        given = {name: self.cleaned_data[name] for name in self.SECRETS & self.fields.keys() if self.cleaned_data[name]}
        return kept | given

    def said(self) -> dict[str, Any]:
        """The columns of the check."""
        names = [name for name in self.Meta.fields if name in self.cleaned_data]
        return {name: self.cleaned_data[name] for name in names} | {"options": self.options()}


class SourceForm(forms.ModelForm):
    class Meta:
        model = AlertSource
        fields = ("name", "code", "kind")


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


class PlanForm(forms.ModelForm):
    """An inspection plan; the check list is typed one item a line."""

    ITEMS, WORDS = 40, 120

    items = forms.CharField(
        label=_("check list, one item a line"), max_length=6000, required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
    )  # fmt: skip
    every_days = forms.IntegerField(label=_("every (days)"), min_value=1, max_value=1100, initial=30)

    class Meta:
        model = Plan
        fields = ("name", "purpose", "system", "kind", "every_days", "grace_days", "starts_on", "items", "active")
        widgets = {"starts_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {"kind": _("Empty: every device of the system.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["purpose"].required = False
        if self.instance.pk:
            self.initial["items"] = "\n".join(map(str, self.instance.items))
        else:
            del self.fields["active"]

    def clean_purpose(self) -> str:
        """What is not said stays as it was; a new plan is one of inspection."""
        return self.cleaned_data["purpose"] or self.instance.purpose

    def clean_items(self) -> list[str]:
        """The items, each once, in the order given."""
        found = list(dict.fromkeys(line.strip() for line in self.cleaned_data["items"].splitlines() if line.strip()))
        if len(found) > self.ITEMS or any(len(line) > self.WORDS for line in found):
            raise forms.ValidationError(
                _("At most %(items)s items of %(words)s characters.") % {"items": self.ITEMS, "words": self.WORDS}
            )
        return found

    def clean(self) -> dict[str, Any]:
        """A type must be one that devices of the system have."""
        said = super().clean() or {}
        kind, system = said.get("kind"), said.get("system")
        if kind and system is not None and not system.devices.filter(kind=kind).exists():
            kinds = system.devices.exclude(kind="").order_by("kind").values_list("kind", flat=True).distinct()
            self.add_error("kind", _("No device of this system is of this type. There are: %(kinds)s")
                           % {"kinds": "、".join(kinds[:20]) or "—"})  # fmt: skip
        return said


_YUAN: dict[str, Any] = {"min_value": 0, "max_digits": 12, "decimal_places": 2, "required": False}
_NO_MORE = _("yuan a month; empty: no limit")


class ContractForm(forms.ModelForm):
    """A contract with its penalties: so much for each started hour late and each started per cent below, up to a most."""

    amount = forms.DecimalField(label=_("amount (yuan)"), **_YUAN)
    late_response = forms.DecimalField(label=_("penalty: late response, yuan per started hour"), **_YUAN)
    late_response_most = forms.DecimalField(label=_("late response: at most"), help_text=_NO_MORE, **_YUAN)
    late_repair = forms.DecimalField(label=_("penalty: late repair, yuan per started hour"), **_YUAN)
    late_repair_most = forms.DecimalField(label=_("late repair: at most"), help_text=_NO_MORE, **_YUAN)
    low_rate = forms.DecimalField(label=_("penalty: normal rate too low, yuan per started per cent"), **_YUAN)
    low_rate_threshold = forms.DecimalField(
        label=_("normal rate promised (%)"), min_value=0, max_value=100, decimal_places=2, required=False
    )
    low_rate_most = forms.DecimalField(label=_("low normal rate: at most"), help_text=_NO_MORE, **_YUAN)

    class Meta:
        model = Contract
        fields = (
            "system", "vendor", "title", "starts_on", "ends_on", "response_meaning", "response_kind", "response_amount",
            "repair_kind", "repair_amount", "source",
        )  # fmt: skip
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("starts_on", "ends_on")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vendor = self.fields["vendor"]
        assert isinstance(vendor, forms.ModelChoiceField)
        vendor.queryset = Organisation.objects.filter(kind="vendor", active=True)
        if self.instance.pk:
            self.initial["amount"] = _yuan(self.instance.amount_fen)
        for entry in self.instance.penalties:
            kind = entry["kind"]
            self.initial.update({kind: _yuan(entry["amount_fen"]), f"{kind}_most": _yuan(entry.get("most_fen"))})
            if kind == "low_rate":
                self.initial["low_rate_threshold"] = entry.get("threshold")

    def clean(self) -> dict[str, Any]:
        """The end lies after the start; a penalty below a rate says which."""
        said = super().clean() or {}
        if said.get("starts_on") and said.get("ends_on") and said["ends_on"] < said["starts_on"]:
            self.add_error("ends_on", _("The end lies before the start."))
        for name in ("response_amount", "repair_amount"):
            if said.get(name) is not None and said[name] <= 0:
                self.add_error(name, _("A limit is more than nothing."))
        if said.get("low_rate") and said.get("low_rate_threshold") is None:
            self.add_error("low_rate_threshold", _("Say which rate was promised."))
        return said

    def row(self) -> Contract:
        """The contract as it shall be kept."""
        made: Contract = self.save(commit=False)
        said = self.cleaned_data
        made.amount_fen = int((said["amount"] or 0) * 100)
        made.penalties = []
        for kind in ("late_response", "late_repair", "low_rate"):
            if not said[kind]:
                continue
            rule: dict[str, Any] = {"kind": kind, "amount_fen": int(said[kind] * 100)}
            if said[f"{kind}_most"]:
                rule["most_fen"] = int(said[f"{kind}_most"] * 100)
            if kind == "low_rate":
                rule["threshold"] = f"{said['low_rate_threshold'].normalize():f}"
            made.penalties.append(rule)
        return made


def _yuan(fen: int | None) -> str:
    return f"{fen / 100:.2f}" if fen else ""


class BillForm(forms.ModelForm):
    amount = forms.DecimalField(
        label=_("amount (yuan)"), max_digits=12, decimal_places=2, help_text=_("A refund is negative.")
    )

    class Meta:
        model = Bill
        fields = ("system", "kind", "contract", "site", "starts_on", "ends_on", "quantity", "paid_on", "payee", "voucher",
                  "note")  # fmt: skip
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            for name in ("starts_on", "ends_on", "paid_on")
        }

    def clean(self) -> dict[str, Any]:
        """A contract's payment names a contract of the same system."""
        said = super().clean() or {}
        contract = said.get("contract")
        if said.get("kind") == Bill.Kind.CONTRACT and contract is None:
            self.add_error("contract", _("Say which contract was paid."))
        if contract is not None and said.get("system") is not None and contract.system_id != said["system"].pk:
            self.add_error("contract", _("This contract is of another system."))
        if said.get("starts_on") and said.get("ends_on") and said["ends_on"] < said["starts_on"]:
            self.add_error("ends_on", _("The end lies before the start."))
        if "amount" in said:
            said["amount_fen"] = int(said.pop("amount") * 100)
        return said


class StrikeForm(forms.Form):
    note = forms.CharField(label=_("reason"), max_length=200)
