"""The form of a step, made from its table entry, so that a step is never asked for differently in two places."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.flow.models import Moving
from chengheng.common.flow.table import Step, StepField
from chengheng.common.people.models import Organisation, User


class LimitField(forms.MultiValueField):
    """An amount and its kind ("2", working days) → Limit."""

    def __init__(self, **kwargs: Any) -> None:
        amount = forms.DecimalField(min_value=Decimal("0.01"), max_digits=8, decimal_places=2)
        kind = forms.ChoiceField(choices=Kind.choices())
        widget = forms.MultiWidget([forms.NumberInput(attrs={"step": "any"}), forms.Select(choices=Kind.choices())])
        super().__init__(fields=(amount, kind), widget=widget, **kwargs)
        widget.decompress = lambda value: [value.amount, value.kind.value] if value else [None, None]  # type: ignore[method-assign]

    def compress(self, data_list: list[Any]) -> Limit | None:
        return Limit(Kind(data_list[1]), data_list[0]) if data_list else None


class FilesField(forms.FileField):
    """Any number of uploaded files → list."""

    class Widget(forms.ClearableFileInput):
        allow_multiple_selected = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=self.Widget(attrs={"accept": "image/*,video/*,.pdf,.docx,.xlsx"}), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        return [super(FilesField, self).clean(file, initial) for file in files] or super().clean(None, initial) or []


class PlaceField(forms.MultiValueField):
    """A longitude and a latitude (WGS-84), typed or taken from the device → (lon, lat), or None."""

    class Widget(forms.MultiWidget):
        def __init__(self) -> None:
            number = {"step": "any", "inputmode": "decimal", "class": "form-control"}
            super().__init__(
                [
                    forms.NumberInput(attrs=number | {"placeholder": _("longitude"), "aria-label": _("longitude")}),
                    forms.NumberInput(attrs=number | {"placeholder": _("latitude"), "aria-label": _("latitude")}),
                ]
            )

        def decompress(self, value: Any) -> list[Any]:
            return list(value) if value else [None, None]

        def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
            inputs = super().render(name, value, attrs, renderer)
            return render_to_string("flow/place.html", {"inputs": inputs})

    def __init__(self, **kwargs: Any) -> None:
        fields = (forms.FloatField(min_value=-180, max_value=180), forms.FloatField(min_value=-90, max_value=90))
        super().__init__(fields=fields, widget=self.Widget(), **kwargs)

    def compress(self, data_list: list[Any]) -> tuple[float, float] | None:
        if not data_list:
            return None
        if None in data_list:
            raise ValidationError(_("A place needs a longitude and a latitude."))
        return data_list[0], data_list[1]


class StepForm(forms.Form):
    """Asks for what a step needs; `taken()` splits the answer into note, data, holders, limits and files."""

    def __init__(self, step: Step, subject: Moving, actor: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step = step
        asked = list(step.fields)
        if not any(field.name == "note" for field in asked):
            asked.append(StepField("note", _("note"), "textarea", required="note" in step.needs))
        for field in asked:
            self.fields[field.name] = _make(field, subject, actor)

    def taken(self) -> dict[str, Any]:
        """Keyword arguments for `flow.take` or the step's own action, plus "files" (field name → list)."""
        answer: dict[str, Any] = {"note": "", "data": {}, "limits": {}, "files": {}}
        for name, value in self.cleaned_data.items():
            if name == "note":
                answer["note"] = value
            elif isinstance(value, Limit):
                answer["limits"][name] = value
            elif isinstance(self.fields[name], FilesField):
                answer["files"][name] = value
            elif isinstance(self.fields[name], PlaceField):
                if value is not None:
                    answer["data"]["lon"], answer["data"]["lat"] = value
            elif name in {"holder", "holder_organisation"}:
                if value is not None:
                    answer[name] = value
            elif value not in (None, ""):
                answer["data"][name] = value
        return answer


def _make(field: StepField, subject: Moving, actor: Any) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "required": field.required, "help_text": field.help}
    choices = field.choices(subject, actor) if field.choices else None
    if field.kind == "choice":
        empty = [] if field.required else [("", "—")]
        return forms.ChoiceField(choices=[*empty, *(choices or [])], **common)
    if field.kind in {"organisation", "user"}:
        rows = (
            choices if choices is not None else (Organisation if field.kind == "organisation" else User).objects.all()
        )
        return forms.ModelChoiceField(queryset=rows, **common)
    if field.kind == "textarea":
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, **common)
    makers: dict[str, Any] = {
        "text": lambda: forms.CharField(max_length=400, **common),
        "boolean": lambda: forms.BooleanField(**{**common, "required": False}),
        "number": lambda: forms.DecimalField(**common),
        "date": lambda: forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **common),
        "datetime": lambda: forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}), **common),
        "limit": lambda: LimitField(**common),
        "files": lambda: FilesField(**common),
        "place": lambda: PlaceField(**common),
    }
    return makers[field.kind]()
