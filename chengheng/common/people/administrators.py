"""The three separated administrators of GB/T 22239-2019 8.1.5, and the words for every act of this room.

- the system administrator (8.1.5.1) keeps organisations and accounts: no rights, no audit;
- the security administrator (8.1.5.3) keeps duties, policies, locks, sessions, tokens: no accounts, no audit;
- the auditor (8.1.5.2) reads the trail and the sign-ins, exports them, and changes nothing.
So that no one of them can take over an account alone, the password is reset by the first and the second factor by the
second. None holds another's role (catalogue, action and a database trigger); the auditor holds no other role at all.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import rules
from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

LABELS = {
    "people.organisation.view": _("See organisations"),
    "people.organisation.create": _("Add an organisation"),
    "people.organisation.change": _("Change an organisation"),
    "people.organisation.move": _("Move an organisation in the tree"),
    "people.organisation.close": _("Close an organisation"),
    "people.organisation.reopen": _("Reopen an organisation"),
    "people.user.view": _("See users"),
    "people.user.create": _("Add a user"),
    "people.user.change": _("Change a user"),
    "people.user.disable": _("Disable a user"),
    "people.user.enable": _("Enable a user"),
    "people.user.reset_password": _("Reset a user's password"),
    "people.user.unlock": _("Lift the lock of a user"),
    "people.second_factor.reset": _("Reset a user's second factor"),
    "people.duty.view": _("See duties"),
    "people.duty.grant": _("Grant a duty"),
    "people.duty.confirm": _("Confirm the grant of a privileged role"),
    "people.duty.end": _("End a duty"),
    "people.policy.view": _("See the access policy"),
    "people.policy.change": _("Change the access policy"),
    "people.session.view": _("See sessions of others"),
    "people.session.revoke": _("End sessions of others"),
    "people.token.view": _("See API tokens of others"),
    "people.token.create": _("Make an API token for a machine account"),
    "people.token.revoke": _("Revoke API tokens of others"),
    "people.permission.view": _("See the permission matrix"),
    "people.sign_in.view": _("See sign-ins"),
    "people.sign_in.export": _("Export sign-ins"),
    "trail.entry.view": _("Read the trail"),
    "trail.entry.export": _("Export the trail"),
    "trail.entry.verify": _("Verify the trail"),
}

# What people do to their own account, and what is recorded of sign-ins: no permission stands behind these.
OWN_LABELS = {
    "people.duty.ask": _("Ask for the grant of a privileged role"),
    "people.duty.decline": _("Decline the grant of a privileged role"),
    "people.user.change_password": _("Change one's password"),
    "people.user.change_profile": _("Change one's profile"),
    "people.second_factor.enrol": _("Set up one's second factor"),
    "people.second_factor.remove": _("Remove one's second factor"),
    "people.second_factor.renew_codes": _("Renew one's recovery codes"),
    "people.second_factor.recover": _("Use a recovery code"),
    "people.session.end": _("End one's session"),
    "people.sign_in.done": _("Signed in"),
    "people.sign_in.refused": _("Sign-in refused"),
    "people.sign_in.code": _("Wrong code at sign-in"),
    "people.sign_in.locked": _("Sign-in refused: locked"),
}

_READS = (
    "people.organisation.view", "people.user.view", "people.duty.view", "people.policy.view", "people.permission.view",
)  # fmt: skip

GRANTS = {
    rules.SYSTEM_ADMINISTRATOR: (
        "people.organisation.view", "people.organisation.create", "people.organisation.change",
        "people.organisation.move", "people.organisation.close", "people.organisation.reopen",
        "people.user.view", "people.user.create", "people.user.change", "people.user.disable", "people.user.enable",
        "people.user.reset_password",
    ),
    rules.SECURITY_ADMINISTRATOR: (
        *_READS,
        "people.user.unlock", "people.second_factor.reset", "people.duty.grant", "people.duty.confirm",
        "people.duty.end", "people.policy.change", "people.session.view", "people.session.revoke", "people.token.view",
        "people.token.create", "people.token.revoke",
    ),
    rules.AUDITOR: (
        *_READS,
        "people.session.view", "people.token.view", "people.sign_in.view", "people.sign_in.export",
        "trail.entry.view", "trail.entry.export", "trail.entry.verify",
    ),
}  # fmt: skip

CHANGING_ACTS = frozenset(act for granted in GRANTS.values() for act in granted if not act.endswith(".view"))
"""What never goes by API token: what an administrator changes or carries out of the house."""

_TITLES = {
    rules.SYSTEM_ADMINISTRATOR: _("System administrator"),
    rules.SECURITY_ADMINISTRATOR: _("Security administrator"),
    rules.AUDITOR: _("Auditor of the system"),
}

for _act, _label in (LABELS | OWN_LABELS).items():
    acts.declare(_act, _label)

for _code, _granted in GRANTS.items():
    declare(
        Role(
            code=_code,
            label=_TITLES[_code],
            grants=dict.fromkeys(_granted, Reach.ALL),
            group="people",
            privileged=True,
            separated_from=frozenset({"*"}) if _code == rules.AUDITOR else rules.ADMINISTRATORS - {_code},
        )
    )
