"""What is stored of acts. Rows are inserted only by `recording`; triggers refuse update, delete and truncate."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.access import Scope
from chengheng.common.trail import acts


class Entry(models.Model):
    """One act on one subject. `hash` covers every field below and the hash of the subject's entry before it.

    `era` and `transaction_id` order entries for readers of the outbox: PostgreSQL hands out ids before it commits, so
    ids alone would let a reader step over an act whose transaction was slower. An era ends when a backup is restored,
    because transaction ids start anew then.
    """

    era = models.PositiveIntegerField()
    transaction_id = models.BigIntegerField()
    at = models.DateTimeField(_("time"))
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(_("who"), max_length=120)
    address = models.GenericIPAddressField(_("address"), null=True)
    act = models.CharField(_("act"), max_length=80)
    subject_type = models.CharField(_("subject"), max_length=60)
    subject_id = models.CharField(max_length=40)
    seq = models.PositiveIntegerField()
    data = models.JSONField(_("data"), default=dict)
    note = models.TextField(_("note"), blank=True)
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    access_scope = Scope()
    view_act = "trail.entry.view"

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subject_type", "subject_id", "seq"), name="trail_chain_has_no_forks"),
        )
        indexes = (
            models.Index(fields=("era", "transaction_id", "id"), name="trail_outbox"),
            models.Index(fields=("actor_id", "-at"), name="trail_actor"),
        )
        verbose_name = _("trail entry")
        verbose_name_plural = _("trail")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label}: {self.act_label}"

    @property
    def act_label(self) -> str:
        return acts.label(self.act)


class Seal(models.Model):
    """A digest over all entries that were settled when it was made and not covered by a seal before it.

    `digest` = SHA-256 of the previous seal's digest and the ids and hashes covered, in outbox order. Sent or printed
    outside the system, it shows later that nothing before it was rewritten, not even by a database administrator.
    """

    at = models.DateTimeField(_("time"))
    from_era = models.PositiveIntegerField()
    from_transaction_id = models.BigIntegerField()
    to_era = models.PositiveIntegerField()
    to_transaction_id = models.BigIntegerField()
    entries = models.PositiveBigIntegerField(_("entries"))
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(_("digest"), max_length=64)

    class Meta:
        ordering = ("pk",)
        verbose_name = _("seal")
        verbose_name_plural = _("seals")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} {self.digest[:16]}"
