"""The calendar for people: a year with its colours, and the forms for its keeper."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chengheng.common.calendars import actions, queries
from chengheng.common.calendars.errors import CalendarUnchanged
from chengheng.common.calendars.forms import HoursForm, LocalDayForm
from chengheng.common.calendars.models import LocalDay, current_calendar
from chengheng.common.people import access
from chengheng.common.ui.views import page, redirect, require_act, signed_in


@require_safe
@signed_in
def year(request: HttpRequest) -> HttpResponse:
    """One year; everybody who is signed in may see it, as their deadlines hang on it."""
    said = request.GET.get("year", "")
    number = int(said) if said.isascii() and said.isdigit() and len(said) == 4 else timezone.localdate().year
    return _show(request, number)


def _show(
    request: HttpRequest, number: int, day_form: LocalDayForm | None = None, hours_form: HoursForm | None = None
) -> HttpResponse:
    held = current_calendar()
    user = request.user
    return page(
        request,
        "calendars/year.html",
        {
            "year": queries.year(number),
            "years": range(held.last_year, held.first_year - 1, -1),
            "announced": sorted(held.announced),
            "before": number - 1 if number > held.first_year else None,
            "after": number + 1 if number < held.last_year else None,
            "may_refresh": access.may(user, "calendars.calendar.refresh"),
            "may_withdraw": access.may(user, "calendars.day.withdraw"),
            "day_form": (day_form or LocalDayForm()) if access.may(user, "calendars.day.set") else None,
            "hours_form": (hours_form or HoursForm()) if access.may(user, "calendars.hours.set") else None,
        },
        status=422 if day_form or hours_form else 200,
    )


def _page_of(number: int) -> str:
    return f"{reverse('calendars:year')}?year={number}"


@require_POST
@require_act("calendars.calendar.refresh")
def refresh(request: HttpRequest) -> HttpResponse:
    try:
        version = actions.refresh_calendar(request.user)
    except CalendarUnchanged as refusal:
        return redirect(request, reverse("calendars:year"), str(refusal), "warn")
    return redirect(
        request, reverse("calendars:year"), _("Version %(number)s is in force.") % {"number": version.number}
    )


@require_POST
@require_act("calendars.day.set")
def set_day(request: HttpRequest) -> HttpResponse:
    form = LocalDayForm(request.POST)
    if not form.is_valid():
        return _show(request, timezone.localdate().year, day_form=form)
    row = actions.set_local_day(request.user, **form.cleaned_data)
    return redirect(
        request, _page_of(row.day.year), _("%(day)s is set. Time limits follow shortly.") % {"day": row.day}
    )


@require_POST
@require_act("calendars.day.withdraw")
def withdraw_day(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(LocalDay, pk=pk)
    actions.withdraw_local_day(request.user, row, request.POST.get("reason", "")[:80])
    return redirect(request, _page_of(row.day.year), _("The official day holds again."))


@require_POST
@require_act("calendars.hours.set")
def set_hours(request: HttpRequest) -> HttpResponse:
    form = HoursForm(request.POST)
    if not form.is_valid():
        return _show(request, timezone.localdate().year, hours_form=form)
    actions.set_hours(request.user, **form.cleaned_data)
    return redirect(request, _page_of(form.cleaned_data["starts_on"].year), _("The working hours are set."))
