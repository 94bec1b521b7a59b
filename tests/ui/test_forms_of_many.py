"""Fields of several choices are a group with a legend, each choice with its own label."""

import pytest
from django import forms

from chengheng.common.ui.templatetags.ui import formfield


@pytest.mark.parametrize("widget", [forms.CheckboxSelectMultiple, forms.RadioSelect])
def test_several_choices_are_a_group(widget):
    class Asked(forms.Form):
        days = forms.MultipleChoiceField(label="Days", choices=[("1", "Monday"), ("2", "Tuesday")], widget=widget)

    drawn = formfield(Asked()["days"])
    assert "<fieldset><legend>Days" in drawn
    assert 'class="form-check"' not in drawn
    assert drawn.count("<input") == 2


def test_one_box_is_beside_its_label():
    class Asked(forms.Form):
        sure = forms.BooleanField(label="Sure")

    assert '<label class="form-check"><input type="checkbox"' in formfield(Asked()["sure"])
