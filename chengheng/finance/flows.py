"""How an audit doubt (疑点) moves: candidate → issued → explained → confirmed or cleared → rectified → verified → closed.

The audited unit takes two steps only: explain and rectify. Who issued does not decide, who decided does not close.
"""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import flow
from chengheng.common.flow import Clock, Flow, Step, StepField
from chengheng.finance import actions
from chengheng.finance.models import Doubt

_ALERTS = (Decimal("0.8"), Decimal(1), Decimal("1.5"))
_TOLD = ((), ("finance.doubt.issue",), ("finance.doubt.decide",))
NOTE = StepField("note", _("note"), "textarea")
EVIDENCE = StepField("evidence", _("Evidence"), "files", required=False)

DOUBT = flow.register(
    Flow(
        "finance.doubt",
        label=_("Audit doubt"),
        start="candidate",
        states={
            "candidate": _("Candidate"),
            "issued": pgettext_lazy("state", "Issued"),
            "explained": _("Explained"),
            "rectifying": _("Confirmed, being rectified"),
            "submitted": _("Rectification reported"),
            "verified": _("Rectification verified"),
            "cleared": _("Cleared"),
            "closed": _("Struck off"),
            "dismissed": _("Dismissed"),
        },
        final={"closed", "dismissed"},
        clocks=[
            Clock("explain", _("Explanation"), _ALERTS, _TOLD),
            Clock("decide", _("Decision"), _ALERTS, _TOLD),
            Clock("rectify", _("Rectification"), _ALERTS, _TOLD),
        ],
        steps=[
            Step("issue", _("Issue to the unit"), "candidate", "issued", "finance.doubt.issue", start="explain",
                 by=actions.issue_doubt, primary=True),
            Step("dismiss", _("Dismiss"), "candidate", "dismissed", "finance.doubt.dismiss", needs=("note",),
                 danger=True),
            Step("explain", _("Explain"), "issued", "explained", "finance.doubt.explain", stop="explain",
                 start="decide", needs=("note",), by=actions.explain_doubt, fields=(NOTE, EVIDENCE), primary=True),
            Step("ask_again", _("Ask again"), "explained", "issued", "finance.doubt.decide", stop="decide",
                 start="explain", needs=("note",), by=actions.ask_again),
            Step("confirm", _("Confirm the doubt"), "explained", "rectifying", "finance.doubt.decide", stop="decide",
                 start="rectify", needs=("note",), by=actions.confirm_doubt, primary=True),
            Step("clear", _("Clear the doubt"), "explained", "cleared", "finance.doubt.decide", stop="decide",
                 needs=("note",), by=actions.clear_doubt),
            Step("rectify", _("Report the rectification"), "rectifying", "submitted", "finance.doubt.rectify",
                 pause="rectify", needs=("note",), by=actions.rectify_doubt, fields=(NOTE, EVIDENCE), primary=True),
            Step("return", _("Send back"), "submitted", "rectifying", "finance.doubt.verify", resume="rectify",
                 needs=("note",), by=actions.return_doubt, danger=True),
            Step("verify", _("Verify the rectification"), "submitted", "verified", "finance.doubt.verify",
                 stop="rectify", by=actions.verify_doubt, primary=True),
            Step("close", _("Close the doubt"), ("verified", "cleared"), "closed", "finance.doubt.close",
                 by=actions.close_doubt, primary=True),
            Step("reopen", _("Reopen the doubt"), "closed", "explained", "finance.doubt.reopen", start="decide",
                 needs=("note",), by=actions.reopen_doubt),
        ],
    ),
    Doubt,
)  # fmt: skip
