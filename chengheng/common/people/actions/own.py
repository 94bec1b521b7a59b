"""What a person does to their own account. Not by API token: a token must not be able to outlive its own revocation."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import check_password as hash_matches
from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people import limits, queries, rules
from chengheng.common.people.actions import signing
from chengheng.common.people.actions.common import changed, check_new_password, locked_user
from chengheng.common.people.actions.sessions import end_sessions
from chengheng.common.people.actions.signing import Knock
from chengheng.common.people.errors import (
    NotByToken,
    PasswordUsedBefore,
    SecondFactorCompulsory,
    SignInRefused,
    TooMany,
    WrongCode,
    WrongOldPassword,
)
from chengheng.common.people.models import PastPassword, RecoveryCode, SignIn, User
from chengheng.common.people.seal import seal

PROFILE = ("phone", "email", "language", "theme")
PROOFS_PER_MINUTE = 10  # local rule


def in_session(actor: User) -> None:
    """Raise NotByToken when the request came with an API token."""
    if getattr(actor, "token_acts", None) is not None:
        raise NotByToken


def change_password(
    actor: User, old: str, new: str, *, keep_session: str = "", knock: Knock | None = None, now: datetime | None = None
) -> User:
    """Change one's own password; all sessions but `keep_session` end.

    A wrong present password counts as a failed sign-in (an open session must not be a way to guess it). Raises
    WrongOldPassword, LockedOut, WeakPassword, PasswordUsedBefore.
    """
    in_session(actor)
    moment = now or timezone.now()
    try:
        proof = signing.check_password(actor.username, old, knock or Knock(), now=moment)
    except SignInRefused:
        raise WrongOldPassword(field="old") from None
    SignIn.objects.filter(pk=proof.pk).delete()  # it opened no session: it is not a sign-in
    return _set_password(actor, new, keep_session, moment)


@transaction.atomic
def _set_password(actor: User, new: str, keep_session: str, now: datetime) -> User:
    row = locked_user(actor)
    policy = queries.policy()
    check_new_password(new, policy, row)
    earlier = row.past_passwords.values_list("password", flat=True)[: policy.password_history]
    if any(hash_matches(new, known) for known in [row.password, *earlier]):
        raise PasswordUsedBefore(field="password")
    PastPassword.objects.create(user=row, password=row.password, until=now)
    kept = row.past_passwords.values("pk")[: rules.BOUNDS["password_history"][1]]
    row.past_passwords.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
    row.set_password(new)
    row.password_changed_at, row.must_change_password = now, False
    row.save(update_fields=["password", "password_changed_at", "must_change_password"])
    ended = end_sessions(row, keep=keep_session, now=now)
    trail.record("people.user.change_password", actor, row, {"sessions": ended})
    return row


@transaction.atomic
def change_profile(actor: User, **values: str) -> User:
    """Change one's own telephone, e-mail, language or appearance."""
    in_session(actor)
    row = locked_user(actor)
    change = changed(row, {name: value for name, value in values.items() if name in PROFILE})
    if change:
        row.save(update_fields=list(change))
        trail.record("people.user.change_profile", actor, row, change)
    return row


def _new_recovery_codes(user: User) -> list[str]:
    codes = [rules.new_recovery_code() for _number in range(rules.RECOVERY_CODES)]
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=rules.recovery_digest(code)) for code in codes)
    return codes


def _prove(user: User, code: str, now: datetime | None) -> None:
    """A code of the device in use now; guesses are limited. Raises WrongCode, TooMany."""
    wait = limits.codes.take(f"user:{user.pk}", PROOFS_PER_MINUTE)
    if wait:
        raise TooMany(wait)
    if not signing.spend_code(user, code, now or timezone.now()):
        raise WrongCode(field="code")


@transaction.atomic
def enrol_second_factor(
    actor: User, secret: str, code: str, *, old_code: str = "", now: datetime | None = None
) -> list[str]:
    """Take a new device into use, proved by a code of it; returns the recovery codes, shown once.

    Who has a device already proves that one, too: a password alone never replaces a second factor. Raises WrongCode.
    """
    in_session(actor)
    row = locked_user(actor)
    if row.has_second_factor:
        _prove(row, old_code, now)
    step = rules.totp_match(secret, code, now or timezone.now())
    if step is None:
        raise WrongCode(field="code")
    row.totp_secret, row.totp_last_step = seal(secret), step
    row.save(update_fields=["totp_secret", "totp_last_step"])
    codes = _new_recovery_codes(row)
    trail.record("people.second_factor.enrol", actor, row, {})
    return codes


@transaction.atomic
def renew_recovery_codes(actor: User, code: str, *, now: datetime | None = None) -> list[str]:
    """New recovery codes, shown once; the old ones stop working. Proved by a code of the device. Raises WrongCode."""
    in_session(actor)
    row = locked_user(actor)
    _prove(row, code, now)
    codes = _new_recovery_codes(row)
    trail.record("people.second_factor.renew_codes", actor, row, {})
    return codes


@transaction.atomic
def remove_second_factor(actor: User, code: str, *, now: datetime | None = None) -> User:
    """Do without a second factor, where the role does not ask for one. Raises SecondFactorCompulsory, WrongCode."""
    in_session(actor)
    row = locked_user(actor)
    if queries.second_factor_compulsory(row):
        raise SecondFactorCompulsory
    _prove(row, code, now)
    row.totp_secret, row.totp_last_step = "", None
    row.save(update_fields=["totp_secret", "totp_last_step"])
    row.recovery_codes.all().delete()
    trail.record("people.second_factor.remove", actor, row, {})
    return row
