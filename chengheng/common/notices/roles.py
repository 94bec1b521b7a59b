"""The role that this room needs, and the words for its acts. Reading one's own notices needs no permission."""

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.trail import acts

ENDPOINT_VIEW = acts.declare("notices.endpoint.view", _("See the channels of notices"))
ENDPOINT_SET = acts.declare("notices.endpoint.set", _("Set up a channel of notices"))
ENDPOINT_TEST = acts.declare("notices.endpoint.test", _("Test a channel of notices"))
DELIVERY_RETRY = acts.declare("notices.delivery.retry", _("Try a delivery again"))
acts.declare("notices.call", _("Called by telephone"))

roles.declare(
    Role(
        "notices.keeper",
        _("Keeper of channels"),
        dict.fromkeys((ENDPOINT_VIEW, ENDPOINT_SET, ENDPOINT_TEST, DELIVERY_RETRY), Reach.ALL),
        group="notices",
        privileged=True,
    )
)
