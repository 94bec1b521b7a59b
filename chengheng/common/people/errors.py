"""What can go wrong with people, sign-in and permissions."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, NotPermitted, Refusal


class Unauthenticated(Refusal):
    code = "unauthenticated"
    status = 401
    message = _("Sign in first, or send a valid token.")


class TooMany(Refusal):
    """Asked too often; `retry_after` in seconds goes into the header of the same name."""

    code = "too_many"
    status = 429
    message = _("Too many requests. Try again in %(seconds)s seconds.")

    def __init__(self, seconds: float, **params: Any) -> None:
        self.retry_after = max(1, int(-(-seconds // 1)))
        super().__init__(seconds=self.retry_after, **params)


class SignInRefused(Refusal):
    """The same words whether the name, the password or the account is wrong."""

    code = "sign_in_refused"
    status = 401
    message = _("User name or password is wrong, or this account may not sign in.")


class LockedOut(Refusal):
    code = "locked_out"
    status = 429
    message = _("Too many failed attempts. Try again after %(time)s.")


class WrongCode(Refusal):
    code = "wrong_code"
    status = 401
    message = _("This code is wrong, was used before, or is too old.")


class SignInStale(Refusal):
    code = "sign_in_stale"
    status = 401
    message = _("The sign-in took too long. Begin again.")


class SecondFactorCompulsory(Refusal):
    code = "second_factor_compulsory"
    message = _("Your role asks for a second factor: it cannot be removed.")


class SecondFactorUnreadable(Refusal):
    code = "second_factor_unreadable"
    message = _("The second factor cannot be read on this machine. Ask a security administrator to reset it.")


class WeakPassword(Invalid):
    code = "weak_password"
    message = _("This password cannot be used: %(faults)s")


class PasswordUsedBefore(Invalid):
    code = "password_used_before"
    message = _("You had this password before. Choose another one.")


class WrongOldPassword(Invalid):
    code = "wrong_old_password"
    message = _("The present password is wrong.")


class PasswordChangeOwed(NotPermitted):
    code = "password_change_owed"
    message = _("Change your password first.")


class SecondFactorOwed(NotPermitted):
    code = "second_factor_owed"
    message = _("Your role asks for a second factor. Set it up first.")


class NotToOneself(NotPermitted):
    code = "not_to_oneself"
    message = _("Nobody may do this to their own account. Ask another administrator.")


class NotByToken(NotPermitted):
    code = "not_by_token"
    message = _("This can be done in a session only, not with an API token.")


class RolesSeparated(Refusal):
    code = "roles_separated"
    message = _("“%(role)s” and “%(other)s” may not be held by the same person.")


class LastAdministrator(Refusal):
    code = "last_administrator"
    message = _("This is the last “%(role)s”. Appoint another one first.")


class UnknownRole(Invalid):
    code = "unknown_role"
    message = _("There is no such role.")


class DutyHeld(Refusal):
    code = "duty_held"
    message = _("This duty is held already.")


class DutyEnded(Refusal):
    code = "duty_ended"
    message = _("This duty has ended already.")


class Inactive(Refusal):
    code = "inactive"
    message = _("“%(name)s” is not active.")


class Decided(Refusal):
    code = "decided"
    message = _("This was decided already.")


class AnotherDecides(NotPermitted):
    code = "another_decides"
    message = _("A second security administrator decides, neither the one who asked nor the one who receives.")


class NameTaken(Invalid):
    code = "name_taken"
    message = _("This user name is taken.")


class CodeTaken(Invalid):
    code = "code_taken"
    message = _("This code is taken.")


class TreeLoop(Invalid):
    code = "tree_loop"
    message = _("An organisation cannot stand below itself.")


class OrganisationInUse(Refusal):
    code = "organisation_in_use"
    message = _("It still has active users or organisations below it.")


class TokenScope(Invalid):
    code = "token_scope"
    message = _("A token may carry only acts that its user may do, and no acts of administration: %(acts)s")


class TokenLifetime(Invalid):
    code = "token_lifetime"
    message = _("A token ends in the future, at most %(days)s days from now.")


class PolicyOutOfBounds(Invalid):
    code = "policy_out_of_bounds"
    message = _("Must be between %(least)s and %(most)s.")


class PolicyTooEarly(Invalid):
    code = "policy_too_early"
    message = _("A policy comes into force today or later.")
