"""What people do with notices: read them, choose how to be told; what keepers do: set up ways out, try again."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import trail
from chengheng.common.errors import NotFound
from chengheng.common.notices import outbound
from chengheng.common.notices.errors import NotDead
from chengheng.common.notices.models import Delivery, Endpoint, Message, Notice, Preference, State
from chengheng.common.notices.rules import Channel, Level
from chengheng.common.notices.tasks import enqueue
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User


def read(user: User, pk: int) -> Notice:
    """Tick off one's own notice; NotFound for anybody else's."""
    notice = Notice.objects.filter(pk=pk, user=user).first()
    if notice is None:
        raise NotFound
    if notice.read_at is None:
        now = timezone.now()
        Notice.objects.filter(pk=pk, read_at=None).update(read_at=now, seen_at=notice.seen_at or now)
        notice.read_at = now
    return notice


def read_all(user: User, up_to: int | None = None) -> int:
    """Tick off all one's notices, up to the newest that was on the page. Returns how many."""
    mine = Notice.objects.filter(user=user, read_at=None)
    if up_to is not None:
        mine = mine.filter(pk__lte=up_to)
    now = timezone.now()
    mine.filter(seen_at=None).update(seen_at=now)
    return mine.update(read_at=now)


def seen(user: User, notices: list[Notice]) -> None:
    """Keep the receipt: these notices were shown to their reader."""
    fresh = [notice.pk for notice in notices if notice.seen_at is None]
    if fresh:
        Notice.objects.filter(pk__in=fresh, user=user, seen_at=None).update(seen_at=timezone.now())


def choose(
    user: User, *, email_from: str, sms_from: str, quiet_start: time | None, quiet_stop: time | None
) -> Preference:
    """Set one's own preferences. Urgent notices go out in quiet hours, too."""
    preference, _made = Preference.objects.update_or_create(
        user=user,
        defaults={
            "email_from": email_from, "sms_from": sms_from, "quiet_start": quiet_start, "quiet_stop": quiet_stop,
        },
    )  # fmt: skip
    return preference


@transaction.atomic
def set_endpoint(
    actor: access.Actor,
    endpoint: Endpoint | None,
    *,
    channel: str,
    name: str,
    url: str = "",
    secret: str | None = None,
    organisation: Organisation | None = None,
    least_level: str = Level.WARNING,
    options: dict[str, Any] | None = None,
    active: bool = True,
) -> Endpoint:
    """Set up a way out, or change one; an empty `url` and a `secret` of None keep what is there.

    UnsafeAddress when the address must not be called. Neither address nor secret goes into the trail.
    """
    access.require(actor, "notices.endpoint.set", endpoint)
    row = endpoint or Endpoint()
    if url:
        outbound.check(url)
        row.url = url
    elif not row.sealed_url:
        outbound.check("")
    if secret is not None:
        row.secret = secret
    row.channel, row.name, row.organisation, row.least_level = channel, name, organisation, least_level
    row.options, row.active = options or {}, active
    row.save()
    data = {
        "channel": channel, "name": name, "active": active, "least_level": least_level, "address_changed": bool(url),
        "secret_changed": secret is not None, "organisation": organisation.pk if organisation else None,
    }  # fmt: skip
    trail.record("notices.endpoint.set", actor, row, data, new=endpoint is None)
    return row


@transaction.atomic
def send_test(actor: access.Actor, endpoint: Endpoint) -> Delivery:
    """Send a test by a way out; the delivery list shows what became of it."""
    access.require(actor, "notices.endpoint.test", endpoint)
    message = Message.objects.create(
        title=str(_("Test of the channel %(name)s") % {"name": endpoint.name}), level=Level.INFO
    )
    phone = getattr(actor, "phone", "")
    delivery = Delivery.objects.create(
        message=message,
        channel=endpoint.channel,
        endpoint=endpoint,
        phones=[phone] if endpoint.channel in (Channel.SMS, Channel.PHONE) else [],
    )
    trail.record("notices.endpoint.test", actor, endpoint, {"delivery": str(delivery.key)})
    enqueue(delivery)
    return delivery


@transaction.atomic
def try_again(actor: access.Actor, delivery: Delivery) -> None:
    """Put a delivery that was given up back into the queue."""
    access.require(actor, "notices.delivery.retry", delivery)
    now = timezone.now()
    changed = Delivery.objects.filter(pk=delivery.pk, state=State.DEAD).update(
        state=State.WAITING, attempts=0, next_at=now, error="", outcome=""
    )
    if changed != 1:
        raise NotDead
    trail.record("notices.delivery.retry", actor, delivery, {"key": str(delivery.key)})
    delivery.next_at = now
    enqueue(delivery)
