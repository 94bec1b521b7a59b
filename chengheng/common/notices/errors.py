"""What can go wrong with notices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class UnsafeAddress(Invalid):
    """An address that the product must not call from inside the house (`why`)."""

    code = "unsafe_address"
    message = _("This address cannot be called: %(why)s")


class NotDead(Refusal):
    code = "delivery_not_dead"
    message = _("Only a delivery that was given up can be tried again.")
