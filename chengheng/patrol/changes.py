"""What changed, for other systems: by a cursor that they keep, or told to an address that they name.

The trail is the outbox: what an act wrote is there when the act is, and nothing is stepped over. What must not go in:
how a case looks outside (api).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.notices import outbound
from chengheng.common.notices.errors import UnsafeAddress
from chengheng.common.people import access
from chengheng.common.people.seal import seal, unseal
from chengheng.common.trail.models import Entry
from chengheng.common.trail.recording import Cursor, cursor_of
from chengheng.patrol import tasks
from chengheng.patrol.models import Case, Hook

SUBJECT = "patrol.case"
BATCH = 100
KEPT_DELIVERIES = 200
"""Of each hook; what was told is in the trail anyway."""
_LATEST = timedelta(hours=6)


@dataclass(frozen=True)
class Changes:
    """Cases as they are now, in the order of their last change in this part; `cursor` is where to go on."""

    cases: list[Case]
    acts: dict[int, list[str]]
    cursor: str
    more: bool


def read_cursor(text: str) -> Cursor:
    """The cursor as it was given out; "" is the start. Invalid for anything else."""
    if not text:
        return Cursor()
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        raise Invalid(field="cursor")
    return Cursor(*map(int, parts))


def since(user: Any, cursor: Cursor, limit: int = BATCH) -> Changes:
    """What happened after the cursor to cases that the user may see; at most `limit` entries of the trail are read."""
    access.require(user, "patrol.case.view")
    entries = trail.after(cursor, limit, SUBJECT)
    acts: dict[int, list[str]] = {}
    for entry in entries:
        pk = int(entry.subject_id)
        acts[pk] = [*acts.pop(pk, []), entry.act]  # the last change decides the place
    seen = access.visible(user, "patrol.case.view", Case.objects.filter(pk__in=acts).select_related("department"))
    rows = {case.pk: case for case in seen}
    end = cursor_of(entries[-1]) if entries else cursor
    told = {pk: done for pk, done in acts.items() if pk in rows}
    return Changes([rows[pk] for pk in told], told, ".".join(map(str, end)), len(entries) == limit)


# Webhooks


def waiting_for(hook: Hook) -> int:
    """How many changes of cases lie after what the hook was told, counted no further than one call holds."""
    return len(trail.after(Cursor(hook.era, hook.transaction_id, hook.entry_id), BATCH, SUBJECT))


@transaction.atomic
def add_hook(actor: Any, url: str) -> tuple[Hook, str]:
    """Have changes told to an address from now on; returns the secret, which is not told again. UnsafeAddress."""
    access.require(actor, "patrol.hook.manage")
    try:
        outbound.check(url)
    except UnsafeAddress as fault:
        raise Invalid(field="url") from fault
    secret, last = secrets.token_urlsafe(32), Entry.objects.order_by("-era", "-transaction_id", "-pk").first()
    at = cursor_of(last) if last else Cursor()
    hook = Hook.objects.create(
        url=url, secret=seal(secret), owner=actor, era=at.era, transaction_id=at.transaction_id, entry_id=at.id
    )
    trail.record("patrol.hook.manage", actor, hook, {"url": url}, new=True)
    return hook, secret


@transaction.atomic
def remove_hook(actor: Any, pk: int) -> None:
    """Tell an address no more."""
    hook = access.fetch_locked(actor, "patrol.hook.manage", Hook.objects.filter(active=True), pk=pk)
    hook.active = False
    hook.save(update_fields=["active"])
    trail.record("patrol.hook.manage", actor, hook, {"active": False})


@transaction.atomic
def retry_hook(actor: Any, pk: int) -> None:
    """Call an address again now, without waiting for the time that it was put off to."""
    hook = access.fetch_locked(actor, "patrol.hook.manage", Hook.objects.filter(active=True), pk=pk)
    hook.next_at = timezone.now()
    hook.save(update_fields=["next_at"])
    trail.record("patrol.hook.manage", actor, hook, {"retry": hook.failures})
    tasks.tell_hooks_now.defer()


@transaction.atomic
def renew_secret(actor: Any, pk: int) -> str:
    """Give a hook a new secret, which is told once; calls are signed by it from now on."""
    hook = access.fetch_locked(actor, "patrol.hook.manage", Hook.objects.filter(active=True), pk=pk)
    secret = secrets.token_urlsafe(32)
    hook.secret = seal(secret)
    hook.save(update_fields=["secret"])
    trail.record("patrol.hook.manage", actor, hook, {"secret": "renewed"})
    return secret


def signature(secret: str, at: int, body: bytes) -> str:
    """What a receiver works out again: the time in it keeps an old call from being sent once more."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def tell_due(now: datetime | None = None) -> int:
    """Tell every address that is due what has happened since it was told; returns how many calls were taken."""
    taken = 0
    for pk in Hook.objects.filter(active=True, next_at__lte=now or timezone.now()).values_list("pk", flat=True):
        while _tell(pk, now or timezone.now()):
            taken += 1
    return taken


@transaction.atomic
def _tell(pk: int, now: datetime) -> bool:
    """One call. The row is locked while it lasts, so that two workers do not tell the same; True when there was
    something to tell and it was taken. A receiver may get a call twice (its answer was lost), with the same id."""
    hook = Hook.objects.select_for_update(skip_locked=True).select_related("owner").filter(pk=pk, active=True).first()
    if hook is None or hook.next_at > now:
        return False
    cursor = Cursor(hook.era, hook.transaction_id, hook.entry_id)
    if not access.may(hook.owner, "patrol.case.view") or not access.may(hook.owner, "patrol.hook.manage"):
        return _failed(hook, "the owner may not see cases any more", now)
    found = since(hook.owner, cursor)
    end = read_cursor(found.cursor)
    fault = _call(hook, cursor, found, now) if found.cases else ""
    if fault:
        return _failed(hook, fault, now)
    hook.era, hook.transaction_id, hook.entry_id, hook.failures, hook.last_fault = *end, 0, ""
    if found.cases:
        hook.told_at = now
    hook.save(update_fields=["era", "transaction_id", "entry_id", "failures", "last_fault", "told_at"])
    return end != cursor


def _failed(hook: Hook, fault: str, now: datetime) -> bool:
    hook.failures += 1
    hook.last_fault = fault[:200]
    hook.next_at = now + min(timedelta(seconds=30 * 2 ** min(hook.failures, 12)), _LATEST)
    hook.save(update_fields=["failures", "last_fault", "next_at"])
    return False


def _call(hook: Hook, cursor: Cursor, found: Changes, now: datetime) -> str:
    """Why the receiver did not take it; "" when it did (any 2xx)."""
    secret = unseal(hook.secret)
    if secret is None:
        return "the secret cannot be read on this machine"
    name = f"{hook.pk}-{'.'.join(map(str, cursor))}"
    said = {"cursor": found.cursor, "cases": [told(case, found.acts[case.pk]) for case in found.cases]}
    body, at = json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False).encode(), int(now.timestamp())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Chengheng-Delivery": name,
        "X-Chengheng-Signature": f"t={at},v1={signature(secret, at, body)}",
    }
    began = time.perf_counter()
    try:
        answer = outbound.post(hook.url, body, headers)
        said_no = "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
    except (UnsafeAddress, OSError, http.client.HTTPException) as fault:
        said_no = str(fault) or type(fault).__name__
    took_ms = int((time.perf_counter() - began) * 1000)
    hook.deliveries.create(
        at=now, name=name, cases=len(found.cases), size=len(body), took_ms=took_ms, fault=said_no[:200]
    )
    kept = hook.deliveries.values_list("pk", flat=True)[KEPT_DELIVERIES : KEPT_DELIVERIES + 1]
    for oldest in kept:
        hook.deliveries.filter(pk__lte=oldest).delete()
    return said_no


def told(case: Case, acts: list[str]) -> dict[str, Any]:
    """A case as a receiver gets it: what it is now, and what was done."""
    return {
        "id": case.pk, "number": case.number, "state": case.state, "acts": acts, "code": case.code, "edition": case.edition,
        "kind": case.kind, "district_code": case.district_code, "area_code": case.area_code, "lon": case.lon,
        "lat": case.lat, "department": case.department.code if case.department else None,
        "outside_number": case.outside_number, "reported_at": case.reported_at, "due_at": case.due_at,
        "closed_at": case.closed_at, "version": case.version,
    }  # fmt: skip
