"""What can go wrong when a subject moves."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class WrongState(Refusal):
    """The step does not leave from the state that the subject is in (any more)."""

    code = "wrong_state"
    message = _("“%(step)s” is not possible while the state is “%(state)s”.")


class Missing(Invalid):
    """A step was taken without something that it needs."""

    code = "missing"
    message = _("“%(field_label)s” is needed for this step.")


class NoSuchClock(Refusal):
    code = "no_such_clock"
    message = _("No such time limit is running here.")


class NoLimit(Refusal):
    """A programming error made visible: a step starts a clock and nobody said how long it may run."""

    code = "no_limit"
    message = _("No time limit is set for “%(clock)s”.")
