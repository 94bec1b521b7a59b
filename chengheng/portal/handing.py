"""Where one system's matter becomes another's work: the only place that knows both."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from chengheng.command import actions as command
from chengheng.common.links.handing import Matter, Work, offer
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.patrol import actions as patrol
from chengheng.patrol.models import Source


def _case(_actor: Any, matter: Matter) -> Model:
    """A case of city management. It comes in as every report does: a receiver accepts or refuses it, so who hands the
    matter over needs no permission of that system; the link says who did."""
    return patrol.report_case(
        SYSTEM,
        source=Source.OPINION,
        kind="event",
        code=str(matter.more.get("class_code") or matter.class_code),
        description=Truncator(f"{matter.title}\n{matter.text}".strip()).chars(1000),
        address=matter.address,
        area_code=matter.area_code,
        observed_at=matter.happened_at,
        urgent=matter.urgent,
        outside_number=matter.reference[:60],
    )


def _order(actor: Any, matter: Matter) -> Model:
    """A command order to one organisation to which the actor may give orders."""
    organisation = matter.more.get("organisation")
    return command.give_order(
        actor,
        title=matter.title[:100],
        body=Truncator(f"{matter.text}\n{matter.reference}".strip()).chars(3900),
        organisations=[organisation] if organisation else [],
        priority="urgent" if matter.urgent else "routine",
        address=matter.address,
    )


def _may_order(actor: Any) -> bool:
    return access.may(actor, "command.order.give")


def wire() -> None:
    """Offer the kinds of work of this installation."""
    offer(Work("case", _("City case"), _case))
    offer(Work("order", _("Command order"), _order, _may_order))
