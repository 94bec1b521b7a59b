"""Handing a matter of one system over to another as work: an alert becomes a case, an order.

The systems never import one another, so the receiving kinds of work are offered here by the portal, which knows both
sides; the system that hands over asks only what is offered. The new work is linked with what it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Refusal
from chengheng.common.links import kinds
from chengheng.common.links.linking import link

BECAME = kinds.declare("became", _("became"), _("came from"))


class NotOffered(Refusal):
    code = "work_not_offered"
    status = 422
    message = _("Nothing takes in this kind of work here.")


@dataclass(frozen=True)
class Matter:
    """What is handed over: words, and where and when it is. `class_code` is a code of the case dictionary or empty;
    `more` are the answers to the kind of work's own questions."""

    title: str
    text: str = ""
    area_code: str = ""
    address: str = ""
    class_code: str = ""
    happened_at: datetime | None = None
    reference: str = ""
    urgent: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A kind of work. `open(actor, matter)` makes it in the caller's transaction and returns its subject, or refuses.
    `may(actor)` says whether this person may ask for it."""

    code: str
    label: str | Promise
    open: Callable[[Any, Matter], Model]
    may: Callable[[Any], bool] = lambda _actor: True


_offered: dict[str, Work] = {}


def offer(work: Work) -> Work:
    """Add a kind of work; the last offer of a code holds."""
    _offered[work.code] = work
    return work


def offered_to(actor: Any) -> list[Work]:
    """The kinds of work that this person may ask for, in the order offered."""
    return [work for work in _offered.values() if work.may(actor)]


@transaction.atomic
def hand_over(subject: Model, code: str, actor: Any, matter: Matter) -> Model:
    """Make work of `subject` and link the two; the caller has checked that the actor may do so. Raises NotOffered and
    whatever the receiving system refuses."""
    work = _offered.get(code)
    if work is None or not work.may(actor):
        raise NotOffered(field="work")
    made = work.open(actor, matter)
    link(subject, made, BECAME.code, actor)
    return made
