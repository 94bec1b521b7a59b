"""What may be linked with an order while it is written, and what stands near a place: the only file that knows all rooms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chengheng.common import pictures
from chengheng.common.links import choosing
from chengheng.common.people import access
from chengheng.common.places import near
from chengheng.common.places.box import Box
from chengheng.opinion import queries as opinion
from chengheng.opinion.models import Alert
from chengheng.patrol import queries as patrol
from chengheng.patrol.models import Case, Shift, TrackPoint
from chengheng.video import queries as video
from chengheng.video.models import Channel, Operation

SEEN_WITHIN = timedelta(minutes=30)
"""A collector's position that is older is not "near" any more (local rule)."""


def _cases(user: Any, words: str, limit: int) -> Iterable[Case]:
    rows = access.visible(user, "patrol.case.view", Case.objects.all())
    number = words.rpartition("-")[2]
    if number.isdigit() and len(number) < 18:
        rows = rows.filter(Q(pk=int(number)) | Q(outside_number=words))
    else:
        rows = patrol.with_words(rows, words)
    return rows.order_by("-pk")[:limit]


def _cameras(user: Any, words: str, limit: int) -> Iterable[Channel]:
    found = Q(name__icontains=words) | Q(gb_id__startswith=words) | Q(address__icontains=words)
    return video.cameras(user).filter(found)[:limit]


def _alerts(user: Any, words: str, limit: int) -> Iterable[Alert]:
    return opinion.open_alerts(user).filter(title__icontains=words).order_by("-raised_at")[:limit]


def _operations(user: Any, words: str, limit: int) -> Iterable[Operation]:
    return access.visible(user, "video.operation.view", Operation.objects.filter(title__icontains=words))[:limit]


def _near_cameras(user: Any, box: Box, limit: int) -> Iterable[near.Spot]:
    for row in video.cameras(user).filter(near.inside(box))[:limit]:
        on = row.online and row.device.online
        yield near.Spot(
            str(row), float(row.lon or 0), float(row.lat or 0), gettext("online") if on else gettext("offline"),
            row.get_absolute_url(), "good" if on else "bad", subject=row,
        )  # fmt: skip


def _near_collectors(user: Any, box: Box, limit: int) -> Iterable[near.Spot]:
    """Collectors on shift, where their phones saw them last."""
    since = timezone.now() - SEEN_WITHIN
    last = TrackPoint.objects.filter(shift=OuterRef("pk"), at__gte=since).order_by("-at")
    rows = access.visible(user, "patrol.shift.view", Shift.objects.filter(ended_at=None)).annotate(
        at=Subquery(last.values("at")[:1]), lon=Subquery(last.values("lon")[:1]), lat=Subquery(last.values("lat")[:1])
    )
    for row in rows.filter(near.inside(box)).select_related("collector__organisation")[:limit]:
        yield near.Spot(
            str(row.collector), row.lon, row.lat,
            gettext("%(unit)s, seen at %(time)s")
            % {"unit": row.collector.organisation, "time": f"{timezone.localtime(row.at):%H:%M}"},
            phone=row.collector.phone, person=row.collector, tone="good",
        )  # fmt: skip


def wire() -> None:
    """Offer the records and the finders of this installation."""
    for code, label, find in (
        ("patrol.case", _("City case"), _cases),
        ("video.channel", _("Camera"), _cameras),
        ("opinion.alert", _("Opinion alert"), _alerts),
        ("video.operation", _("Operation with cameras"), _operations),
    ):
        choosing.offer(choosing.Kind(code, label, find))
    pictures.know(pictures.Kind("video.channel", video.cameras))
    near.offer(near.Finder("patrol.shift", _("Collectors on shift"), "walk", _near_collectors, "patrol.shift.view"))
    near.offer(near.Finder("video.channel", _("Cameras"), "video", _near_cameras, "video.channel.view"))
