"""What people fill in: a GB/T 24589 file, a rule's parameter."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.people import access
from chengheng.finance.models import Unit
from chengheng.finance.rules.catalogue import Rule


class StandardFileForm(forms.Form):
    """A GB/T 24589 file and the unit whose books it holds."""

    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none())
    file = forms.FileField(label=_("GB/T 24589 file (.xml or .json)"))

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.visible(  # type: ignore[attr-defined]
            user, "finance.batch.import", Unit.objects.select_related("organisation")
        )


class ParameterForm(forms.Form):
    """A parameter's value from a day on."""

    name = forms.ChoiceField(label=_("Parameter"))
    value = forms.DecimalField(label=_("Value"), max_digits=20, decimal_places=4)
    unit = forms.ModelChoiceField(label=_("Unit (empty: all)"), queryset=Unit.objects.none(), required=False)
    valid_from = forms.DateField(label=_("In force from"), widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.CharField(label=_("Source"), max_length=200)

    def __init__(self, rule: Rule, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].choices = [(name, name) for name in sorted(rule.parameters)]  # type: ignore[attr-defined]
        self.fields["unit"].queryset = Unit.objects.select_related("organisation")  # type: ignore[attr-defined]
        self.fields["valid_from"].initial = timezone.localdate


class ConsolidationForm(forms.Form):
    """Which organisation's units, in which year."""

    of = forms.TypedChoiceField(label=_("Organisation"), coerce=int)
    year = forms.TypedChoiceField(label=_("Fiscal year"), coerce=int)

    def __init__(self, tops: list[Any], years: list[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["of"].choices = [(one.pk, one.name) for one in tops]  # type: ignore[attr-defined]
        self.fields["year"].choices = [(one, str(one)) for one in years]  # type: ignore[attr-defined]
