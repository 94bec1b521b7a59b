"""Pages of figures: statistics with the cases behind every number, bulletins, allocation of the reward."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from chengheng.common.people import access
from chengheng.common.ui.views import page, require_act
from chengheng.patrol import queries, statistics
from chengheng.patrol.models import Case
from chengheng.patrol.rules.statistics import COUNTS, RATIOS, REWORK_RATE

LOOK = "patrol.statistics.view"
_USUAL = ("reported", "valid", "filed", "handled", "handled_in_time", "closed", "unclosed", "reworked")
_DRAWN = ("valid_rate", "handle_in_time_rate", "close_in_time_rate")


def _months(request: HttpRequest) -> tuple[date, date]:
    """The first and the last month asked for, as their first days; this month by default, swapped when reversed."""
    found = []
    for name in ("start", "end"):
        try:
            found.append(date.fromisoformat(f"{request.GET.get(name, '')}-01"))
        except ValueError:
            found.append(timezone.localdate().replace(day=1))
    return min(found), max(found)


def _by(request: HttpRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in statistics.NAMED_GROUPS else "district_code"


def _seen(request: HttpRequest) -> Any:
    return access.visible(request.user, LOOK, Case.objects.all())


@require_act(LOOK)
def show_statistics(request: HttpRequest) -> HttpResponse:
    """Counts and ratios of whole months by one group; every count opens the cases that it counted."""
    start, end = _months(request)
    by, part = _by(request), request.GET.get("part", "usual")
    base: Any = queries.settings_in_force().rework_base
    lines = statistics.table(statistics.in_months(_seen(request), start, end), [by], base)
    names = statistics.names_of(by, [line.key[0] for line in lines])
    counts = [c for c in COUNTS if part == "counts" or (part == "usual" and c.code in _USUAL)]
    ratios = [r for r in (*RATIOS, REWORK_RATE) if part == "ratios" or (part == "usual" and r.code in _DRAWN)]
    asked = {"start": f"{start:%Y-%m}", "end": f"{end:%Y-%m}", "by": by}

    def cells(line: statistics.Line, key: str | None) -> dict[str, Any]:
        of = {**asked, "key": key} if key is not None else asked
        return {
            "counts": [
                (line.counts[c.code], f"{reverse('patrol:counted')}?{urlencode({**of, 'count': c.code})}") for c in counts
            ],
            "ratios": [line.ratios[r.code] for r in ratios],
        }  # fmt: skip

    rows = [{"label": names[line.key[0]], **cells(line, _key(line.key[0]))} for line in lines]
    total = {"label": pgettext("case", "all"), **cells(statistics.total(lines, base), None)}
    chart = {
        "kind": "bar", "x": [row["label"] for row in rows[:40]], "unit": "%",
        "series": [
            {"name": str(r.label), "data": [_two(line.ratios[r.code]) for line in lines[:40]]}
            for r in RATIOS if r.code in _DRAWN
        ] if rows else [],
    }  # fmt: skip
    parts = [("usual", _("In short")), ("counts", _("All counts")), ("ratios", _("All ratios"))]
    tabs = [
        {"label": text, "url": f"?{urlencode({**asked, 'part': code})}", "current": code == part}
        for code, text in parts
    ]
    return page(
        request, "patrol/statistics.html",
        {
            "asked": asked, "part": part, "offered": statistics.NAMED_GROUPS.items(), "tabs": tabs, "counts": counts,
            "ratios": ratios, "rows": rows, "total": total, "chart": chart,
        },
    )  # fmt: skip


def _key(value: Any) -> str:
    return "" if value is None else str(value)


def _two(value: Any) -> str | None:
    return None if value is None else f"{value:.2f}"


@require_act(LOOK)
def counted(request: HttpRequest) -> HttpResponse:
    """The cases behind one number of the statistics: same months, same group, same condition."""
    start, end = _months(request)
    by, code = _by(request), request.GET.get("count", "reported")
    cases = statistics.in_months(_seen(request), start, end)
    key = request.GET.get("key")
    if key is not None:
        cases = statistics.of_key(cases, by, key)
    cases = statistics.counted(cases, code)
    label = next((count for count in COUNTS if count.code == code), COUNTS[0])
    pages = Paginator(cases.select_related("department").order_by("-pk"), 50)
    title = statistics.names_of(by, [statistics.value_of(by, key)]) if key is not None else {}
    return page(
        request, "patrol/counted.html",
        {
            "page": pages.get_page(request.GET.get("page")), "count": label, "start": start, "end": end,
            "of": next(iter(title.values()), pgettext("case", "all")),
            "query": urlencode({k: v for k, v in request.GET.items() if k != "page"}),
            "back": f"{reverse('patrol:statistics')}?{urlencode({'start': f'{start:%Y-%m}', 'end': f'{end:%Y-%m}', 'by': by})}",
        },
    )  # fmt: skip
