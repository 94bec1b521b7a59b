"""What a user sees of the links of a subject."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Model

from chengheng.common.links import kinds
from chengheng.common.links.linking import of
from chengheng.common.links.models import Link
from chengheng.common.people import access
from chengheng.common.people.access import Actor
from chengheng.common.trail.recording import subject_key


@dataclass(frozen=True)
class Linked:
    """One linked subject as a page shows it."""

    label: str
    subject: Model
    what: str
    room: str
    url: str
    at: datetime
    by: str
    link: Link


def shown_to(user: Actor, subject: Model) -> list[Linked]:
    """The linked subjects that the user may see, oldest first; others are left out without a word of them.

    Two queries plus one per class of subject that occurs, however many links there are.
    """
    here = subject_key(subject)
    links = list(of(subject).select_related("by"))
    wanted: dict[str, set[str]] = defaultdict(set)
    for link in links:
        for type_, id_ in ((link.a_type, link.a_id), (link.b_type, link.b_id)):
            if (type_, id_) != here:
                wanted[type_].add(id_)
    found = {type_: _visible(user, type_, ids) for type_, ids in wanted.items()}
    rows = []
    for link in links:
        from_a = (link.a_type, link.a_id) == here
        type_, id_ = (link.b_type, link.b_id) if from_a else (link.a_type, link.a_id)
        other = found[type_].get(id_)
        if other is not None:
            rows.append(_linked(link, other, from_a))
    return rows


def _visible(user: Actor, type_: str, ids: set[str]) -> dict[str, Model]:
    try:
        model = apps.get_model(type_)
    except LookupError:  # a room that is no longer installed
        return {}
    act = getattr(model, "view_act", "")
    if not act:
        return {}
    rows = access.visible(user, act, model._default_manager.filter(pk__in=ids))
    return {str(row.pk): row for row in rows}


def _linked(link: Link, other: Model, from_a: bool) -> Linked:
    url = getattr(other, "get_absolute_url", None)
    return Linked(
        label=kinds.label(link.kind, reverse=not from_a),
        subject=other,
        what=str(other._meta.verbose_name),
        room=str(apps.get_app_config(other._meta.app_label).verbose_name),
        url=url() if url else "",
        at=link.at,
        by=str(link.by) if link.by else "system",
        link=link,
    )
