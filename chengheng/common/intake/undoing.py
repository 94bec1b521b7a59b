"""Taking a batch back: only while nothing stands on its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, ProtectedError, QuerySet, RestrictedError
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from chengheng.common.intake.errors import DependedUpon

if TYPE_CHECKING:
    from chengheng.common.intake.declaration import Importer
    from chengheng.common.intake.models import Batch


def delete_rows_of(importer: Importer, batch: Batch) -> int:
    """Delete the rows that carry the batch, dependants first; returns how many. DependedUpon."""
    from chengheng.common.intake.models import Batch as BatchModel

    if not importer.models:
        raise NotImplementedError(f"{type(importer).__name__} names no models and has no undo of its own")
    if batch.pk is None or not isinstance(batch, BatchModel):
        raise ValueError("a stored batch is wanted")
    made = set(importer.models)
    for model in importer.models:
        rows = model._default_manager.filter(**{importer.batch_field: batch})
        _refuse_if_depended_upon(rows, made)
        _refuse_if_acted_upon(rows, batch)
    count = 0
    try:
        with transaction.atomic():
            for model in importer.models:
                rows = model._default_manager.filter(**{importer.batch_field: batch})
                deleted, _by_model = rows.delete()
                count += deleted
            with connection.cursor() as cursor:  # foreign keys are checked now, not at the end of the transaction
                cursor.execute("set constraints all immediate")
                cursor.execute("set constraints all deferred")
    except (ProtectedError, RestrictedError) as error:
        held = next(iter(error.args[1]), "")  # the protected, or restricted, objects
        raise DependedUpon(what=f"“{held}”") from error
    except IntegrityError as error:
        raise DependedUpon(what=_("another record")) from error
    return count


def _refuse_if_depended_upon(rows: QuerySet, made: set[Any]) -> None:
    """Rows of other models that point here, whatever deleting would do to them, keep the batch."""
    for relation in rows.model._meta.related_objects:
        other = relation.related_model
        if other in made or relation.many_to_many:
            continue
        holder = other._default_manager.filter(**{f"{relation.field.name}__in": rows}).first()
        if holder is not None:
            raise DependedUpon(what=f"{other._meta.verbose_name} “{holder}”")


def _refuse_if_acted_upon(rows: QuerySet, batch: Batch) -> None:
    """Rows that somebody did something to after the import keep the batch too: the trail knows."""
    from chengheng.common.trail.models import Entry

    later = (
        Entry.objects.filter(
            subject_type=rows.model._meta.label_lower,
            subject_id__in=rows.annotate(_key=Cast("pk", CharField())).values("_key"),
            at__gt=batch.committed_at,
        )
        .order_by("at")
        .first()
    )
    if later is not None:
        raise DependedUpon(what=_("an act of %(actor)s") % {"actor": later.actor_label})
