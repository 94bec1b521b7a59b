"""Calls by telephone: where the gateway reports what became of one, and what that leads to.

A gateway may say at once whether somebody answered, or take the call and report later to the address that came with it:
signed by us, of one attempt of one delivery, for a day. A call that nobody answered is made again, three in all. What
became of each stands in the trail of what it was about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chengheng.common import trail
from chengheng.common.errors import NotFound
from chengheng.common.notices import rules
from chengheng.common.notices.models import Delivery, State
from chengheng.common.notices.rules import Called
from chengheng.common.people import access

_SALT = "notices.call"
REPORTED_WITHIN = timedelta(days=1)


def callback(delivery: Delivery) -> str:
    """The address for the gateway's report; "" when the site does not know its own (CHENGHENG_SITE_URL)."""
    if not settings.SITE_URL:
        return ""
    token = signing.dumps([delivery.pk, delivery.attempts], salt=_SALT)
    return settings.SITE_URL.rstrip("/") + reverse("notices:called", args=[token])


@transaction.atomic
def reported(token: str, said: Mapping[str, Any]) -> Delivery:
    """Take a gateway's report. NotFound for an address that is not ours or too old; a report of an attempt that is settled
    already changes nothing."""
    try:
        pk, attempt = signing.loads(token, salt=_SALT, max_age=REPORTED_WITHIN)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound from None
    delivery = (
        Delivery.objects.select_for_update(of=("self",)).select_related("endpoint", "message", "notice__user").filter(pk=pk)
    ).first()  # fmt: skip
    if delivery is None or delivery.endpoint is None:
        raise NotFound
    found = rules.called(said, delivery.endpoint.options)
    if found is not None and delivery.attempts == attempt and not delivery.outcome:
        settle(delivery, *found)
        delivery.save(update_fields=["state", "sent_at", "error", "next_at", "outcome"])
    return delivery


def settle(delivery: Delivery, what: Called, key: str = "") -> None:
    """What a call's outcome makes of its delivery: told, to be called again, or given up; and the trail's entry.

    The caller saves the delivery. In a transaction.
    """
    from chengheng.common.notices.tasks import enqueue

    now, delivery.outcome = timezone.now(), what
    wait = rules.call_again_after(delivery.attempts) if what is Called.NOT_ANSWERED else None
    if what is Called.ANSWERED:
        delivery.state, delivery.sent_at = State.SENT, delivery.sent_at or now
    elif wait is not None:
        delivery.state, delivery.sent_at, delivery.outcome = State.WAITING, None, ""
        delivery.next_at = now + wait
        enqueue(delivery)
    else:
        delivery.state, delivery.sent_at = State.DEAD, None
    with translation.override(settings.LANGUAGE_CODE):
        delivery.error = "" if what is Called.ANSWERED else str(what.label)
        note(delivery, what, key, again=wait is not None)


def note(delivery: Delivery, what: Called, key: str = "", *, again: bool = False) -> None:
    """Write a call's outcome into the trail of what it was about."""
    message, person = delivery.message, delivery.notice.user if delivery.notice else None
    if not message.subject_type or person is None:
        return
    try:
        subject = apps.get_model(message.subject_type)._default_manager.filter(pk=message.subject_id).first()
    except LookupError:
        return
    if subject is None:
        return
    words = f"{person} {masked(delivery.phones[0] if delivery.phones else '')} · {what.label}"
    if key:
        words += " · " + _("pressed %(key)s") % {"key": key}
    if again:
        words += " · " + _("will be called again")
    data = {"delivery": str(delivery.key), "attempt": delivery.attempts, "outcome": what.value, "key": key}
    trail.record("notices.call", access.SYSTEM, subject, data, words)


def masked(phone: str) -> str:
    """A number as it may stand in a record that many read: 138****0000."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 8 else "****"
