"""The forms of this room's pages. They parse; actions decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import places
from chengheng.opinion.analyser import lexicon
from chengheng.opinion.collect import headless
from chengheng.opinion.models import Channel, Claim, HeadName, MediaLimit, Report, Rule, Source


def _districts() -> list[tuple[str, str]]:
    return list(places.district_names().items())


def _topics() -> list[tuple[str, str]]:
    return sorted({(entry.code, f"{entry.code} {entry.name}") for entry in lexicon.built_in() if entry.code})


class SourceForm(forms.ModelForm):
    class Meta:
        model = Source
        fields = (
            "name", "channel", "way", "url", "tier", "region", "pick", "full_text", "rendered", "with_media", "interval_minutes", "quiet_hours",
            "licence", "active",
        )  # fmt: skip
        widgets = {"pick": forms.TextInput(attrs={"class": "whole-row"})}
        help_texts = {
            "channel": _(
                "Weibo, WeChat and Douyin are not collected from their sites: have a licensed service deliver."
            ),
            "pick": _("Only for list pages where the automatic choice is wrong, for example //ul[@class='list']/li"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].assume_scheme = "https"  # type: ignore[attr-defined]
        self.fields["rendered"].help_text = (
            _("Only for list pages that build themselves by script; slower, one at a time on a site.")
            if headless.browser()
            else _("Not possible on this server: no Chromium was found (CHENGHENG_CHROMIUM).")
        )
        self.fields["region"] = forms.ChoiceField(
            label=_("region of the source"), required=False, choices=[("", _("whole city")), *_districts()]
        )

    def clean_interval_minutes(self) -> int:
        value: int = self.cleaned_data["interval_minutes"]
        if not 1 <= value <= 1440:
            raise forms.ValidationError(_("Between 1 and 1,440 minutes."))
        return value


class SearchForm(forms.Form):
    """What a search may be narrowed by; the names are those of the list of items, which keeps and exports it."""

    channel = forms.ChoiceField(
        label=_("Channel"), required=False, choices=[("", _("Any kind of channel")), *Channel.choices]
    )
    collected_at_from = forms.DateField(
        label=_("Collected from"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    collected_at_to = forms.DateField(
        label=_("Collected to"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class AttachForm(forms.Form):
    file = forms.FileField(label=_("File"), help_text=_("Picture, video, sound, or subtitles (.srt, .vtt, .ass)"))
    kind = forms.ChoiceField(
        label=_("What it is"),
        choices=[("medium", _("picture, video, sound or subtitles")), ("cover", _("cover"))],
    )


_MEDIA_BOUNDS = (("frames", 0, 200), ("seconds", 10, 3600), ("speech_minutes", 0, 60), ("megabytes", 1, 200))


class MediaLimitForm(forms.ModelForm):
    class Meta:
        model = MediaLimit
        fields = ("frames", "seconds", "speech_minutes", "megabytes", "in_force_from", "source")
        widgets = {"in_force_from": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for name, least, most in _MEDIA_BOUNDS:
            if name in said and not least <= said[name] <= most:
                self.add_error(name, _("Between %(least)s and %(most)s.") % {"least": least, "most": most})
        return said

    def validate_unique(self) -> None:
        """The limits of a day may be said again: the later word holds."""


class RuleForm(forms.ModelForm):
    channels = forms.MultipleChoiceField(label=_("kinds of channel"), choices=Channel.choices, required=False)
    areas = forms.MultipleChoiceField(label=_("areas"), choices=_districts, required=False)
    topics = forms.MultipleChoiceField(label=_("classes"), choices=_topics, required=False)
    tiers = forms.TypedMultipleChoiceField(
        label=_("tiers"), choices=[(1, "1"), (2, "2"), (3, "3")], coerce=int, required=False
    )

    class Meta:
        model = Rule
        fields = (
            "name", "notation", "title_only", "channels", "tiers", "areas", "topics", "negative", "least_relevance",
            "least_doubt", "doubted", "least_reach", "burst", "level", "merge", "cool_down_minutes", "quiet_start",
            "quiet_stop", "override_quiet", "opens_claim", "active",
        )  # fmt: skip
        help_texts = {
            "notation": _(
                "垃圾|废品 & 小区 ! 垃圾分类: one of the first, and the second, and not the third. 渣土车 ~8 遗撒: at most 8"
                " characters apart; > instead of ~ keeps the order."
            ),
            "negative": _("Needs a trained sentiment model; without one it never holds."),
            "least_doubt": _("0 to 1. Needs a trained model; without one it never holds."),
            "least_relevance": _("0 to 1; one half and more is about city management."),
        }
        widgets = {
            "notation": forms.Textarea(attrs={"rows": 3, "class": "whole-row"}),
            "quiet_start": forms.TimeInput(attrs={"type": "time"}),
            "quiet_stop": forms.TimeInput(attrs={"type": "time"}),
        }

    def _share(self, name: str) -> float:
        value = float(self.cleaned_data[name])
        if not 0 <= value <= 1:
            raise forms.ValidationError(_("Between 0 and 1."))
        return value

    def clean_least_relevance(self) -> float:
        return self._share("least_relevance")

    def clean_least_doubt(self) -> float:
        return self._share("least_doubt")


class SuspectForm(forms.ModelForm):
    class Meta:
        model = Claim
        fields = ("title", "match")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["match"].required = False


class CorrectForm(forms.Form):
    head = forms.ChoiceField(label=_("Question"), choices=[c for c in HeadName.choices if c[0] != "doubt"])
    label = forms.CharField(label=_("Right answer"), max_length=40)


class ReportForm(forms.Form):
    kind = forms.ChoiceField(label=_("kind"), choices=Report.Kind.choices)
    starts_on = forms.DateField(label=_("from day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    ends_on = forms.DateField(label=_("to"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    judgement = forms.CharField(
        label=_("judgement and advice"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("A person's part: the machine writes none."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate()
        self.fields["starts_on"].initial = self.fields["ends_on"].initial = today - timedelta(days=1)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        start, end = found.get("starts_on"), found.get("ends_on")
        if start and end and not timedelta(0) <= end - start <= timedelta(days=400):
            raise forms.ValidationError(_("The last day is before the first, or more than 400 days after it."))
        return found


class TrainForm(forms.Form):
    head = forms.ChoiceField(label=_("Question"), choices=HeadName.choices)
    file = forms.FileField(
        label=_("Labelled rows"), required=False,
        help_text=_("JSON lines with text and label (.jsonl, .jsonl.gz). Empty: only the clerks' corrections."),
    )  # fmt: skip


class MailForm(forms.Form):
    channel = forms.ChoiceField(label=_("kind of channel"), choices=Channel.choices)
    file = forms.FileField(label=_("Mail (.eml)"))
