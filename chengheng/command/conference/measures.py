"""What conferences can prove: meetings held, venues linked, venues that came when they were called."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.command.conference.models import Meeting, Participant
from chengheng.command.models import Site
from chengheng.common.measures import Measured, Period, Scope, measure
from chengheng.common.people import access

_SOURCE = "2024 target table of the programme (视频会议及城市管理指挥调度系统运维)"


@measure(
    "command.sites_linked", label=_("Venues linked"), unit="个",
    definition=_("Venues of districts and units (the main venue not counted) that took part in a meeting in the period, "
                 "or whose link was found working."),
    source=_SOURCE, system="command", keywords=("互联互通会场", "联通会场"), evidence_act="command.site.view",
)  # fmt: skip
def sites_linked(period: Period, scope: Scope) -> Measured:
    came = Participant.objects.filter(site__isnull=False, **period.holds("first_joined_at")).values("site")
    checked = Site.objects.filter(checks__result__in=("good", "poor"), **period.holds("checks__at")).values("pk")
    rows = Site.objects.exclude(kind="main")
    rows = rows.filter(pk__in=came) | rows.filter(pk__in=checked)
    if scope.user is not None:
        rows = access.visible(scope.user, "command.site.view", rows)
    if scope.organisation is not None:
        rows = rows.filter(organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(area_code__startswith=scope.area)
    return Measured.count(rows, ever=Site.objects.exists())


@measure(
    "command.meetings", label=_("Meetings held"), unit="次", definition=_("Video conferences that began in the period."),
    source="local rule", system="command", keywords=("视频会议次数", "视频会议召开"), cumulative=True,
    evidence_act="command.meeting.view",
)  # fmt: skip
def meetings(period: Period, scope: Scope) -> Measured:
    rows = Meeting.objects.filter(**period.holds("began_at"))
    if scope.user is not None:
        rows = access.visible(scope.user, "command.meeting.view", rows)
    if scope.organisation is not None:
        rows = rows.filter(organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(organisation__district_code__startswith=scope.area)
    return Measured.count(rows, ever=Meeting.objects.exists())


@measure(
    "command.attendance_rate", label=_("Venues present when called"), unit="%",
    definition=_("Venues that came into a meeting ÷ venues called to meetings that began in the period."),
    source="local rule", system="command", keywords=("参会率", "到会率"), evidence_act="command.meeting.view",
)  # fmt: skip
def attendance_rate(period: Period, scope: Scope) -> Measured:
    rows = Participant.objects.filter(role="site", site__isnull=False, **period.holds("meeting__began_at"))
    if scope.user is not None:
        rows = access.visible(scope.user, "command.meeting.view", rows)
    if scope.organisation is not None:
        rows = rows.filter(organisation__path__startswith=scope.organisation.path)
    if scope.area:
        rows = rows.filter(site__area_code__startswith=scope.area)
    return Measured.ratio(rows.filter(first_joined_at__isnull=False).count(), rows.count(), rows)
