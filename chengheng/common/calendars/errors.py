"""What can go wrong with calendars."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class YearNotAnnounced(Refusal):
    """A day outside the years that the calendar covers, announced or provisional (`day` in params)."""

    code = "year_not_announced"
    status = 422
    message = _("The working calendar does not reach %(day)s: it covers %(first)s to %(last)s.")


class KindsDiffer(Refusal):
    """Two limits of different kinds have no sum."""

    code = "kinds_differ"
    status = 422
    message = _("Time limits of different kinds cannot be added: %(one)s and %(other)s.")


class BadHours(Invalid):
    code = "bad_hours"
    message = _("Working hours must be intervals within one day, in order, without overlap, and not empty.")


class CalendarUnchanged(Refusal):
    code = "calendar_unchanged"
    message = _("The calendar is the same as the one in force; no new version was made.")


class DayIsSet(Refusal):
    code = "day_is_set"
    message = _("%(day)s is set by the city already; withdraw that first.")


class DayNotSet(Refusal):
    code = "day_not_set"
    message = _("This day was withdrawn already.")
