"""The working calendar as stored: versions, the days that differ from Monday to Friday, and the city's own days.

A version never changes once made: due times carry its number, so that it can be told by which calendar they were
computed. What must not go in: how time is counted (rules).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import rows
from chengheng.common.calendars.rules import DayMark, WorkCalendar
from chengheng.common.calendars.sources import default_calendar, parse_hours


class CalendarVersion(models.Model):
    """One calendar as it was in force from `made_at` until the next version."""

    number = models.PositiveIntegerField(_("version"), unique=True)
    first_year = models.PositiveSmallIntegerField(_("first year"))
    last_year = models.PositiveSmallIntegerField(_("last year"))
    announced = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("announced years"))
    hours = models.JSONField(_("daily hours"), help_text=_("Rows of a day and the intervals that hold from it on."))
    source = models.CharField(_("source"), max_length=200)
    digest = models.CharField(max_length=64, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    made_at = models.DateTimeField(_("made at"), default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("done by")
    )

    view_act = "calendars.calendar.view"

    class Meta:
        ordering = ("-number",)
        verbose_name = _("calendar version")
        verbose_name_plural = _("calendar versions")

    def __str__(self) -> str:
        return _("Calendar version %(number)s") % {"number": self.number}

    def get_absolute_url(self) -> str:
        return reverse("calendars:year")

    def calendar(self) -> WorkCalendar:
        """The version as a calendar that answers."""
        return WorkCalendar(
            {
                day.day: DayMark(day.working, day.name, tuple(tuple(pair) for pair in day.hours) if day.hours else None)
                for day in self.days.all()
            },
            parse_hours(self.hours),
            first_year=self.first_year,
            last_year=self.last_year,
            announced=self.announced,
            version=self.number,
        )


class CalendarDay(models.Model):
    """A day of a version that differs from Monday to Friday, or carries a name."""

    version = models.ForeignKey(CalendarVersion, models.CASCADE, related_name="days")
    day = models.DateField(_("day"))
    working = models.BooleanField(_("working day"))
    name = models.CharField(_("name"), max_length=80, blank=True)
    hours = models.JSONField(_("daily hours"), null=True, blank=True)
    local = models.BooleanField(_("set by the city"), default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("version", "day"), name="calendar_day_once"),)
        verbose_name = _("calendar day")
        verbose_name_plural = _("calendar days")

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class LocalDay(models.Model):
    """A day that the city set otherwise (a snow day, an extra shift), with the reason. Wins over the official one."""

    day = models.DateField(_("day"))
    working = models.BooleanField(_("working day"))
    hours = models.JSONField(_("daily hours"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=80)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(_("taken back at"), null=True, blank=True)

    view_act = "calendars.calendar.view"

    class Meta:
        ordering = ("day",)
        constraints = (
            models.UniqueConstraint(
                fields=("day",), condition=models.Q(withdrawn_at__isnull=True), name="local_day_once_in_force"
            ),
        )
        verbose_name = _("local day")
        verbose_name_plural = _("local days")

    def __str__(self) -> str:
        return f"{self.day} {self.reason}"

    def get_absolute_url(self) -> str:
        return f"{reverse('calendars:year')}?year={self.day.year}"


_built: dict[tuple[int, str], WorkCalendar] = {}  # by number and digest; a few entries, oldest dropped


IN_FORCE = "(select number || ' ' || digest from calendars_calendarversion order by number desc limit 1)"
"""SQL for which calendar is in force, for those who ask the database several things at once; see `calendar_in_force`."""


def calendar_in_force(found: str | None) -> WorkCalendar:
    """The calendar that `IN_FORCE` found."""
    number, _blank, digest = (found or "0 ").partition(" ")
    return _build(int(number), digest)


def current_calendar() -> WorkCalendar:
    """The calendar in force. Costs one small query; the calendar itself is built once per process and version.

    Before the first version is stored it is the library's holidays with the example hours, as version 0.
    """
    with rows.cursor() as cursor:
        cursor.execute(f"select {IN_FORCE}")
        (found,) = cursor.fetchone() or (None,)
        return calendar_in_force(found)


def calendar_of(number: int) -> WorkCalendar:
    """The calendar of one version; CalendarVersion.DoesNotExist for an unknown one. 0 is the built-in default."""
    return _build(number, CalendarVersion.objects.only("digest").get(number=number).digest) if number else _build(0, "")


def _build(number: int, digest: str) -> WorkCalendar:
    calendar = _built.get((number, digest))
    if calendar is None:
        calendar = CalendarVersion.objects.get(number=number).calendar() if number else default_calendar()
        while len(_built) >= 8:
            _built.pop(next(iter(_built)))
        _built[number, digest] = calendar
    return calendar
