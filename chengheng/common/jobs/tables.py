"""The list of long work."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chengheng.common.jobs import queries
from chengheng.common.jobs.models import Job, State
from chengheng.common.tables import Column, DateRange, MultiChoice, Table, Text, register

TONES = {State.RUNNING: "info", State.DONE: "good", State.FAILED: "bad", State.CANCELLED: "none", State.WAITING: "none"}


@register
class JobTable(Table):
    """Everybody sees their own jobs; `jobs.job.view` opens others'."""

    code = "jobs.job"
    title = _("Jobs")
    act = Job.view_act
    columns = (
        Column("title", _("Job"), link=True),
        Column("state", _("State"), badge=True, tones=TONES),
        Column("percent", _("Done"), kind="percent", places=0, value=lambda job: job.percent),
        Column("text", _("Progress")),
        Column("actor", _("Started by"), kind="user", sort="actor__display_name"),
        Column("created_at", _("Created"), kind="datetime"),
        Column("started_at", _("Began"), kind="datetime", shown=False),
        Column("ended_at", _("Ended"), kind="datetime"),
        Column("error", _("Error"), shown=False),
    )
    filters = (
        Text("q", _("Search"), fields=("title",)),
        MultiChoice("state", _("State"), choices=State.choices),
        DateRange("created_at", _("Created")),
    )
    default_sort = "-created_at"
    empty = _("Large imports, exports and reports appear here while they run, and afterwards with their result.")

    def require(self, user: Any) -> None:
        """Everybody who is signed in has a list of jobs."""

    def queryset(self, user: Any) -> QuerySet:
        return queries.jobs_of(user)

    def visible(self, user: Any) -> QuerySet:
        return queries.jobs_of(user)
