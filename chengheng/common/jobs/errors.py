"""What can be refused about long work."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Refusal


class UnknownTask(Refusal):
    code = "jobs_unknown_task"
    status = 500
    message = _("There is no work of the name “%(task)s”.")


class AlreadyEnded(Refusal):
    code = "jobs_already_ended"
    message = _("This work has ended already.")
