"""Setting the access policy: a new version, never a change of an old one."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access, queries, rules
from chengheng.common.people.access import Actor
from chengheng.common.people.actions.common import by
from chengheng.common.people.errors import PolicyOutOfBounds, PolicyTooEarly
from chengheng.common.people.models import AccessPolicy


@transaction.atomic
def set_policy(
    actor: Actor, effective_from: date | None = None, *, note: str = "", today: date | None = None, **numbers: Any
) -> AccessPolicy:
    """Add a version of the policy: the one in force on that day with `numbers` changed. Raises PolicyOutOfBounds."""
    access.require(actor, "people.policy.change")
    day = today or timezone.localdate()
    begin = effective_from or day
    if begin < day:
        raise PolicyTooEarly(field="effective_from")
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('people:policy', 0))")
    before = asdict(queries.policy_on(begin))
    known = {field.name for field in fields(rules.Policy)}
    if numbers.keys() - known:
        raise Invalid(field=sorted(numbers.keys() - known)[0])
    wanted = rules.Policy(**(before | numbers))
    fault = rules.policy_fault(wanted)
    if fault is not None:
        raise PolicyOutOfBounds(field=fault[0], least=fault[1], most=fault[2])
    version = (AccessPolicy.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    row = AccessPolicy.objects.create(version=version, effective_from=begin, note=note, by=by(actor), **asdict(wanted))
    change = {name: [before[name], value] for name, value in asdict(wanted).items() if before[name] != value}
    trail.record("people.policy.change", actor, row, {"version": version, "from": begin} | change, note, new=True)
    transaction.on_commit(queries.forget_policy)
    return row
