"""Forms of conferences."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command.conference.models import Meeting, MeetingTemplate, SiteGroup, Terminal
from chengheng.command.conference.rules import LAYOUTS
from chengheng.command.models import Site
from chengheng.common.people import access
from chengheng.common.people.models import User

_WHEN = "%Y-%m-%dT%H:%M"
_ADDRESS = re.compile(r"[A-Za-z0-9.-]{1,70}(:[0-9]{2,5})?")


def callable_sites(user: Any) -> Any:
    """The venues in service that the user may call."""
    today = timezone.localdate()
    rows = Site.objects.filter(serves_from__lte=today).exclude(serves_until__lt=today)
    return access.visible(user, "command.meeting.call", rows.select_related("organisation")).order_by("kind", "code")


class MeetingForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=120)
    starts_at = forms.DateTimeField(
        label=_("Begins"), required=False, help_text=_("Empty: begin at once."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WHEN),
    )  # fmt: skip
    minutes = forms.IntegerField(label=_("Length (minutes)"), min_value=5, max_value=720, initial=60)
    repeat = forms.ChoiceField(label=_("Repeats"), choices=Meeting.Repeat.choices, required=False)
    repeat_until = forms.DateField(
        label=_("Repeats until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    agenda = forms.CharField(
        label=_("Agenda"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    layout = forms.TypedChoiceField(
        label=_("Pictures at once"), choices=[(n, str(n)) for n in LAYOUTS], coerce=int, initial=9
    )
    lobby = forms.BooleanField(
        label=_("Lobby"), required=False, help_text=_("Venues wait until the chair lets them in.")
    )
    free_mics = forms.BooleanField(label=_("Venues may open their microphones"), required=False, initial=True)
    record = forms.BooleanField(label=_("Record from the start"), required=False)
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups of venues"), queryset=SiteGroup.objects.none(), required=False
    )
    sites = forms.ModelMultipleChoiceField(label=_("Venues"), queryset=Site.objects.none(), required=False)
    co_chairs = forms.ModelMultipleChoiceField(label=_("Co-chairs"), queryset=User.objects.none(), required=False)
    operators = forms.ModelMultipleChoiceField(
        label=_("Operators"), queryset=User.objects.none(), required=False,
        help_text=_("They steer pictures, microphones and calls, without letting in or removing anybody."),
    )  # fmt: skip
    viewers = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("meeting", "Viewers"), queryset=User.objects.none(), required=False, help_text=_("They watch and write; they cannot send.")
    )  # fmt: skip

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["sites"].queryset = callable_sites(user)
        fields["groups"].queryset = access.visible(user, "command.meeting.call", SiteGroup.objects.all())
        people = User.objects.filter(is_active=True, is_machine=False, duties__role__startswith="command.").exclude(
            pk=user.pk
        )
        for name in ("co_chairs", "operators", "viewers"):
            fields[name].queryset = people.distinct().order_by("display_name")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        chosen = {site.pk: site for site in found.get("sites") or ()}
        allowed = set(self.fields["sites"].queryset.values_list("pk", flat=True))  # type: ignore[attr-defined]
        for group in found.get("groups") or ():
            chosen |= {site.pk: site for site in group.sites.all() if site.pk in allowed}
        found["sites"] = sorted(chosen.values(), key=lambda site: (site.kind, site.code))
        return found

    def offers(self, name: str) -> bool:
        """Whether a list has anything to choose."""
        return bool(self.fields[name].queryset.exists())  # type: ignore[attr-defined]

    def given(self) -> dict[str, Any]:
        """Arguments of `call_meeting` (without `starts_at` for one that begins at once)."""
        given = dict(self.cleaned_data)
        given.pop("groups")
        if given["starts_at"] is None:
            given.pop("starts_at")
        return given


class GroupForm(forms.ModelForm):
    class Meta:
        model = SiteGroup
        fields = ("name", "sites")
        widgets = {"sites": forms.CheckboxSelectMultiple}

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sites"].queryset = callable_sites(user)  # type: ignore[attr-defined]


class TemplateForm(forms.ModelForm):
    class Meta:
        model = MeetingTemplate
        fields = ("name", "title", "agenda", "minutes", "layout", "lobby", "free_mics", "record", "groups", "sites")
        widgets = {"groups": forms.CheckboxSelectMultiple, "sites": forms.CheckboxSelectMultiple}

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["sites"].queryset = callable_sites(user)
        fields["groups"].queryset = access.visible(user, "command.meeting.call", SiteGroup.objects.all())


class TerminalForm(forms.ModelForm):
    renew = forms.BooleanField(label=_("Make a new password"), required=False, help_text=_("It is shown once."))

    class Meta:
        model = Terminal
        fields = ("number", "name", "site", "address", "encryption", "in_use")

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = access.visible(user, "command.site.change", Site.objects.all()).order_by("kind", "code")
        self.fields["site"].queryset = rows  # type: ignore[attr-defined]
        if self.instance.pk is None:
            del self.fields["renew"]

    def clean(self) -> dict[str, Any]:
        return {"renew": False} | (super().clean() or {})

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"]).strip()
        if address and not _ADDRESS.fullmatch(address):
            raise forms.ValidationError(_("Write a host or host:port."))
        return address


class MinutesForm(forms.Form):
    text = forms.CharField(
        label=_("Minutes"), max_length=20000, required=False, widget=forms.Textarea(attrs={"rows": 8})
    )


class UploadForm(forms.Form):
    file = forms.FileField(label=_("File"))
