"""API tokens: people make their own; a security administrator makes those of machine accounts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.errors import Invalid
from chengheng.common.people import access, queries, rules
from chengheng.common.people.access import Actor
from chengheng.common.people.actions.common import locked_user
from chengheng.common.people.actions.own import in_session
from chengheng.common.people.administrators import CHANGING_ACTS
from chengheng.common.people.errors import Inactive, TokenLifetime, TokenScope
from chengheng.common.people.models import ApiToken, User


@transaction.atomic
def create_token(
    actor: Actor,
    user: User,
    name: str,
    acts: Iterable[str] = (),
    *,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for oneself, or for a machine account; returns it with its text, which is shown once.

    `acts` narrows what it may do; empty means all that its user may do at the time of use, acts of administration
    always left out. Holders of privileged roles must name the acts. Raises TokenScope, TokenLifetime, NotByToken.
    """
    in_session(actor)
    if actor.pk != user.pk:
        access.require(actor, "people.token.create", user)
        if not user.is_machine:
            raise Invalid(field="user")
    row = locked_user(user)
    if not row.is_active:
        raise Inactive(name=row.display_name)
    if not name.strip():
        raise Invalid(field="name")
    wanted = sorted(set(acts))
    refused = [act for act in wanted if act in CHANGING_ACTS or not access.may(row, act)]
    if refused or (not wanted and access.is_privileged(row)):
        raise TokenScope(field="acts", acts=", ".join(refused) or "*")
    moment = now or timezone.now()
    days = queries.policy().token_days
    until = expires_at or moment + timedelta(days=days)
    if not moment < until <= moment + timedelta(days=days):
        raise TokenLifetime(field="expires_at", days=days)
    text = rules.new_token()
    token = ApiToken.objects.create(
        user=row,
        name=name.strip(),
        digest=rules.token_digest(text),
        acts=wanted,
        created_at=moment,
        expires_at=until,
    )
    trail.record(
        "people.token.create", actor, row, {"token": token.pk, "name": token.name, "acts": wanted, "until": until}
    )
    return token, text


@transaction.atomic
def revoke_token(actor: Actor, token: ApiToken, note: str = "", *, now: datetime | None = None) -> None:
    """End one's own token, or (security administrator) anybody's. It stops working with the next request."""
    if actor.pk != token.user_id:
        access.require(actor, "people.token.revoke", token)
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now or timezone.now()):
        trail.record("people.token.revoke", actor, token.user, {"token": token.pk, "name": token.name}, note)
