"""Forms of the calendar."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.calendars.errors import BadHours
from chengheng.common.calendars.rules import Hours, check_hours

_INTERVAL = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~～至到]\s*(\d{1,2})[:：](\d{2})")


class HoursField(forms.CharField):
    """ "08:30-12:00, 13:30-17:30" as minutes after midnight."""

    def clean(self, value: Any) -> Hours | None:
        text = super().clean(value)
        if not text:
            return None
        found = [tuple(map(int, match)) for match in _INTERVAL.findall(text)]
        rest = re.sub(r"[\s,，、;；]", "", _INTERVAL.sub("", text))
        if rest or any(b > 59 or d > 59 for _a, b, _c, d in found):
            raise forms.ValidationError(_("Write the hours like 08:30-12:00, 13:30-17:30."))
        try:
            return check_hours([(a * 60 + b, c * 60 + d) for a, b, c, d in found])
        except BadHours as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


class LocalDayForm(forms.Form):
    day = _day(_("Day"))
    working = forms.TypedChoiceField(
        label=_("It is"), choices=[("0", _("a day off")), ("1", _("a working day"))], coerce=lambda value: value == "1"
    )
    hours = HoursField(
        label=_("Working hours"), required=False, help_text=_("Only when they differ, like 08:30-12:00.")
    )
    reason = forms.CharField(label=_("Reason"), max_length=80)


class HoursForm(forms.Form):
    starts_on = _day(_("In force from"))
    intervals = HoursField(label=_("Working hours"), help_text=_("Like 08:30-12:00, 13:30-17:30."))
    reason = forms.CharField(label=_("Reason"), max_length=200)
