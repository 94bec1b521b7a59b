"""The role that this room needs, and the words for its acts."""

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.trail import acts

REFRESH = acts.declare("calendars.calendar.refresh", _("Take over announced holidays"))
SET_DAY = acts.declare("calendars.day.set", _("Set a day otherwise"))
WITHDRAW_DAY = acts.declare("calendars.day.withdraw", _("Withdraw a day that was set"))
SET_HOURS = acts.declare("calendars.hours.set", _("Set the working hours"))

roles.declare(
    Role(
        "calendars.keeper",
        _("Keeper of the calendar"),
        dict.fromkeys((REFRESH, SET_DAY, WITHDRAW_DAY, SET_HOURS), Reach.ALL),
        group="calendars",
    )
)
