"""Examples for the living page `/design/`: made-up words and numbers that belong to nobody's records."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

COLOURS = (
    "paper", "surface", "raised", "line", "line-strong", "ink", "ink-2", "ink-3", "accent", "accent-soft", "seal",
    "good", "good-soft", "warn", "warn-soft", "bad", "bad-soft", "info", "info-soft", "none", "none-soft", "side",
)  # fmt: skip
TEXTS = ("2xl", "xl", "lg", "md", "sm", "xs")
SPACES = (1, 2, 3, 4, 5, 6, 7)


class ExampleForm(forms.Form):
    """One of each kind of field."""

    name = forms.CharField(label=gettext_lazy("Name of the road"), help_text=gettext_lazy("As on the street sign."))
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind of road"), choices=(("a", gettext_lazy("Main road")), ("b", gettext_lazy("Lane")))
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    urgent = forms.BooleanField(label=gettext_lazy("Urgent"), required=False)


def _layers() -> list[dict[str, Any]]:
    """An area, a line and points of each tone, somewhere in the city."""

    def features(kind: str, *shapes: Any) -> dict[str, Any]:
        tones = ("good", "warn", "bad", "info", "none")
        return {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": {"type": kind, "coordinates": shape},
                    "properties": {"title": f"{_('Example')} {number + 1}", "tone": tones[number % len(tones)]},
                }
                for number, shape in enumerate(shapes)
            ],
        }

    ring = [[116.95, 38.9], [117.5, 38.8], [117.7, 39.3], [117.2, 39.6], [116.8, 39.3], [116.95, 38.9]]
    points = ([117.0, 39.1], [117.15, 39.2], [117.3, 39.1], [117.45, 39.25], [117.3, 39.4])
    return [
        {"code": "area", "label": _("Place"), "shape": "area", "data": features("Polygon", [ring])},
        {"code": "line", "label": _("Main road"), "shape": "line", "data": features("LineString", ring[1:4])},
        {"code": "points", "label": _("Example"), "shape": "point", "data": features("Point", *points)},
    ]


def examples() -> dict[str, Any]:
    """What the living page shows."""
    now = timezone.now()
    return {
        "colours": COLOURS,
        "texts": TEXTS,
        "spaces": SPACES,
        "form": ExampleForm({"name": "", "kind": "b", "note": _("Wet after rain"), "urgent": "on"}),
        "tones": (
            ("good", _("Closed")),
            ("warn", _("Near its limit")),
            ("bad", _("Overdue")),
            ("info", _("Handling")),
            ("none", _("Draft")),
        ),
        "balances": (
            {"value": "5210", "target": "6500", "comparison": ">=", "kind": "warn", "expected": "5800"},
            {"value": "93.1", "target": "92", "comparison": ">=", "kind": "", "expected": None},
            {"value": "160.5", "target": "152.3", "comparison": "<=", "kind": "", "expected": None},
            {"value": None, "target": "90", "comparison": ">=", "kind": "", "expected": None},
        ),
        "entries": [
            SimpleNamespace(
                at=now - timedelta(hours=30), actor_label=_("Collector"), label=_("Reported"), note="", tone="info"
            ),
            SimpleNamespace(
                at=now - timedelta(hours=28),
                actor_label=_("Verifier"),
                label=_("Verified"),
                note=_("Seen on site"),
                tone="good",
            ),
            SimpleNamespace(
                at=now - timedelta(hours=2), actor_label=_("System"), label=_("Overdue"), note="", tone="bad"
            ),
        ],
        "head": (_("Case number"), _("State"), _("Place")),
        "rows": (
            {"cells": ("A-0001", _("Handling"), _("Main road")), "url": "#row-1", "tone": "warn"},
            {"cells": ("A-0002", _("Closed"), _("Lane")), "url": "#row-2", "tone": ""},
        ),
        "tabs": (
            {"label": _("Mine"), "url": "#tabs", "current": True, "count": 3},
            {"label": _("All"), "url": "#tabs", "current": False, "count": 120},
        ),
        "chart": {
            "kind": "line",
            "x": [f"{month:02}" for month in range(1, 9)],
            "series": [
                {"name": _("This year"), "data": [88.2, 89.9, 90.4, 92.6, 93.1, 92.2, 93.8, 94.0]},
                {
                    "name": _("Last year"),
                    "data": [85.0, 86.2, 88.8, 88.1, 89.5, 90.2, 90.0, 91.1],
                    "tone": "none",
                    "dashed": True,
                },
            ],
            "unit": "%",
            "target": 92,
        },
        "bars": {
            "kind": "bar",
            "x": [_("Road A"), _("Road B"), _("Road C"), _("Road D")],
            "series": [{"name": _("Dust"), "data": [5.1, 8.4, 12.2, 6.6]}],
            "unit": " g/m²",
            "target": 10,
        },
        "no_chart": {"kind": "line", "x": [], "series": []},
        "map": {"layers": _layers()},
    }
