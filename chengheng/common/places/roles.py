"""The role that this room needs."""

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.trail import acts

LAYER_VIEW = acts.declare("places.layer.view", _("See the layers of areas"))
LAYER_IMPORT = acts.declare("places.layer.import", _("Import a layer of areas"))
LAYER_PUBLISH = acts.declare("places.layer.publish", _("Put a layer of areas into force"))
LAYER_DISCARD = acts.declare("places.layer.discard", _("Discard a draft layer"))

roles.declare(
    Role(
        "places.keeper",
        _("Keeper of the map"),
        dict.fromkeys((LAYER_VIEW, LAYER_IMPORT, LAYER_PUBLISH, LAYER_DISCARD), Reach.ALL),
        group="places",
    )
)
