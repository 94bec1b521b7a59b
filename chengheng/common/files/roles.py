"""The role that this room needs, and the words for its acts."""

from django.utils.translation import gettext_lazy as _

from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.trail import acts

acts.declare("files.attachment.add", _("Attach a file"))
acts.declare("files.attachment.withdraw", _("Take a file back"))
RETENTION_VIEW = acts.declare("files.retention.view", _("See how long files are kept"))
RETENTION_SET = acts.declare("files.retention.set", _("Set how long files are kept"))

roles.declare(
    Role(
        "files.keeper",
        _("Keeper of records"),
        {RETENTION_VIEW: Reach.ALL, RETENTION_SET: Reach.ALL},
        group="files",
    )
)
