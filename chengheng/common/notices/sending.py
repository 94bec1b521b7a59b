"""Sending deliveries: one attempt each, at least once, with a key by which the receiver can tell a repetition.

An attempt is claimed by moving `next_at` beyond the time that an attempt can take. A worker that dies in between leaves
the delivery waiting, and it is taken up again when that time is over.
"""

from __future__ import annotations

import http.client
import logging
import random
import smtplib
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chengheng.common.notices import calls, outbound, rules
from chengheng.common.notices.errors import UnsafeAddress
from chengheng.common.notices.models import Delivery, State
from chengheng.common.notices.rules import Called, Channel, Letter, Level, Verdict

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)


def attempt(pk: int, now: datetime | None = None) -> Delivery | None:
    """Try a delivery that is due; None when it is not (any more), or another worker is at it."""
    now = now or timezone.now()
    due = Delivery.objects.filter(pk=pk, state=State.WAITING, next_at__lte=now)
    delivery = due.select_related("message", "endpoint", "notice__user").first()
    if delivery is None:
        return None
    claimed = Delivery.objects.filter(pk=pk, state=State.WAITING, next_at=delivery.next_at).update(
        next_at=now + LEASE, attempts=delivery.attempts + 1
    )
    if claimed != 1:
        return None
    delivery.attempts += 1
    verdict = _send(delivery, now)
    _settle(delivery, verdict, now)
    return delivery


def _settle(delivery: Delivery, verdict: Verdict, now: datetime) -> None:
    from chengheng.common.notices.tasks import enqueue

    delivery.error = verdict.error[:300]
    by_phone = delivery.channel == Channel.PHONE
    if verdict.called is not None:
        with transaction.atomic():
            calls.settle(delivery, *verdict.called)
            delivery.save(update_fields=["state", "sent_at", "error", "next_at", "outcome"])
        return
    if verdict.done:
        delivery.state, delivery.sent_at = State.SENT, timezone.now()
    else:
        wait = rules.wait_before(delivery.attempts, verdict.wait, random.random()) if verdict.again else None  # noqa: S311
        if by_phone and delivery.attempts >= rules.MOST_CALL_ATTEMPTS:
            wait = None
        if wait is None:
            delivery.state = State.DEAD
            logger.warning("delivery %s by %s is given up: %s", delivery.key, delivery.channel, delivery.error)
        else:
            delivery.next_at = now + wait
    with transaction.atomic():
        if by_phone and delivery.state == State.DEAD:
            delivery.outcome = Called.REFUSED
            with translation.override(settings.LANGUAGE_CODE):
                calls.note(delivery, Called.REFUSED)
        delivery.save(update_fields=["state", "sent_at", "error", "next_at", "outcome"])
    if delivery.state == State.WAITING:
        enqueue(delivery)


def letter(delivery: Delivery) -> Letter:
    """What the delivery says: to one person in their language, to a group in the site's."""
    said = delivery.notice or delivery.message
    link = f"{settings.SITE_URL.rstrip('/')}{said.url}" if settings.SITE_URL and said.url else ""
    message = delivery.message
    return Letter(
        key=str(delivery.key),
        title=said.title,
        body=said.body,
        level=Level(message.level),
        url=link,
        at=message.at,
        phones=tuple(delivery.phones),
        subject=f"{message.subject_type}:{message.subject_id}" if message.subject_type else "",
    )


def _send(delivery: Delivery, now: datetime) -> Verdict:
    person = delivery.notice.user if delivery.notice else None
    with translation.override((person.language if person else "") or settings.LANGUAGE_CODE):
        said = letter(delivery)
        if delivery.channel == Channel.EMAIL:
            assert person is not None
            return send_email(said, person.email, str(person))
        return _post(delivery, said, now)


def build(delivery: Delivery, said: Letter, now: datetime) -> rules.Post:
    """The request for the delivery's channel."""
    endpoint = delivery.endpoint
    assert endpoint is not None
    match Channel(delivery.channel):
        case Channel.WECOM:
            return rules.wecom(endpoint.url, said)
        case Channel.DINGTALK:
            return rules.dingtalk(endpoint.url, endpoint.secret, said, now)
        case Channel.FEISHU:
            return rules.feishu(endpoint.url, endpoint.secret, said, now)
        case Channel.SMS:
            return rules.sms(endpoint.url, endpoint.secret, said, endpoint.options, now)
        case Channel.PHONE:
            return rules.call(endpoint.url, endpoint.secret, said, endpoint.options, calls.callback(delivery), now)
        case _:
            return rules.webhook(endpoint.url, endpoint.secret, said, now)


def _post(delivery: Delivery, said: Letter, now: datetime) -> Verdict:
    endpoint = delivery.endpoint
    assert endpoint is not None
    if not endpoint.active:
        return Verdict(False, False, _("the channel was switched off"))
    request = build(delivery, said, now)
    try:
        answer = outbound.post(request.url, request.body, request.headers)
    except UnsafeAddress as refusal:
        return Verdict(False, True, str(refusal))  # a name that does not resolve now may do so later
    except (OSError, http.client.HTTPException) as error:
        return Verdict(False, True, f"{type(error).__name__}: {error}"[:200])
    verdict = rules.judge(Channel(delivery.channel), answer.status, answer.headers, answer.body, endpoint.options)
    if verdict.done and delivery.channel == Channel.PHONE:
        verdict = replace(verdict, called=rules.called(rules.parse(answer.body), endpoint.options))
    return verdict


def send_email(said: Letter, address: str, name: str) -> Verdict:
    """One e-mail by the site's SMTP server (CHENGHENG_EMAIL_URL); the key is its Message-ID, so repetitions fall together."""
    server = urlsplit(settings.EMAIL_URL)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        return Verdict(False, False, _("e-mail is not set up"))
    try:
        mail = compose(said, address, name)
    except ValueError as error:
        return Verdict(False, False, str(error))
    make = smtplib.SMTP_SSL if server.scheme == "smtps" else smtplib.SMTP
    port = server.port or (465 if server.scheme == "smtps" else 25)
    try:
        with make(server.hostname, port, timeout=outbound.SECONDS) as smtp:
            if server.scheme == "smtp" and parse_qs(server.query).get("starttls") == ["1"]:
                smtp.starttls()
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()), (0, b""))
        return Verdict(False, code < 500, f"SMTP {code} {text!r}")
    except smtplib.SMTPResponseException as error:
        return Verdict(False, error.smtp_code < 500, f"SMTP {error.smtp_code} {error.smtp_error!r}")
    except (OSError, smtplib.SMTPException) as error:
        return Verdict(False, True, f"{type(error).__name__}: {error}"[:200])
    return Verdict(True)


def compose(said: Letter, address: str, name: str) -> EmailMessage:
    """The e-mail as plain text. ValueError for an address that would break the header."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(f"[{said.level.label}] {said.title}".split())
    mail["From"] = settings.EMAIL_FROM
    mail["To"] = formataddr((name, address))
    mail["Date"] = format_datetime(said.at)
    mail["Message-ID"] = f"<{said.key}@chengheng>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(part for part in (said.title, said.body, said.url) if part) + "\n")
    return mail
