"""Overview, inbox, map, search, wall screen: parse, ask once, render."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from django.conf import settings
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import flow
from chengheng.common.ui import maplayers
from chengheng.common.ui import search as finders
from chengheng.common.ui.views import page, signed_in
from chengheng.portal import queries

INBOX_LIMIT = 300  # as far as the inbox is counted
INBOX_SHOWN = 50
BADGE_SECONDS = 20
WALL_SECONDS = 45


def _year(request: HttpRequest, years: list[int]) -> int:
    """The year asked for; else this year if it has targets, else the latest that has."""
    asked = request.GET.get("year", "")
    if asked.isdecimal() and 2000 <= int(asked) <= 2100:
        return int(asked)
    this = timezone.localdate().year
    return this if not years or this in years else max(years)


@signed_in
def overview(request: HttpRequest) -> HttpResponse:
    """The programmes of a year: money, and what evidence answers each indicator."""
    years = queries.years()
    year = _year(request, years)
    found = queries.programmes(year, request.user)
    return page(
        request,
        "portal/overview.html",
        {"year": year, "years": years or [year], "programmes": found, "totals": queries.totals(found)},
    )


@signed_in
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that waits for me, the nearest deadline first."""
    waiting = flow.inbox_places(request.user, limit=INBOX_LIMIT)
    chosen = request.GET.get("flow", "")
    when = request.GET.get("due", "")
    now = timezone.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    numbers = Counter(one.flow.code for one in waiting)
    labels = {one.flow.code: one.flow.label for one in waiting}
    rows = [one for one in waiting if not chosen or one.flow.code == chosen]
    late = [one for one in rows if one.due_at and one.due_at < now]
    today = [one for one in rows if one.due_at and one.due_at < midnight]
    listed = {"late": late, "today": today}.get(when, rows)
    part = Paginator(listed, INBOX_SHOWN).get_page(request.GET.get("page"))
    return page(
        request,
        "portal/inbox.html",
        {
            "rows": flow.opened(request.user, part.object_list), "part": part,
            "kinds": [{"code": code, "label": labels[code], "n": n} for code, n in numbers.most_common()],
            "total": len(waiting), "chosen": chosen, "when": when, "n_rows": len(rows), "n_late": len(late),
            "n_today": len(today), "full": len(waiting) >= INBOX_LIMIT, "limit": INBOX_LIMIT,
        },
        partial="portal/inbox_rows.html" if request.headers.get("HX-Target") == "inbox-rows" else None,
    )  # fmt: skip


@signed_in
def inbox_badge(request: HttpRequest) -> HttpResponse:
    """How much waits for me, for the shell; counted at most every few seconds."""
    key = f"inbox:{request.user.pk}"
    count = cache.get(key)
    if count is None:
        count = flow.inbox_count(request.user)
        cache.set(key, count, BADGE_SECONDS)
    return HttpResponse(f"{count}+" if count >= 99 else str(count) if count else "")


def _districts_url() -> str:
    try:
        return reverse("places:districts")
    except NoReverseMatch:
        return "/places/districts.geojson"


@signed_in
def city_map(request: HttpRequest) -> HttpResponse:
    """The city with the layers of all rooms that the user may see."""
    layers = [
        {
            "code": layer.code, "label": str(layer.label), "url": layer.url, "shape": layer.shape, "tone": layer.tone,
            "shown": layer.shown or layer.code in request.GET.getlist("layer"), "bounded": layer.bounded, "room": layer.room,
            "tiles": layer.tiles,
        }
        for layer in maplayers.for_user(request.user)
    ]  # fmt: skip
    return page(
        request,
        "portal/map.html",
        {
            "layers": layers,
            "map": {
                "districts": _districts_url(), "layers": layers, "tiles": settings.MAP_TILES, "panel": "map-panel",
                "status": "map-status", "point": queries.point(request.GET.get("at", "")),
            },
        },
    )  # fmt: skip


@signed_in
def search(request: HttpRequest) -> HttpResponse:
    """What every room finds for some words."""
    words = " ".join(request.GET.get("q", "").split())[:100]
    found = finders.ask(request.user, words, limit=20 if request.GET.get("room") is not None else 8)
    only = request.GET.get("room")
    if only is not None:
        found = [one for one in found if one.room == only]
    return page(
        request,
        "portal/search.html",
        {"search_words": words, "found": queries.headed(found), "count": sum(len(one.hits) for one in found)},
        partial="portal/search_hits.html" if request.headers.get("HX-Target") == "hits" else None,
    )


@signed_in
def wall(request: HttpRequest) -> HttpResponse:
    """The big-number page for a screen on the wall; it asks for itself again every minute."""
    key = f"wall:{request.user.pk}:{request.LANGUAGE_CODE}"
    panels = cache.get(key)
    if panels is None:
        panels = queries.wall(request.user, timezone.localdate())
        cache.set(key, panels, WALL_SECONDS)
    return page(
        request,
        "portal/wall.html",
        {"panels": panels, "now": timezone.localtime(), "weekday": _weekday(timezone.localdate()), "theme": "dark"},
        partial="portal/wall_panels.html",
    )


def _weekday(day: date) -> str:
    return (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))[
        day.weekday()
    ]
