"""Pages of cases: the queue, reception, one case, the map. Parse, call one action or query, render."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect as go
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from chengheng.common import files, places, replay, trail
from chengheng.common.errors import Refusal
from chengheng.common.people import access
from chengheng.common.places.box import read_box
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.patrol import actions, queries
from chengheng.patrol.forms import ReceptionForm
from chengheng.patrol.models import Case, DictionaryEntry

VIEW, RECEIVE = "patrol.case.view", "patrol.case.receive"
_PASSED = "patrol_passed"  # the cases that this session went past in the queue without acting


@require_act(VIEW)
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """One case with all that belongs to it. A view of a caller's name and phone is kept in the trail."""
    subject = access.fetch(
        request.user, VIEW, Case.objects.select_related("department", "standard", "reported_by"), pk=pk
    )
    if subject.reporter_name or subject.reporter_phone:
        trail.viewed(request.user, subject, VIEW)
    context = {
        "case": subject, "area": queries.place_name(subject), "map": _place_map(subject),
        "base_edition": places.edition_at(subject.reported_at), **_evidence(subject),
    }  # fmt: skip
    return page(request, "patrol/case.html", {**context, **queries.case_page(request.user, subject)})


_SHOWN_AS = {
    "before": gettext_lazy("As reported"),
    "after": pgettext_lazy("photos", "After handling"),
    "photos": gettext_lazy("By the verifier or checker"),
    "evidence": gettext_lazy("Evidence"),
}


def _evidence(subject: Case) -> dict[str, Any]:
    """Pictures by what they show, side by side; what is no picture (a voice note, a document) by itself."""
    kept = list(files.of(subject))
    pictures = [one for one in kept if one.file.is_image]
    groups = [(label, [one for one in pictures if one.kind == kind]) for kind, label in _SHOWN_AS.items()]
    return {"photos": [pair for pair in groups if pair[1]], "papers": [one for one in kept if not one.file.is_image]}


def _place_map(subject: Case) -> dict[str, Any] | None:
    if subject.lon is None or subject.lat is None:
        return None
    point = [subject.lon, subject.lat]
    return {"point": point, "zoom": 15, "districts": reverse("places:districts"), "tiles": settings.MAP_TILES}


# The queue


@require_act(VIEW)
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for me, the nearest deadline first; `?state=` shows one stage of it."""
    request.session.pop(_PASSED, None)
    return page(request, "patrol/queue.html", queries.queue(request.user, request.GET.get("state", "")))


@require_act(VIEW)
def next_case(request: HttpRequest) -> HttpResponse:
    """Go to the next case that waits for me. `?past=` is one that I leave as it is; it comes again in the next round."""
    passed = [int(pk) for pk in request.session.get(_PASSED, [])][-queries.QUEUE_AT_MOST :]
    if (past := request.GET.get("past", "")).isdigit():
        passed.append(int(past))
    state = request.GET.get("state", "")
    found = queries.next_in_queue(request.user, passed, state)
    if found is None:
        request.session.pop(_PASSED, None)
        return redirect(request, reverse("patrol:queue"), _("That was the last case of this round."))
    request.session[_PASSED] = passed
    return go(f"{found.get_absolute_url()}?queue={state or 1}")


# Reception


@require_act(RECEIVE)
def receive(request: HttpRequest) -> HttpResponse:
    """Take down a report by telephone, from the web, or of a leader. The same form sent twice makes one case."""
    form = ReceptionForm(request.POST, request.FILES) if request.method == "POST" else ReceptionForm.empty()
    if request.method == "POST" and form.is_valid():
        try:
            made = _take_down(request, form)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            seen = access.visible(request.user, VIEW, Case.objects.filter(pk=made)).first()
            # a district's reception may take down what happened elsewhere; the case is then the other district's to see
            to = reverse("patrol:receive") if seen is None else seen.get_absolute_url()
            return redirect(request, to, _("Taken down as case %(number)s.") % {"number": seen or made})
    chosen = DictionaryEntry.objects.filter(pk=form["entry"].value() or 0).first() if form.is_bound else None
    picker = {
        "districts": reverse("places:districts"), "tiles": settings.MAP_TILES, "pick": ["id_lon", "id_lat"],
        "point": _point(form),
    }  # fmt: skip
    status = 422 if form.errors else 200
    return page(
        request,
        "patrol/receive.html",
        {"form": form, "chosen": chosen, "found": [chosen], "picker": picker},
        status=status,
    )


@transaction.atomic
def _take_down(request: HttpRequest, form: ReceptionForm) -> int:
    given, photos = form.report(), form.cleaned_data["photos"]
    body = {**given, "photos": [[photo.name, photo.size] for photo in photos]}
    with replay.once(form.cleaned_data["client_id"], request.user, RECEIVE, body) as asked:
        if asked.answer is not None:
            return int(asked.answer["id"])
        made = actions.report_case(request.user, **given)
        for photo in photos:
            files.attach(files.store(photo, photo.name), made, "before", request.user, name=photo.name)
        return int(asked.keep({"id": made.pk}, status=201)["id"])


def _point(form: ReceptionForm) -> list[float] | None:
    try:
        return [float(form["lon"].value()), float(form["lat"].value())]
    except (TypeError, ValueError):
        return None


@require_act(RECEIVE)
def classes(request: HttpRequest) -> HttpResponse:
    """The classes that match the words, as choices of the reception form."""
    words = " ".join(request.GET.get("words", "").split())[:30]
    found = queries.entries(queries.edition_today(), words).order_by("kind", "code")[:24] if words else []
    return render(request, "patrol/_classes.html", {"found": found, "words": words})


@require_act(RECEIVE)
def alike(request: HttpRequest) -> HttpResponse:
    """Live cases of the chosen class near the chosen place: perhaps the same problem."""
    entry = DictionaryEntry.objects.filter(pk=_number(request.GET.get("entry", ""))).first()
    lon, lat = _decimal(request.GET.get("lon", "")), _decimal(request.GET.get("lat", ""))
    found: list[Any] = []
    if entry is not None and lon is not None and lat is not None and abs(lat) <= 90 and abs(lon) <= 180:
        found = queries.near_now(request.user, lon, lat, entry.code)
    return render(request, "patrol/_alike.html", {"found": found})


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 18 else 0


def _decimal(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# The map


@require_act(VIEW)
def cases_geojson(request: HttpRequest) -> JsonResponse:
    """Live cases in a box as GeoJSON; where they are many, cells of a grid with their number instead."""
    return JsonResponse(queries.on_map(request.user, read_box(request.GET.get("bbox", ""))))
