"""How a road check moves: sampled on the road, signed by the second person, weighed, and what comes of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.cleanliness import actions
from chengheng.cleanliness.models import Check
from chengheng.common import flow
from chengheng.common.flow import Flow, Step, StepField

NOTE = StepField("note", _("reason"), "textarea")

CHECK = flow.register(
    Flow(
        "cleanliness.check",
        label=_("Road check"),
        start="sampled",
        states={
            "sampled": _("Sampled"),
            "signed": _("Signed, being weighed"),
            "result": pgettext_lazy("road check", "Result"),
            "incomplete": _("Incomplete"),
            "excluded": _("Road not fit to be checked"),
            "appealed": _("Under appeal"),
            "replaced": _("To be checked again"),
            "voided": _("Voided"),
        },
        final={"result", "incomplete", "excluded", "replaced", "voided"},
        steps=[
            Step("sign", _("Sign as the second person"), "sampled", "signed", "cleanliness.check.sign",
                 by=actions.sign_check, primary=True),
            Step("exclude", _("Leave out"), "sampled", "excluded", "cleanliness.check.conclude", machine=True),
            Step("conclude", _("Work out the result"), "signed", "result", "cleanliness.check.conclude", machine=True),
            Step("find_incomplete", _("Find incomplete"), "signed", "incomplete", "cleanliness.check.conclude",
                 machine=True),
            Step("appeal", _("Appeal"), "result", "appealed", "cleanliness.check.appeal", needs=("note",),
                 by=actions.appeal, fields=(NOTE, StepField("evidence", _("Evidence"), "files", required=False))),
            Step("reject", _("Reject the appeal"), "appealed", "result", "cleanliness.check.decide", needs=("note",),
                 by=actions.reject_appeal, danger=True),
            Step("recheck", _("Check the road again"), ("appealed", "incomplete"), "replaced",
                 "cleanliness.check.decide", needs=("note",), by=actions.order_recheck, primary=True,
                 fields=(StepField("day", _("day"), "date"), NOTE)),
            Step("void", _("Void"), ("sampled", "signed", "result", "incomplete"), "voided", "cleanliness.check.void",
                 needs=("note",), by=actions.void_check, danger=True),
        ],
    ),
    Check,
)  # fmt: skip
