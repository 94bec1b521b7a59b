"""Attaching files to subjects of any room, taking them back, and letting them go when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.apps import apps
from django.core import signing
from django.db import transaction
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chengheng.common import trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.files.errors import Gone, LinkExpired
from chengheng.common.files.keeping import remove_content
from chengheng.common.files.models import Attachment, File, RetentionRule
from chengheng.common.files.rules import clean_name
from chengheng.common.people import access
from chengheng.common.people.models import User
from chengheng.common.trail.recording import subject_key

_SALT = "files.link"


def subject_of(attachment: Attachment) -> Model | None:
    """The row that carries the attachment; None when it is gone."""
    return apps.get_model(attachment.subject_type)._default_manager.filter(pk=attachment.subject_id).first()


_listeners: dict[str, list[Callable[[Any, Attachment], None]]] = {}


def on_attach(subject_type: str, listener: Callable[[Any, Attachment], None]) -> None:
    """Have `listener(subject, attachment)` called in the transaction of each attaching to rows of this type."""
    known = _listeners.setdefault(subject_type, [])
    if listener not in known:
        known.append(listener)


@transaction.atomic
def attach(file: File, subject: Model, kind: str, by: access.Actor, name: str = "") -> Attachment:
    """Put a stored file on a subject, and say so in the subject's trail. The calling act has checked the permission."""
    subject_type, subject_id = subject_key(subject)
    attachment = Attachment.objects.create(
        file=file,
        subject_type=subject_type,
        subject_id=subject_id,
        kind=kind,
        name=clean_name(name or kind, file.media_type),
        by=by if isinstance(by, User) else None,
    )
    data = {
        "attachment": attachment.pk,
        "kind": kind,
        "name": attachment.name,
        "sha256": file.sha256,
        "size": file.size,
    }
    trail.record("files.attachment.add", by, subject, data)
    for listener in _listeners.get(subject_type, ()):
        listener(subject, attachment)
    return attachment


@transaction.atomic
def attach_many(subject: Model, by: access.Actor, files: Iterable[tuple[File, str, str]]) -> list[Attachment]:
    """Put several stored files, (file, kind, name) each, on a subject: two statements and one entry in its trail."""
    subject_type, subject_id = subject_key(subject)
    owner = by if isinstance(by, User) else None
    made = Attachment.objects.bulk_create(
        Attachment(
            file=file, subject_type=subject_type, subject_id=subject_id, kind=kind,
            name=clean_name(name or kind, file.media_type), by=owner,
        )
        for file, kind, name in files
    )  # fmt: skip
    if made:
        listed = [
            {"attachment": one.pk, "kind": one.kind, "name": one.name, "sha256": one.file.sha256, "size": one.file.size}
            for one in made
        ]
        trail.record("files.attachment.add", by, subject, {"files": listed})
    for listener in _listeners.get(subject_type, ()):
        for attachment in made:
            listener(subject, attachment)
    return made


@transaction.atomic
def withdraw(attachment: Attachment, by: access.Actor, why: str) -> None:
    """Take an attachment back: it is no longer shown, and the trail keeps what it was. The calling act has checked."""
    if (
        Attachment.objects.filter(pk=attachment.pk, withdrawn_at=None).update(
            withdrawn_at=timezone.now(), withdrawn_why=why
        )
        != 1
    ):
        raise Gone
    subject = subject_of(attachment)
    if subject is not None:
        trail.record(
            "files.attachment.withdraw", by, subject, {"attachment": attachment.pk, "name": attachment.name}, why
        )


def of(subject: Model, kind: str | None = None) -> QuerySet[Attachment]:
    """The subject's attachments, oldest first, with their files; of one kind when given."""
    subject_type, subject_id = subject_key(subject)
    found = Attachment.objects.filter(subject_type=subject_type, subject_id=subject_id, withdrawn_at=None)
    return (found.filter(kind=kind) if kind else found).select_related("file")


def of_many(subjects: Iterable[Model]) -> dict[Any, list[Attachment]]:
    """The attachments of several subjects of one model by primary key; one query, for lists."""
    rows = list(subjects)
    answer: dict[Any, list[Attachment]] = {row.pk: [] for row in rows}
    if rows:
        keys = {str(row.pk): row.pk for row in rows}
        found = Attachment.objects.filter(
            subject_type=rows[0]._meta.label_lower, subject_id__in=list(keys), withdrawn_at=None
        ).select_related("file")
        for attachment in found:
            answer[keys[attachment.subject_id]].append(attachment)
    return answer


def fetch(user: access.Actor, pk: int) -> Attachment:
    """An attachment whose subject the user may see. NotFound otherwise; Gone when it is kept no longer."""
    attachment = Attachment.objects.select_related("file").filter(pk=pk).first()
    if attachment is None:
        raise NotFound
    model = apps.get_model(attachment.subject_type)
    access.fetch(user, model.view_act, model._default_manager.all(), pk=attachment.subject_id)
    return _kept(attachment)


def _kept(attachment: Attachment) -> Attachment:
    if attachment.withdrawn_at is not None or attachment.file.removed_at is not None:
        raise Gone
    return attachment


def subject_for_attaching(user: access.Actor, subject_type: str, subject_id: str) -> Model:
    """The subject on which the user may put files: its model names the act as `attach_act`. NotFound, NotPermitted."""
    try:
        model = apps.get_model(subject_type)
    except (LookupError, ValueError):
        raise NotFound from None
    act = getattr(model, "attach_act", None)
    if act is None:
        raise NotPermitted
    try:
        return access.fetch(user, act, model._default_manager.all(), pk=subject_id)
    except (ValueError, TypeError):
        raise NotFound from None


def machine_link(attachment: Attachment, seconds: int = 300) -> str:
    """A path that opens the content without signing in, for `seconds`; for machines that are handed evidence."""
    until = int(timezone.now().timestamp()) + seconds
    return reverse("files:linked", args=[signing.dumps([attachment.pk, until], salt=_SALT)])


def linked(token: str) -> Attachment:
    """The attachment of a machine link. LinkExpired when it is too old or not ours."""
    try:
        pk, until = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise LinkExpired from None
    if timezone.now().timestamp() > until:
        raise LinkExpired
    attachment = Attachment.objects.select_related("file").filter(pk=pk).first()
    if attachment is None:
        raise LinkExpired
    return _kept(attachment)


@transaction.atomic
def set_retention(
    actor: access.Actor, kind: str, days: int, starts_on: date, source: str, subject_type: str = ""
) -> RetentionRule:
    """Say how long attachments of a kind are kept, from a day on."""
    access.require(actor, "files.retention.set")
    rule, _made = RetentionRule.objects.update_or_create(
        kind=kind, subject_type=subject_type, starts_on=starts_on, defaults={"days": days, "source": source}
    )
    trail.record(
        "files.retention.set", actor, rule,
        {"kind": kind, "subject_type": subject_type, "days": days, "starts_on": starts_on.isoformat(), "source": source},
    )  # fmt: skip
    return rule


def rules_on(day: date) -> list[RetentionRule]:
    """The rules in force on a day: of each kind and subject type the latest that has begun."""
    started = RetentionRule.objects.filter(starts_on__lte=day)
    return list(started.order_by("kind", "subject_type", "-starts_on").distinct("kind", "subject_type"))


def let_go(now: datetime | None = None, most: int = 1000) -> int:
    """Withdraw what is kept long enough, at most `most` attachments; contents that nobody needs go. Returns how many."""
    now = now or timezone.now()
    rules = rules_on(timezone.localdate(now))
    special = {(rule.kind, rule.subject_type) for rule in rules if rule.subject_type}
    count = 0
    for rule in rules:
        due = Attachment.objects.filter(kind=rule.kind, withdrawn_at=None, at__lt=now - timedelta(days=rule.days))
        if rule.subject_type:
            due = due.filter(subject_type=rule.subject_type)
        else:  # a rule for one subject type wins over the one for all
            due = due.exclude(subject_type__in=[subject for kind, subject in special if kind == rule.kind])
        for attachment in due.select_related("file").order_by("at")[: most - count]:
            _let_go(attachment, rule)
            count += 1
    return count


@transaction.atomic
def _let_go(attachment: Attachment, rule: RetentionRule) -> None:
    file = File.objects.select_for_update().get(pk=attachment.file_id)
    withdraw(
        attachment, access.SYSTEM, _("Kept for %(days)s days: %(source)s") % {"days": rule.days, "source": rule.source}
    )
    if not file.attachments.filter(withdrawn_at=None).exists():
        remove_content(file)
