"""How a change set moves: draft, checked, approved, published."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import flow
from chengheng.common.flow import Flow, Step
from chengheng.maintenance.basedata import actions
from chengheng.maintenance.basedata.models import ChangeSet

CHANGE_SET = flow.register(
    Flow(
        "maintenance.change_set",
        label=_("Change set of base data"),
        start="draft",
        states={
            "draft": _("Draft"),
            "checked": pgettext_lazy("change set", "Checked"),
            "approved": pgettext_lazy("change set", "Approved"),
            "published": pgettext_lazy("change set", "Published"),
            "discarded": pgettext_lazy("change set", "Discarded"),
        },
        final={"published", "discarded"},
        steps=[
            Step("check", pgettext_lazy("change set", "Check"), "draft", "checked", "maintenance.base.check", machine=True),
            Step("approve", pgettext_lazy("change set", "Approve"), "checked", "approved", "maintenance.base.approve",
                 by=actions.approve, primary=True),
            Step("publish", pgettext_lazy("change set", "Publish"), "approved", "published", "maintenance.base.publish",
                 by=actions.publish, primary=True),
            Step("return", pgettext_lazy("change set", "Return to draft"), ("checked", "approved"), "draft",
                 "maintenance.base.approve", needs=("note",)),
            Step("reopen", pgettext_lazy("change set", "Change it again"), "checked", "draft", "maintenance.base.change"),
            Step("discard", pgettext_lazy("change set", "Discard"), ("draft", "checked"), "discarded",
                 "maintenance.base.change", needs=("note",), danger=True),
        ],
    ),
    ChangeSet,
)  # fmt: skip
