"""Making and ending links, and finding them from either end."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from chengheng.common import trail
from chengheng.common.errors import NotFound
from chengheng.common.links import kinds
from chengheng.common.links.errors import LinkToItself, UnknownKind
from chengheng.common.links.models import Link
from chengheng.common.people import access
from chengheng.common.people.access import Actor
from chengheng.common.trail.recording import subject_key


def sees(actor: Actor, subject: Model) -> bool:
    """Whether the actor may see the subject, by its class's `view_act`; a class without one is seen by nobody."""
    act = getattr(subject, "view_act", "")
    return bool(act) and access.may(actor, act, subject)


def _ends(a: Model, b: Model, kind: kinds.Kind) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = subject_key(a), subject_key(b)
    if kind.mutual and second < first:
        return second, first
    return first, second


@transaction.atomic
def link(a: Model, b: Model, kind: str, by: Actor, note: str = "") -> Link:
    """Link two subjects; a link that is there already is returned as it is. Recorded with both subjects.

    The actor must see at least one end: an act of one system may link to a subject of another that its actor cannot
    open (who made an alert into a case need not read cases). Raises UnknownKind, LinkToItself, NotFound.
    """
    try:
        declared = kinds.get(kind)
    except KeyError:
        raise UnknownKind(field="kind") from None
    if subject_key(a) == subject_key(b):
        raise LinkToItself
    if not (sees(by, a) or sees(by, b)):
        raise NotFound
    (a_type, a_id), (b_type, b_id) = _ends(a, b, declared)
    made, is_new = Link.objects.get_or_create(
        a_type=a_type, a_id=a_id, b_type=b_type, b_id=b_id, kind=kind, defaults={"by_id": by.pk}
    )
    if is_new:
        _record("links.link.make", by, a, b, kind, note)
    return made


@transaction.atomic
def unlink(a: Model, b: Model, kind: str, by: Actor, note: str = "") -> bool:
    """End a link; the actor must see both ends. Whether there was one. Raises NotFound."""
    if not (sees(by, a) and sees(by, b)):
        raise NotFound
    try:
        (a_type, a_id), (b_type, b_id) = _ends(a, b, kinds.get(kind))
    except KeyError:
        raise UnknownKind(field="kind") from None
    gone, _rows = Link.objects.filter(a_type=a_type, a_id=a_id, b_type=b_type, b_id=b_id, kind=kind).delete()
    if gone:
        _record("links.link.end", by, a, b, kind, note)
    return bool(gone)


def _record(act: str, by: Actor, a: Model, b: Model, kind: str, note: str) -> None:
    ends: list[tuple[Any, Model, Model]] = sorted(
        ((subject_key(one), one, other) for one, other in ((a, b), (b, a))), key=lambda end: end[0]
    )
    for _key, one, other in ends:  # in one order always, so that two linkers never wait for each other in a ring
        with_type, with_id = subject_key(other)
        trail.record(act, by, one, {"kind": kind, "with": [with_type, with_id]}, note)


def of(subject: Model) -> QuerySet[Link]:
    """All links of a subject, from either end, oldest first. What a user may see of them: `links.shown_to`."""
    subject_type, subject_id = subject_key(subject)
    return Link.objects.filter(Q(a_type=subject_type, a_id=subject_id) | Q(b_type=subject_type, b_id=subject_id))
