"""What people type on the pages of this room. Forms parse; the acts decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.people import access, roles, rules
from chengheng.common.people.administrators import CHANGING_ACTS
from chengheng.common.people.models import AccessPolicy, Organisation, OrganisationKind, User
from chengheng.common.trail import acts


def _date(label: Any, **kwargs: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)


class SignInForm(forms.Form):
    username = forms.CharField(
        label=_("User name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=rules.PASSWORD_MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("Six digits from your authenticator app, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}),
    )


class DeviceCodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=12,
        help_text=_("Six digits from your authenticator app."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class NewDeviceForm(DeviceCodeForm):
    old_code = forms.CharField(
        label=_("Code of the device in use now"),
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )


class PasswordForm(forms.Form):
    old = forms.CharField(
        label=_("Present password"),
        max_length=rules.PASSWORD_MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=rules.PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password once more"),
        strip=False,
        max_length=rules.PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two are not the same."))
        return data


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("phone", "email")


class TokenForm(forms.Form):
    name = forms.CharField(
        label=pgettext_lazy("person", "Name"), max_length=60, help_text=_("What it is for, so that you know it later.")
    )
    expires_on = _date(_("Last day"))
    acts = forms.MultipleChoiceField(
        label=_("Acts"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all that you may do, acts of administration left out."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["acts"].choices = [  # type: ignore[attr-defined]
            (act, acts.label(act)) for act in roles.all_acts() if act not in CHANGING_ACTS and access.may(user, act)
        ]


class UserForm(forms.ModelForm):
    class Meta:
        model = User
        fields: tuple[str, ...] = ("display_name", "organisation", "phone", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = Organisation.objects.filter(active=True)  # type: ignore[attr-defined]


class NewUserForm(UserForm):
    class Meta(UserForm.Meta):
        fields = ("username", "display_name", "organisation", "phone", "email", "is_machine")


class OrganisationForm(forms.ModelForm):
    class Meta:
        model = Organisation
        fields: tuple[str, ...] = ("name", "kind", "district_code", "credit_code", "phone")


class NewOrganisationForm(OrganisationForm):
    class Meta(OrganisationForm.Meta):
        fields = ("code", "name", "kind", "parent", "district_code", "credit_code", "phone")

    kind = forms.ChoiceField(label=_("Kind"), choices=OrganisationKind.choices)


class MoveForm(forms.Form):
    parent = forms.ModelChoiceField(Organisation.objects.filter(active=True), label=_("New parent"), required=False)
    note = forms.CharField(label=_("Reason"), max_length=200, required=False)


class NoteForm(forms.Form):
    note = forms.CharField(label=_("Reason"), max_length=200, required=False)


class DutyForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"))
    organisation = forms.ModelChoiceField(Organisation.objects.filter(active=True), label=_("Organisation"))
    area_code = forms.CharField(
        label=_("Area"), max_length=20, required=False, help_text=_("Code of the area, for roles that work by area.")
    )
    starts_on = _date(_("From"), initial=timezone.localdate)
    ends_on = _date(_("Until"), required=False)
    note = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups: dict[str, list[tuple[str, str]]] = {}
        for role in roles.all_roles():
            groups.setdefault(role.group, []).append((role.code, str(role.label)))
        self.fields["role"].choices = list(groups.items())  # type: ignore[attr-defined]


class PolicyForm(forms.ModelForm):
    effective_from = _date(_("In force from"), initial=timezone.localdate)

    class Meta:
        model = AccessPolicy
        fields = ("effective_from", *rules.Policy.__dataclass_fields__, "note")


class SignInFilter(forms.Form):
    q = forms.CharField(label=_("User name"), max_length=60, required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    address = forms.CharField(label=_("Address"), max_length=60, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from chengheng.common.people.models import SignIn

        super().__init__(*args, **kwargs)
        self.fields["outcome"].choices = [("", _("All")), *SignIn.Outcome.choices]  # type: ignore[attr-defined]
