"""The forms of imports."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from chengheng.common.intake.reading import MOST_BYTES


class UploadForm(forms.Form):
    """One file to import."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("A workbook (.xlsx) or a text table (.csv, UTF-8 or GB 18030), at most 50 MB."),
        max_length=200,
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.tsv,.txt"}),
    )

    def clean_file(self) -> object:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is too large: at most 50 MB."))
        return file
