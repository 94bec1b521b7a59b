"""Signing in: name and password, then the second factor.

Rules of this file:
- An attempt is written down as failed before the password is looked at and corrected afterwards: attempts sent at the
  same moment count each other, and a process killed in between has failed, not vanished.
- Unknown names, machine accounts and disabled accounts cost one password hash like all others and hear the same words;
  locks count by the name that was typed, so they come for unknown names, too.
- The counts are in PostgreSQL, so they are exact over all processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Refusal
from chengheng.common.people import queries, rules
from chengheng.common.people.errors import (
    LockedOut,
    SecondFactorUnreadable,
    SignInRefused,
    SignInStale,
    TooMany,
    WrongCode,
)
from chengheng.common.people.models import SignIn, User
from chengheng.common.people.seal import unseal

CODE_WITHIN = timedelta(minutes=10)  # between password and code; local rule


@dataclass(frozen=True)
class Knock:
    """Where an attempt comes from."""

    address: str = ""
    agent: str = ""

    @property
    def origin(self) -> str:
        return rules.origin(self.address)


@dataclass(frozen=True)
class _Somebody:
    """The actor of an attempt that did not prove who it is."""

    username: str
    pk = None

    def __str__(self) -> str:
        return f"? {self.username}"


def _locked_out(until: datetime) -> LockedOut:
    return LockedOut(time=f"{timezone.localtime(until):%H:%M:%S}")


def _row(user: User | None, username: str, knock: Knock, outcome: str, now: datetime) -> SignIn:
    return SignIn.objects.create(
        user=user,
        username=username,
        at=now,
        address=knock.address or None,
        origin=knock.origin,
        agent=knock.agent[:200],
        outcome=outcome,
    )


def _hold(*names: str) -> None:
    """Let attempts by the same name or from the same origin come one after another until the transaction ends."""
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"people:sign-in:{name}"])


def _lock_ends(username: str, user: User | None, origin: str, policy: rules.Policy, now: datetime) -> datetime | None:
    until = queries.locked_until(username, user.unlocked_at if user else None, policy, now)
    if until is None and origin:
        since = now - rules.counting_time(policy)
        failed = queries.failures(origin=origin, since=since, limit=policy.address_lock_after)
        until = rules.locked_until(failed, policy.address_lock_after, policy, now)
    return until


def _too_many(origin: str, policy: rules.Policy, now: datetime) -> TooMany | None:
    """From one origin, more attempts in the last minute than the policy lets through; those refused here leave no row."""
    if not origin:
        return None
    minute = SignIn.objects.filter(origin=origin, at__gt=now - timedelta(minutes=1))
    times = list(minute.order_by("-at").values_list("at", flat=True)[: policy.sign_ins_per_minute])
    if len(times) < policy.sign_ins_per_minute:
        return None
    return TooMany((times[-1] + timedelta(minutes=1) - now).total_seconds())


@transaction.atomic
def _reserve(username: str, knock: Knock, now: datetime) -> tuple[SignIn | None, User | None, Refusal | None]:
    """Write the attempt down, or say why it is not let through."""
    _hold(f"name:{username}", f"origin:{knock.origin}")
    policy = queries.policy()
    flood = _too_many(knock.origin, policy, now)
    if flood is not None:
        return None, None, flood
    user = User.objects.filter(username__iexact=username).first()
    until = _lock_ends(username, user, knock.origin, policy, now)
    if until is not None:
        row = _row(user, username, knock, SignIn.Outcome.LOCKED, now)
        trail.record("people.sign_in.locked", _Somebody(username), row, {"username": username}, new=True)
        return None, None, _locked_out(until)
    return _row(user, username, knock, SignIn.Outcome.REFUSED, now), user, None


def _password_right(user: User | None, password: str) -> bool:
    """One password hash is computed, whoever the user is."""
    if len(password) > rules.PASSWORD_MAX_LENGTH:
        password = ""
    if user is None or not user.may_sign_in or not user.has_password:
        make_password(password)
        return False
    return user.check_password(password)


def check_password(username: str, password: str, knock: Knock, *, now: datetime | None = None) -> SignIn:
    """The attempt whose name and password are right; it is not signed in yet (see `conclude`).

    Raises SignInRefused, LockedOut, TooMany.
    """
    moment = now or timezone.now()
    name = username.strip().lower()[:60]
    row, user, refusal = _reserve(name, knock, moment)
    if row is None:
        assert refusal is not None
        raise refusal
    right = _password_right(user, password)
    with transaction.atomic():
        if not right:
            trail.record("people.sign_in.refused", _Somebody(name), row, {"username": name}, new=True)
        else:
            row.outcome = SignIn.Outcome.HALF
            row.save(update_fields=["outcome"])
    if not right:
        raise SignInRefused
    return row


def check_code(sign_in: SignIn, code: str, knock: Knock, *, now: datetime | None = None) -> User:
    """Check the second factor of an attempt: a code of the device, or one of the recovery codes.

    Returns the user. A wrong code counts as a failure of the user name. Raises WrongCode, LockedOut, SignInStale.
    """
    moment = now or timezone.now()
    refusal = _check_code(sign_in, code, knock, moment)
    if refusal is not None:
        raise refusal
    assert sign_in.user is not None
    return sign_in.user


@transaction.atomic
def _check_code(sign_in: SignIn, code: str, knock: Knock, now: datetime) -> Refusal | None:
    _hold(f"name:{sign_in.username}")
    user = sign_in.user
    stale = sign_in.outcome != SignIn.Outcome.HALF or now - sign_in.at > CODE_WITHIN
    if user is None or not user.may_sign_in or stale:
        return SignInStale()
    until = queries.locked_until(sign_in.username, user.unlocked_at, queries.policy(), now)
    if until is not None:
        row = _row(user, sign_in.username, knock, SignIn.Outcome.LOCKED, now)
        trail.record("people.sign_in.locked", _Somebody(sign_in.username), row, {"username": row.username}, new=True)
        return _locked_out(until)
    if spend_code(user, code, now) or _spend_recovery_code(user, code, now):
        return None
    row = _row(user, sign_in.username, knock, SignIn.Outcome.CODE, now)
    trail.record("people.sign_in.code", _Somebody(sign_in.username), row, {"username": row.username}, new=True)
    return WrongCode()


def spend_code(user: User, code: str, now: datetime) -> bool:
    """Whether `code` is the device's now; it works once, also when two requests bring it at the same moment."""
    if not user.totp_secret:
        return False
    secret = unseal(user.totp_secret)
    if secret is None:
        raise SecondFactorUnreadable
    step = rules.totp_match(secret, code, now, user.totp_last_step)
    if step is None:
        return False
    later = Q(totp_last_step__isnull=True) | Q(totp_last_step__lt=step)
    return User.objects.filter(later, pk=user.pk).update(totp_last_step=step) == 1


def _spend_recovery_code(user: User, code: str, now: datetime) -> bool:
    unused = user.recovery_codes.filter(digest=rules.recovery_digest(code), used_at__isnull=True)
    if unused.update(used_at=now) != 1:
        return False
    left = user.recovery_codes.filter(used_at__isnull=True).count()
    trail.record("people.second_factor.recover", user, user, {"left": left})
    return True


@transaction.atomic
def conclude(sign_in: SignIn, session_key: str, *, second_factor: bool, now: datetime | None = None) -> SignIn:
    """The attempt has proved all that it must and opened the session `session_key`. Raises SignInStale."""
    moment = now or timezone.now()
    done = SignIn.objects.filter(pk=sign_in.pk, outcome=SignIn.Outcome.HALF).update(
        outcome=SignIn.Outcome.DONE, at=moment, seen_at=moment, session_key=session_key
    )
    if not done:
        raise SignInStale
    sign_in.refresh_from_db()
    trail.record(
        "people.sign_in.done", sign_in.user, sign_in, {"username": sign_in.username, "second_factor": second_factor}
    )
    return sign_in


@transaction.atomic
def knock_of_demo(user: User, knock: Knock, *, now: datetime | None = None) -> SignIn:
    """A demonstration user chosen on the sign-in page of a demonstration: no password. Raises SignInRefused."""
    from django.conf import settings

    if not (settings.DEMO and user.is_demo and user.may_sign_in):
        raise SignInRefused
    return _row(user, user.username.lower(), knock, SignIn.Outcome.HALF, now or timezone.now())
