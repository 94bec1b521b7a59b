"""Notices as stored: what was said (Message), to whom (Notice), and its ways out of the house (Delivery)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common.notices.rules import Called, Channel, Level
from chengheng.common.people.models import Organisation
from chengheng.common.people.seal import seal, unseal


class Message(models.Model):
    """What was said once, in the site's language, and what it is about."""

    title = models.CharField(_("title of the notice"), max_length=200)
    body = models.TextField(_("text of the notice"), blank=True)
    level = models.CharField(_("level"), max_length=10, choices=Level.choices(), default=Level.INFO)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=40, blank=True)
    url = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(_("told"), default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("subject_type", "subject_id"), name="message_subject"),)
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return self.title


class Notice(models.Model):
    """The message as one person got it, in their language. `seen_at`: shown to them; `read_at`: opened or ticked off."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    title = models.CharField(_("title of the notice"), max_length=200)
    body = models.TextField(_("text of the notice"), blank=True)
    level = models.CharField(_("level"), max_length=10, choices=Level.choices())
    url = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(_("told"), default=timezone.now)
    seen_at = models.DateTimeField(_("seen by the reader"), null=True)
    read_at = models.DateTimeField(_("read"), null=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (models.UniqueConstraint(fields=("message", "user"), name="notice_once"),)
        indexes = (
            models.Index(fields=("user", "-id"), name="notice_of_user"),
            models.Index(fields=("user",), condition=Q(read_at__isnull=True), name="notice_unread"),
        )
        verbose_name = _("notice")
        verbose_name_plural = _("notices")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("notices:open", args=[self.pk])


class Preference(models.Model):
    """What a person wants beside the notices in the page. "" for a level means never."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_preference")
    email_from = models.CharField(_("by e-mail from"), max_length=10, blank=True, default=Level.WARNING)
    sms_from = models.CharField(_("by text message from"), max_length=10, blank=True, default=Level.URGENT)
    quiet_start = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_stop = models.TimeField(_("quiet until"), null=True, blank=True)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return str(self.user)


class Endpoint(models.Model):
    """A way out that the site set up: a group's robot, a webhook, the SMS gateway. Address and secret are sealed."""

    channel = models.CharField(
        _("channel of notices"), max_length=10, choices=[pair for pair in Channel.choices() if pair[0] != Channel.EMAIL]
    )
    name = models.CharField(_("name"), max_length=60, unique=True)
    sealed_url = models.TextField(editable=False)
    sealed_secret = models.TextField(editable=False, blank=True)
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, null=True, blank=True, verbose_name=_("only for people of"),
        help_text=_("The organisation with all below it; empty for everybody."),
    )  # fmt: skip
    least_level = models.CharField(_("from level"), max_length=10, choices=Level.choices(), default=Level.WARNING)
    options = models.JSONField(_("options"), default=dict, blank=True)
    active = models.BooleanField(_("active"), default=True)

    view_act = "notices.endpoint.view"

    class Meta:
        ordering = ("name",)
        verbose_name = _("channel of notices")
        verbose_name_plural = _("channels of notices")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("notices:endpoints")

    @property
    def url(self) -> str:
        """The address, which often holds a key: never shown, logged or recorded."""
        return unseal(self.sealed_url) or ""

    @url.setter
    def url(self, value: str) -> None:
        self.sealed_url = seal(value)

    @property
    def secret(self) -> str:
        return (unseal(self.sealed_secret) or "") if self.sealed_secret else ""

    @secret.setter
    def secret(self, value: str) -> None:
        self.sealed_secret = seal(value) if value else ""


class State(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent")
    DEAD = "dead", _("given up")


class Delivery(models.Model):
    """One way out for one message. Sent at least once; `key` lets the receiver tell a repetition."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="deliveries")
    channel = models.CharField(_("channel of notices"), max_length=10, choices=Channel.choices())
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, null=True, related_name="deliveries")
    notice = models.ForeignKey(Notice, models.CASCADE, null=True, related_name="deliveries")
    phones = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    made_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.CharField(_("last error"), max_length=300, blank=True)
    outcome = models.CharField(_("outcome of the call"), max_length=20, blank=True, choices=Called.choices())

    view_act = "notices.endpoint.view"

    class Meta:
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=("next_at",), condition=Q(state="waiting"), name="delivery_due"),
            models.Index(fields=("state", "-id"), name="delivery_state"),
        )
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.message}"

    def get_absolute_url(self) -> str:
        return reverse("notices:deliveries")
