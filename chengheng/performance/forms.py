"""The forms of this room's pages. They parse; actions decide."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import measures
from chengheng.performance import readers
from chengheng.performance.models import Attainment, Indicator, Programme, Question


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    widget = _Files

    def clean(self, data: Any, initial: Any = None) -> Any:
        many = data if isinstance(data, list | tuple) else [data] if data else []
        if not many and not self.required:
            return []
        return [super(FilesField, self).clean(one, initial) for one in many or [None]]


def _day(**options: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class ImportForm(forms.Form):
    uploads = FilesField(
        label=_("Files"), help_text=_("One or more target tables: .txt, .docx, .xlsx, .html or .pdf, up to 20 MiB each"),
        widget=_Files(attrs={"accept": ",".join(readers.SUFFIXES)}),
    )  # fmt: skip
    year = forms.IntegerField(
        label=_("Year"), required=False, min_value=2000, max_value=2100,
        help_text=_("Only for tables that do not name their year"),
    )  # fmt: skip


class BindForm(forms.Form):
    measure = forms.ChoiceField(label=_("Measure"), required=False)

    def __init__(self, indicator: Indicator, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = f"{indicator.level2} {indicator.level3} {indicator.description}"
        fits = [entry for entry, _score in measures.suggest(text, indicator.unit, limit=8)]
        others = [entry for entry in measures.all_measures() if entry not in fits]
        groups: list[Any] = [("", _("evidence by hand"))]
        for label, entries in ((_("Suggested"), fits), (_("All measures"), others)):
            if entries:
                groups.append((label, [(entry.code, f"{entry.label} ({entry.unit})") for entry in entries]))
        field = self.fields["measure"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = groups
        bound = getattr(indicator, "binding", None)
        chosen = measures.get(bound.measure) if bound else None
        for name, options in (chosen.options if chosen and bound else {}).items():
            assert bound is not None
            self.fields[f"option_{name}"] = forms.ChoiceField(
                label=name, required=False, choices=[("", "—"), *options.items()], initial=bound.options.get(name, "")
            )

    def options(self) -> dict[str, str]:
        return {
            key.removeprefix("option_"): value
            for key, value in self.cleaned_data.items()
            if key.startswith("option_") and value
        }


class EvidenceForm(forms.Form):
    on = _day(label=_("As of"), initial=timezone.localdate)
    value = forms.DecimalField(label=_("Number"), required=False, max_digits=20, decimal_places=4)
    attainment = forms.ChoiceField(label=_("Attainment"), required=False, choices=[("", "—"), *Attainment.choices])
    note = forms.CharField(label=_("What it shows"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))
    uploads = FilesField(label=_("Files that show it"), required=False)

    def __init__(self, indicator: Indicator, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["attainment" if indicator.quantitative else "value"]
        if indicator.quantitative and indicator.unit:
            self.fields["value"].help_text = indicator.unit


class PaymentForm(forms.Form):
    programme = forms.ModelChoiceField(Programme.objects.none(), label=_("Programme"))
    paid_on = _day(label=_("Paid on"), initial=timezone.localdate)
    amount = forms.DecimalField(
        label=_("Amount"), max_digits=14, decimal_places=2, help_text=_("yuan; a refund is negative")
    )
    payee = forms.CharField(label=_("Payee"), max_length=120)
    voucher = forms.CharField(label=_("Voucher"), max_length=60, required=False)
    note = forms.CharField(label=_("Note"), max_length=300, required=False)

    def __init__(self, programmes: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["programme"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = programmes

    def fen(self) -> int:
        return int(self.cleaned_data["amount"] * 100)


class SurveyForm(forms.Form):
    programme = forms.ModelChoiceField(Programme.objects.none(), label=_("Programme"))
    title = forms.CharField(label=_("Title"), max_length=120)
    introduction = forms.CharField(
        label=_("Introduction"), required=False, widget=forms.Textarea(attrs={"rows": 2}), max_length=1000
    )
    population = forms.IntegerField(
        label=_("People concerned"), min_value=1, max_value=100_000,
        help_text=_("How many people use the service; the response rate and the margin of error are worked out from it"),
    )  # fmt: skip
    opens_on = _day(label=_("Opens"), initial=timezone.localdate)
    closes_on = _day(label=_("Closes"))
    scale = forms.CharField(
        label=_("Questions of satisfaction"), help_text=_("one a line"),
        widget=forms.Textarea(attrs={"rows": 4}), max_length=3000,
    )  # fmt: skip
    words = forms.CharField(
        label=_("Open questions"), help_text=_("one a line"), required=False,
        widget=forms.Textarea(attrs={"rows": 2}), max_length=3000,
    )  # fmt: skip

    def __init__(self, programmes: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["programme"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = programmes

    def questions(self) -> list[tuple[str, str]]:
        pairs = [(line[:300], str(Question.Kind.SCALE)) for line in self.cleaned_data["scale"].splitlines()]
        return pairs + [(line[:300], str(Question.Kind.TEXT)) for line in self.cleaned_data["words"].splitlines()]


class EvaluationForm(forms.Form):
    department = forms.CharField(label=_("Department in charge"), max_length=120, required=False)
    done = forms.CharField(
        label=_("What was done"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3})
    )
    execution_weight = forms.DecimalField(label=_("Points for execution"), min_value=0, max_value=100, decimal_places=2)
    execution_reason = forms.CharField(
        label=_("Reason for the deviation of the execution"), required=False, max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip

    def __init__(self, rows: list[Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        for row in rows:
            self.fields[f"weight_{row.pk}"] = forms.DecimalField(
                label=_("points"), min_value=0, max_value=100, decimal_places=2, initial=row.weight
            )
            self.fields[f"reason_{row.pk}"] = forms.CharField(
                label=_("reason and improvement"), required=False, max_length=1000, initial=row.reason,
                widget=forms.Textarea(attrs={"rows": 1}),
            )  # fmt: skip
            if not row.indicator.quantitative:
                self.fields[f"share_{row.pk}"] = forms.DecimalField(
                    label=_("share"), required=False, min_value=0, max_value=1, decimal_places=3, initial=row.share
                )

    def fields_of(self, row: Any) -> dict[str, Any]:
        return {
            name: self[f"{name}_{row.pk}"]
            for name in ("weight", "reason", "share")
            if f"{name}_{row.pk}" in self.fields
        }

    def taken(self) -> dict[str, Any]:
        given = self.cleaned_data
        rows: dict[int, dict[str, Any]] = {}
        for row in self.rows:
            rows[row.pk] = {
                name: given[f"{name}_{row.pk}"] for name in ("weight", "reason", "share") if f"{name}_{row.pk}" in given
            }
        fixed = {key: given[key] for key in ("department", "done", "execution_weight", "execution_reason")}
        return {**fixed, "rows": rows}


def year_of(text: str, years: list[int], today: date) -> int:
    """The year asked for; else this year if it has targets, else the latest that has."""
    if text.isdecimal() and 2000 <= int(text) <= 2100:
        return int(text)
    return today.year if not years or today.year in years else years[0]
