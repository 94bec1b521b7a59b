"""Ending sessions: a session is a sign-in that succeeded and the server's row that its cookie names."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.people.access import Actor
from chengheng.common.people.models import SignIn, User


def end_sessions(user: User, *, keep: str = "", now: datetime | None = None) -> int:
    """End all sessions of a user but the one with the key `keep`; the caller's act records it. Returns how many."""
    rows = SignIn.objects.filter(user=user, outcome=SignIn.Outcome.DONE, ended_at__isnull=True)
    if keep:
        rows = rows.exclude(session_key=keep)
    keys = list(rows.values_list("session_key", flat=True))
    ended, _kinds = Session.objects.filter(session_key__in=[key for key in keys if key]).delete()
    rows.update(ended_at=now or timezone.now())
    return ended


def _end(sign_in: SignIn, now: datetime | None) -> None:
    Session.objects.filter(session_key=sign_in.session_key).delete()
    SignIn.objects.filter(pk=sign_in.pk, ended_at__isnull=True).update(ended_at=now or timezone.now())


@transaction.atomic
def revoke_session(actor: Actor, sign_in: SignIn, note: str = "", *, now: datetime | None = None) -> None:
    """A security administrator ends one session of somebody."""
    access.require(actor, "people.session.revoke")
    if sign_in.user is None:
        raise NotFound
    _end(sign_in, now)
    trail.record("people.session.revoke", actor, sign_in.user, {"sign_in": sign_in.pk}, note)


@transaction.atomic
def revoke_sessions(actor: Actor, user: User, note: str = "", *, now: datetime | None = None) -> int:
    """A security administrator ends all sessions of somebody."""
    access.require(actor, "people.session.revoke", user)
    ended = end_sessions(user, now=now)
    trail.record("people.session.revoke", actor, user, {"sessions": ended}, note)
    return ended


@transaction.atomic
def end_own_session(actor: User, sign_in: SignIn, why: str = "", *, now: datetime | None = None) -> None:
    """Sign out, or end another of one's own sessions. `why`: "" by hand, "idle" or "limit" when time ended it."""
    if sign_in.user_id != actor.pk:
        raise NotFound
    _end(sign_in, now)
    trail.record("people.session.end", actor, sign_in, {"why": why} if why else {})


@transaction.atomic
def sign_out_elsewhere(actor: User, keep: str = "", *, now: datetime | None = None) -> int:
    """End all of one's own sessions but the one with the key `keep`."""
    ended = end_sessions(actor, keep=keep, now=now)
    trail.record("people.session.end", actor, actor, {"sessions": ended})
    return ended
