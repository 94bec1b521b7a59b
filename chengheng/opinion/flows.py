"""How alerts and claims move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import flow
from chengheng.common.flow import SAME, Clock, Flow, Step, StepField
from chengheng.common.links import handing
from chengheng.common.people import access
from chengheng.common.people.models import Organisation, User
from chengheng.opinion import actions
from chengheng.opinion.actions import claims
from chengheng.opinion.models import MATTERS, Alert, Claim, Evidence, Verdict
from chengheng.opinion.queries import told_of_alerts

_TWO = (Decimal("0.8"), Decimal(1))
NOTE = StepField("note", _("note"), "textarea")


def _people(_subject: Any, _actor: Any) -> Any:
    return User.objects.filter(pk__in=[user.pk for user in told_of_alerts()])


def _works(_subject: Any, actor: Any) -> Any:
    return [(work.code, str(work.label)) for work in handing.offered_to(actor)]


def _ordered(_subject: Any, actor: Any) -> Any:
    return access.visible(actor, "command.order.give", Organisation.objects.filter(active=True)).order_by("code")


def _matters(_subject: Any, _actor: Any) -> Any:
    return [(value, str(label)) for value, label in MATTERS if value != "notice"]


def _verdicts(_subject: Any, _actor: Any) -> Any:
    return [(verdict.value, str(verdict.label)) for verdict in Verdict]


def _kinds(_subject: Any, _actor: Any) -> Any:
    return [(kind.value, str(kind.label)) for kind in Evidence.Kind]


def _by(step: str) -> Any:
    def take(alert: Alert, actor: Any, **more: Any) -> Alert:
        return actions.take_alert_step(alert, step, actor, **more)

    return take


def _handed(step: str) -> Any:
    def take(alert: Alert, actor: Any, **more: Any) -> Alert:
        return actions.hand_over_alert(alert, step, actor, **more)

    return take


_HANDED = (
    StepField("work", _("kind of work"), "choice", choices=_works),
    StepField("class_code", _("class code of the case"), required=False,
              help=_("Empty: the class that the analyser found.")),
    StepField("organisation", _("who gets the order"), "organisation", required=False, choices=_ordered),
    StepField("address", _("address"), required=False, help=_("Empty: the district or street that the text names.")),
    StepField("note", _("note"), "textarea", required=False),
)  # fmt: skip

ALERT = flow.register(
    Flow(
        "opinion.alert",
        label=_("Opinion alert"),
        start="raised",
        states={
            "raised": pgettext_lazy("state", "Raised"),
            "acknowledged": _("Acknowledged"),
            "answering": _("Being answered"),
            "answered": _("Answer given"),
            "closed": _("Closed"),
            "dismissed": _("Dismissed"),
        },
        final={"closed", "dismissed"},
        clocks=[
            Clock("acknowledge", _("Acknowledgement"), _TWO, ((), ("opinion.alert.close",))),
            Clock("answer", _("Answer"), _TWO, ((), ("opinion.alert.close",))),
        ],
        steps=[
            Step("acknowledge", _("Acknowledge"), "raised", "acknowledged", "opinion.alert.acknowledge",
                 stop="acknowledge", primary=True),
            Step("escalate", _("Escalate"), ("raised", "acknowledged", "answering"), SAME, "opinion.alert.escalate",
                 needs=("note",), fields=(NOTE,), by=_by("escalate")),
            Step("assign", _("Have it answered"), ("raised", "acknowledged"), "answering", "opinion.alert.assign",
                 stop="acknowledge", start="answer", primary=True, by=_by("assign"),
                 fields=(StepField("matter", _("time limit"), "choice", choices=_matters),
                         StepField("holder", _("by whom"), "user", choices=_people),
                         StepField("note", _("note"), "textarea", required=False))),
            Step("hand_over", _("Make it work of another system"), ("raised", "acknowledged"), "answering",
                 "opinion.alert.assign", stop="acknowledge", start="answer", by=_handed("hand_over"), needs=("work",),
                 fields=_HANDED),
            Step("hand_over_too", _("Make it other work too"), "answering", SAME, "opinion.alert.assign",
                 by=_handed("hand_over_too"), needs=("work",), fields=_HANDED),
            Step("answer", _("Answer given"), "answering", "answered", "opinion.alert.answer", stop="answer",
                 needs=("note",), fields=(NOTE,), by=actions.answer_alert, primary=True),
            Step("close", _("Conclude"), ("acknowledged", "answered"), "closed", "opinion.alert.close",
                 fields=(StepField("note", _("note"), "textarea", required=False),), primary=True),
            Step("dismiss", _("Dismiss"), ("raised", "acknowledged"), "dismissed", "opinion.alert.dismiss",
                 stop="acknowledge", needs=("note",), fields=(NOTE,), danger=True),
        ],
    ),
    Alert,
)  # fmt: skip

CLAIM = flow.register(
    Flow(
        "opinion.claim",
        label=_("False story"),
        start="suspected",
        states={
            "suspected": _("Suspected"),
            "gathering": _("Evidence being gathered"),
            "judged_once": _("First verdict given"),
            "judged": _("Judged by two"),
            "drafted": _("Statement drafted"),
            "signed": _("Statement signed off"),
            "published": _("Statement published"),
            "archived": _("Archived"),
            "dismissed": _("Dismissed"),
        },
        final={"archived", "dismissed"},
        clocks=[Clock("answer", _("Authoritative answer"), _TWO, (("opinion.claim.publish",), ("opinion.claim.publish",)))],
        steps=[
            Step("take_up", _("Take up"), "suspected", "gathering", "opinion.claim.take_up", by=actions.take_up, primary=True),
            Step("evidence", _("Keep evidence"), ("gathering", "judged_once"), SAME, "opinion.claim.evidence",
                 by=actions.keep_evidence, needs=("kind", "title"), primary=True,
                 fields=(StepField("kind", _("kind"), "choice", choices=_kinds), StepField("title", _("title")),
                         StepField("url", _("address"), required=False),
                         StepField("note", _("what it shows"), "textarea", required=False),
                         StepField("files", _("Files"), "files", required=False))),
            Step("judge", _("First verdict"), "gathering", "judged_once", "opinion.claim.judge", by=actions.first_verdict,
                 guard=claims.has_evidence, needs=("verdict", "note"),
                 fields=(StepField("verdict", pgettext_lazy("claim", "verdict"), "choice", choices=_verdicts),
                         StepField("note", _("reasons"), "textarea"))),
            Step("confirm", _("Confirm the verdict"), "judged_once", "judged", "opinion.claim.confirm",
                 by=actions.confirm_verdict, guard=claims.is_second_person, needs=("verdict",), primary=True,
                 fields=(StepField("verdict", pgettext_lazy("claim", "verdict"), "choice", choices=_verdicts),
                         StepField("note", _("reasons"), "textarea", required=False))),
            Step("send_back", _("Send back for more evidence"), "judged_once", "gathering", "opinion.claim.send_back",
                 needs=("note",), fields=(NOTE,)),
            Step("draft", _("Draft the statement"), ("judged", "drafted"), "drafted", "opinion.claim.draft",
                 by=actions.draft_statement, needs=("statement",), primary=True,
                 fields=(StepField("statement", _("statement"), "textarea"),
                         StepField("match", _("keywords by which a re-run is known"), required=False,
                                   help=_("For example: 和平路 & 塌陷 & 死亡|伤亡")))),
            Step("sign", _("Sign the statement"), "drafted", "signed", "opinion.claim.sign", by=actions.sign_statement,
                 guard=claims.is_other_signer, fields=(StepField("note", _("note"), "textarea", required=False),),
                 primary=True),
            Step("publish", _("Publish and push"), "signed", "published", "opinion.claim.publish", stop="answer",
                 by=actions.publish_statement, primary=True,
                 fields=(StepField("url", _("published at (address)"), required=False),
                         StepField("note", _("note"), "textarea", required=False))),
            Step("follow", _("Note the effect"), "published", SAME, "opinion.claim.follow", needs=("note",), fields=(NOTE,)),
            Step("archive", _("Archive"), ("judged", "published"), "archived", "opinion.claim.archive", stop="answer",
                 fields=(StepField("note", _("note"), "textarea", required=False),)),
            Step("dismiss", _("Dismiss the suspicion"), ("suspected", "gathering"), "dismissed", "opinion.claim.dismiss",
                 stop="answer", needs=("note",), fields=(NOTE,), danger=True),
        ],
    ),
    Claim,
)  # fmt: skip
