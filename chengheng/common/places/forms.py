"""Forms of this room."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.places.formats import DATUMS, MAX_BYTES
from chengheng.common.places.rules import Level


class LayerForm(forms.Form):
    level = forms.ChoiceField(label=_("Level"), choices=[pair for pair in Level.choices() if pair[0] != Level.CITY])
    file = forms.FileField(
        label=_("Map file"),
        help_text=_("GeoJSON, a zipped Shapefile or a GeoPackage, at most 100 MB, with a field for the code."),
    )
    datum = forms.ChoiceField(
        label=_("Datum"),
        choices=DATUMS,
        help_text=_("Choose GCJ-02 or BD-09 when the shapes were drawn on such a map."),
    )
    code_field = forms.CharField(
        label=_("Field of the code"), required=False, max_length=60, help_text=_("Empty: found by its name.")
    )
    name_field = forms.CharField(
        label=_("Field of the name"), required=False, max_length=60, help_text=_("Empty: found by its name.")
    )
    source = forms.CharField(label=_("Source"), max_length=200, help_text=_("Who surveyed it, and when."))
    licence = forms.CharField(label=_("Licence"), required=False, max_length=80)

    def clean_file(self) -> bytes:
        sent = self.cleaned_data["file"]
        if sent.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is too large."))
        return sent.read()
