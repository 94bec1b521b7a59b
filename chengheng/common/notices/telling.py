"""Telling people: stored in the act's transaction, delivered after it commits, or not at all with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.utils import timezone, translation
from django.utils.functional import Promise

from chengheng.common import rows
from chengheng.common.notices.models import Delivery, Endpoint, Message, Notice, Preference
from chengheng.common.notices.rules import CALL_AT_MOST_EVERY, GROUPS, Channel, Level, mentioned, quiet_until, wanted
from chengheng.common.people.models import Duty, Organisation, User

Text = str | Promise
CHANNEL = "chengheng_notices"  # of PostgreSQL's NOTIFY; the payload is the message's id
IN_APP = "in_app"


@rows.in_one_transaction
def tell(
    users: Iterable[User] | User | None = None,
    title: Text = "",
    body: Text = "",
    *,
    role: str = "",
    organisation: Organisation | None = None,
    subject: Model | None = None,
    level: str = "info",
    channels: Sequence[str] | None = None,
    call: Iterable[User] = (),
    params: Mapping[str, Any] | None = None,
) -> Message | None:
    """Tell users, or the holders of a role (at `organisation` and below), and return the message; None for nobody.

    `title` and `body` may be lazy translations with %(named)s `params`: each person reads them in their language.
    `channels` keeps to some ways out ("in_app", "email", "sms", "wecom", …); None leaves it to preferences and set-up.
    `call` are those of them who are called by telephone too, where the site has a gateway for that.
    Works in the transaction of the act: nothing is sent when that rolls back.
    """
    people = _people(users, role, organisation)
    if not people:
        return None
    pressing = Level(level)
    url = subject.get_absolute_url() if subject is not None and hasattr(subject, "get_absolute_url") else ""
    with translation.override(settings.LANGUAGE_CODE):
        message = Message.objects.create(
            title=_say(title, params)[:200],
            body=_say(body, params),
            level=pressing,
            subject_type=subject._meta.label_lower if subject is not None else "",
            subject_id=str(subject.pk) if subject is not None else "",
            url=url,
        )
    notices = Notice.objects.bulk_create([_notice(message, person, title, body, params) for person in people])
    _send_out(message, people, notices, pressing, channels, {user.pk for user in call})
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [CHANNEL, str(message.pk)])
    return message


def _people(users: Iterable[User] | User | None, role: str, organisation: Organisation | None) -> list[User]:
    """Active people without doubles, in a fixed order."""
    if isinstance(users, User):
        users = [users]
    found = {user.pk: user for user in users or () if user.is_active and not user.is_machine}
    if role:
        today = timezone.localdate()
        duties = Duty.objects.filter(role=role, starts_on__lte=today, user__is_active=True, user__is_machine=False)
        if organisation is not None:
            duties = duties.filter(organisation__path__startswith=organisation.path)
        found |= {duty.user_id: duty.user for duty in duties.select_related("user") if duty.holds_on(today)}
    return [found[pk] for pk in sorted(found)]


def _say(text: Text, params: Mapping[str, Any] | None) -> str:
    said = str(text)
    return said % params if params else said


def _notice(message: Message, person: User, title: Text, body: Text, params: Mapping[str, Any] | None) -> Notice:
    with translation.override(person.language or settings.LANGUAGE_CODE):
        return Notice(
            message=message,
            user=person,
            title=_say(title, params)[:200],
            body=_say(body, params),
            level=message.level,
            url=message.url,
            at=message.at,
        )


def _send_out(
    message: Message, people: list[User], notices: list[Notice], level: Level, channels: Sequence[str] | None,
    call: Collection[int] = (),
) -> None:  # fmt: skip
    """Make the deliveries that preferences and set-up ask for, and enqueue them."""

    def may_use(channel: Channel) -> bool:
        return channels is None or channel in channels

    endpoints = list(Endpoint.objects.filter(active=True).select_related("organisation"))
    deliveries = []
    for endpoint in endpoints:
        if endpoint.channel in GROUPS and may_use(Channel(endpoint.channel)) and wanted(level, endpoint.least_level):
            at = [one for one in people if _within(one, endpoint.organisation)]
            if at:
                phones = mentioned([one.phone for one in at]) if level is not Level.INFO else ()
                deliveries.append(
                    Delivery(message=message, channel=endpoint.channel, endpoint=endpoint, phones=list(phones))
                )
    gateway = next((endpoint for endpoint in endpoints if endpoint.channel == Channel.SMS), None)
    by_email = bool(settings.EMAIL_URL) and may_use(Channel.EMAIL)
    by_sms = gateway is not None and may_use(Channel.SMS) and wanted(level, gateway.least_level)
    if by_email or by_sms:
        chosen = {one.user_id: one for one in Preference.objects.filter(user__in=people)}
        for person, notice in zip(people, notices, strict=True):
            preference = chosen.get(person.pk) or Preference(user=person)
            at_once = timezone.now()
            when = at_once if level is Level.URGENT else _after_quiet(preference, at_once)
            asked = channels is not None
            if by_email and person.email and (asked or wanted(level, preference.email_from)):
                deliveries.append(Delivery(message=message, channel=Channel.EMAIL, notice=notice, next_at=when))
            phones = mentioned([person.phone])
            if by_sms and phones and (asked or wanted(level, preference.sms_from)):
                deliveries.append(
                    Delivery(
                        message=message,
                        channel=Channel.SMS,
                        endpoint=gateway,
                        notice=notice,
                        phones=list(phones),
                        next_at=when,
                    )
                )
    deliveries += _calls(message, people, notices, endpoints, call)
    if deliveries:
        from chengheng.common.notices.tasks import enqueue

        for delivery in Delivery.objects.bulk_create(deliveries):
            enqueue(delivery)


def _calls(
    message: Message, people: list[User], notices: list[Notice], endpoints: list[Endpoint], call: Collection[int]
) -> list[Delivery]:
    """The calls by telephone: of those who have a number and were not called a moment ago."""
    gateways = [
        one for one in endpoints if one.channel == Channel.PHONE and wanted(Level(message.level), one.least_level)
    ]
    if not call or not gateways:
        return []
    lately = set(
        Delivery.objects.filter(
            channel=Channel.PHONE, notice__user__in=call, made_at__gt=timezone.now() - CALL_AT_MOST_EVERY
        ).values_list("notice__user", flat=True)
    )
    made = []
    for person, notice in zip(people, notices, strict=True):
        phones = mentioned([person.phone])
        gateway = next((one for one in gateways if _within(person, one.organisation)), None)
        if person.pk in call and person.pk not in lately and phones and gateway is not None:
            made.append(
                Delivery(message=message, channel=Channel.PHONE, endpoint=gateway, notice=notice, phones=list(phones))
            )
    return made


def can_call() -> bool:
    """Whether this site has a gateway that calls people by telephone."""
    return Endpoint.objects.filter(channel=Channel.PHONE, active=True).exists()


def _within(person: User, organisation: Organisation | None) -> bool:
    return organisation is None or person.organisation.path.startswith(organisation.path)


def _after_quiet(preference: Preference, now: datetime) -> datetime:
    return quiet_until(timezone.localtime(now), preference.quiet_start, preference.quiet_stop) or now


def unread(user: Any) -> int:
    """How many notices the user has not read; counted up to 100."""
    return Notice.objects.filter(user=user, read_at=None)[:100].count()
