"""What people ask about imports."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from chengheng.common.errors import NotFound
from chengheng.common.intake import declaration
from chengheng.common.intake.models import Batch
from chengheng.common.people import access


def importers_for(user: Any) -> list[type[declaration.Importer]]:
    """The imports that the user may do."""
    return [importer for importer in declaration.registered() if access.may(user, importer.act)]


def batches_of(user: Any, code: str = "") -> QuerySet[Batch]:
    """The user's own batches, and those of others that the importer's act (or `intake.batch.view`) opens to them."""
    if user is access.SYSTEM:
        found = Batch.objects.all()
    else:
        found = Batch.objects.filter(by=user.pk) | access.visible(user, Batch.view_act, Batch.objects.all())
        for importer in importers_for(user):
            if code in ("", importer.code):
                found |= access.visible(user, importer.act, Batch.objects.filter(importer=importer.code))
    found = found.filter(importer=code) if code else found
    return found.select_related("by", "committed_by", "undone_by", "job")


def batch_for(user: Any, batch_id: int) -> Batch:
    """One batch that the user may see; NotFound otherwise."""
    batch = batches_of(user).filter(pk=batch_id).first()
    if batch is None:
        raise NotFound
    return batch
