"""Forms around a repair."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.maintenance.care.models import Article, Rating, Spare, SpareMove


class SpareForm(forms.ModelForm):
    price = forms.DecimalField(label=_("price (yuan)"), min_value=0, max_digits=10, decimal_places=2, initial=0)

    class Meta:
        model = Spare
        fields = ("name", "system", "fits", "place", "least", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["price"] = f"{self.instance.price_fen / 100:.2f}"
        else:
            del self.fields["active"]

    def row(self) -> Spare:
        """The part as it shall be kept."""
        made: Spare = self.save(commit=False)
        made.price_fen = int(self.cleaned_data["price"] * 100)
        return made


class MoveForm(forms.Form):
    """A movement of stock by hand; use is booked by repairs."""

    why = forms.ChoiceField(
        label=pgettext_lazy("spare part", "why"),
        choices=[(why.value, why.label) for why in SpareMove.Why if why != SpareMove.Why.USED],
    )
    count = forms.IntegerField(
        label=_("count"), min_value=0, max_value=1_000_000, help_text=_("When counted: how many there are.")
    )
    note = forms.CharField(label=_("note"), max_length=200, required=False)


class ArticleForm(forms.ModelForm):
    class Meta:
        model = Article
        fields = ("title", "kind", "model", "symptom", "solution", "active")
        widgets = {"symptom": forms.Textarea(attrs={"rows": 3}), "solution": forms.Textarea(attrs={"rows": 8})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            del self.fields["active"]


class RatingForm(forms.Form):
    """Five steps and a word, on the phone of whoever reported."""

    score = forms.TypedChoiceField(
        label=_("How satisfied are you with the repair?"), choices=Rating.Score.choices, coerce=int,
        widget=forms.RadioSelect,
    )  # fmt: skip
    words = forms.CharField(
        label=_("What could be better?"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
