"""What can go wrong around a repair."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid, Refusal


class StockShort(Invalid):
    code = "stock_short"
    message = _("Only %(left)s of “%(name)s” are in stock.")


class NothingToRate(Refusal):
    code = "nothing_to_rate"
    message = _("It is not repaired yet: there is nothing to rate.")
