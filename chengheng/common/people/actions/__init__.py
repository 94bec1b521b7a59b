"""What may be done to organisations, accounts, duties and policies, and what a person does to their own account.

One function per act: permission, lock, check, change, trail; one transaction each. (Signing in is several: an attempt
must stay recorded whatever comes of it.)
"""

from chengheng.common.people.actions.accounts import (
    change_user,
    create_user,
    disable_user,
    enable_user,
    reset_password,
    reset_second_factor,
    unlock_user,
)
from chengheng.common.people.actions.duties import decide_grant, end_duty, grant_duty
from chengheng.common.people.actions.organisations import (
    change_organisation,
    close_organisation,
    create_organisation,
    move_organisation,
    reopen_organisation,
)
from chengheng.common.people.actions.own import (
    change_password,
    change_profile,
    enrol_second_factor,
    remove_second_factor,
    renew_recovery_codes,
)
from chengheng.common.people.actions.policies import set_policy
from chengheng.common.people.actions.sessions import (
    end_own_session,
    end_sessions,
    revoke_session,
    revoke_sessions,
    sign_out_elsewhere,
)
from chengheng.common.people.actions.signing import Knock, check_code, check_password, conclude, knock_of_demo
from chengheng.common.people.actions.tokens import create_token, revoke_token

__all__ = [
    "Knock",
    "change_organisation",
    "change_password",
    "change_profile",
    "change_user",
    "check_code",
    "check_password",
    "close_organisation",
    "conclude",
    "create_organisation",
    "create_token",
    "create_user",
    "decide_grant",
    "disable_user",
    "enable_user",
    "end_duty",
    "end_own_session",
    "end_sessions",
    "enrol_second_factor",
    "grant_duty",
    "knock_of_demo",
    "move_organisation",
    "remove_second_factor",
    "renew_recovery_codes",
    "reopen_organisation",
    "reset_password",
    "reset_second_factor",
    "revoke_session",
    "revoke_sessions",
    "revoke_token",
    "set_policy",
    "sign_out_elsewhere",
    "unlock_user",
]
