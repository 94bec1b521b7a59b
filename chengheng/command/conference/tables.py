"""The lists of conferences."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from chengheng.command.conference.flows import MEETING
from chengheng.command.conference.models import Meeting, MeetingTemplate, SiteGroup, Terminal
from chengheng.common.tables import Choice, Column, DateRange, Table, Text, register

TONES = {"planned": "info", "running": "good", "ended": "none", "cancelled": "bad"}


@register
class MeetingTable(Table):
    code = "command.meeting"
    title = _("Meetings")
    act = "command.meeting.view"
    columns = (
        Column("title", _("Title"), link=True),
        Column("state", _("State"), badge=True, value=lambda row: row.state_label, tones=TONES, sort="state"),
        Column("starts_at", _("Begins"), kind="datetime"),
        Column("ends_at", _("Planned end"), kind="datetime"),
        Column("organisation__name", _("Called by")),
        Column("made_by", _("Entered by"), kind="user", shown=False),
        Column("repeat", _("Repeats"), shown=False),
        Column("began_at", _("Began"), kind="datetime", shown=False),
        Column("ended_at", _("Ended"), kind="datetime"),
    )
    filters = (
        Text("q", _("Search"), fields=("title", "agenda")),
        Choice("state", _("State"), choices=list(MEETING.states.items())),
        DateRange("starts_at", _("Begins")),
    )
    default_sort = "-starts_at"
    navigation = ((_("Call a meeting"), "command:meeting_new"),)
    empty = _("No meeting has been called yet.")

    def queryset(self, user: Any) -> QuerySet[Meeting]:
        return Meeting.objects.select_related("organisation", "made_by")


@register
class TemplateTable(Table):
    code = "command.template"
    title = _("Meeting templates")
    act = "command.meeting.view"
    columns = (
        Column("name", pgettext_lazy("venue", "Name"), link=True),
        Column("title", _("Title")),
        Column("minutes", _("Length (minutes)"), kind="number"),
        Column("organisation__name", _("Organisation")),
    )
    filters = (Text("q", _("Search"), fields=("name", "title")),)
    default_sort = "name"
    navigation = ((_("Enter a template"), "command:template_new"), (_("Groups of venues"), "command:groups"))

    def queryset(self, user: Any) -> QuerySet[MeetingTemplate]:
        return MeetingTemplate.objects.select_related("organisation")


def _sign_in(row: Terminal) -> str:
    if not row.in_use:
        return gettext("not in use")
    if row.address:
        return gettext("fixed address")
    return gettext("registered") if row.is_reachable else gettext("not registered")


@register
class TerminalTable(Table):
    code = "command.terminal"
    title = _("Terminals")
    act = "command.site.view"
    columns = (
        Column("number", pgettext_lazy("terminal", "Number"), link=True),
        Column("name", pgettext_lazy("venue", "Name")),
        Column("site__name", _("Venue")),
        Column("registered_until", _("Sign-in"), value=_sign_in),
        Column("encryption", _("Encryption"), value=lambda row: row.get_encryption_display()),
        Column("host", _("Address")),
        Column("agent", _("Make")),
    )
    filters = (Text("q", _("Search"), fields=("number", "name", "site__name")),)
    default_sort = "number"
    navigation = ((_("Enter a terminal"), "command:terminal_new"),)
    empty = _(
        "No terminal has been entered yet. A terminal is a SIP telephone of sound and picture that stands in a venue."
    )

    def queryset(self, user: Any) -> QuerySet[Terminal]:
        return Terminal.objects.select_related("site")


@register
class GroupTable(Table):
    code = "command.group"
    title = _("Groups of venues")
    act = "command.meeting.view"
    columns = (
        Column("name", pgettext_lazy("venue", "Name"), link=True),
        Column("organisation__name", _("Organisation")),
    )
    filters = (Text("q", _("Search"), fields=("name",)),)
    default_sort = "name"
    navigation = ((_("Enter a group"), "command:group_new"),)

    def queryset(self, user: Any) -> QuerySet[SiteGroup]:
        return SiteGroup.objects.select_related("organisation")
