"""How a case moves: the stages of digital city management, 信息收集 → 案卷建立 → 任务派遣 → 任务处理 → 处理反馈 → 核查结案.

核实 (verify, before filing) and 核查 (check, after handling) are different things and different steps.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import flow
from chengheng.common.flow import SAME, Clock, Flow, Step, StepField
from chengheng.common.people.models import Organisation
from chengheng.patrol import actions, publishing, queries
from chengheng.patrol.models import AllocationRun, Case, CaseTask

if TYPE_CHECKING:
    from django.db.models import QuerySet

_ALERTS = (Decimal("0.8"), Decimal(1), Decimal("1.5"))
_SUPERVISED = ((), ("patrol.case.urge",), ("patrol.case.urge",))
NOTE = StepField("note", pgettext_lazy("case", "note"), "textarea")
PHOTOS = StepField("photos", _("Photos"), "files", required=False)


def _departments(case: Case, _actor: Any) -> QuerySet[Organisation]:
    """Departments of the case's district and of the city, the suggested ones first."""
    return queries.departments_for(case)


def _standards(case: Case, _actor: Any) -> list[tuple[int, str]]:
    return [(row.pk, f"{row.condition} · {row.limit}") for row in queries.standards_for(case)]


def _verify_results(_case: Case, _actor: Any) -> list[tuple[str, str]]:
    return [(r.value, str(r.label)) for r in (CaseTask.Result.TRUE, CaseTask.Result.FALSE)]


def _check_results(_case: Case, _actor: Any) -> list[tuple[str, str]]:
    return [(r.value, str(r.label)) for r in (CaseTask.Result.PASSED, CaseTask.Result.FAILED)]


def _entries(case: Case, _actor: Any) -> list[tuple[int, str]]:
    """The classes of the case's edition, those of its own kind first."""
    found = queries.entries(case.edition).order_by("-kind" if case.kind == "event" else "kind", "code")
    return [(entry.pk, f"{entry} · {entry.class_name}") for entry in found]


def _alike(case: Case, actor: Any) -> list[tuple[int, str]]:
    found = queries.only_seen(actor, queries.like(case))
    return [(other.pk, f"{other} · {other.state_label} · {metres:.0f} m") for other, metres in found]


def _collectors(case: Case, _actor: Any) -> Any:
    return queries.collectors_for(case)


CASE = flow.register(
    Flow(
        "patrol.case",
        label=pgettext_lazy("case", "City case"),
        start="reported",
        states={
            "reported": pgettext_lazy("state", "Reported"),
            "accepted": pgettext_lazy("case", "Accepted"),
            "verifying": pgettext_lazy("case", "Being verified"),
            "verified": pgettext_lazy("case", "Verified"),
            "filed": pgettext_lazy("case", "Filed"),
            "handling": pgettext_lazy("case", "Being handled"),
            "suspended": pgettext_lazy("case", "Suspended"),
            "handled": pgettext_lazy("case", "Handled"),
            "checking": pgettext_lazy("case", "Being checked"),
            "checked": pgettext_lazy("case", "Checked"),
            "closed": pgettext_lazy("state", "Closed"),
            "appealed": pgettext_lazy("case", "Under appeal"),
            "refused": pgettext_lazy("case", "Not accepted"),
            "not_filed": pgettext_lazy("case", "Not filed"),
            "voided": pgettext_lazy("case", "Voided"),
        },
        final={"closed", "refused", "not_filed", "voided"},
        clocks=[
            Clock("accept", pgettext_lazy("case", "Reception"), _ALERTS, _SUPERVISED),
            Clock("verify", pgettext_lazy("case", "Verification"), _ALERTS, _SUPERVISED),
            Clock("file", pgettext_lazy("case", "Filing"), _ALERTS, _SUPERVISED),
            Clock("dispatch", pgettext_lazy("case", "Dispatch"), _ALERTS, _SUPERVISED),
            Clock("handle", pgettext_lazy("case", "Handling"), _ALERTS, _SUPERVISED),
            Clock("check", pgettext_lazy("case", "Check"), _ALERTS, _SUPERVISED),
            Clock("close", pgettext_lazy("case", "Closing"), _ALERTS, _SUPERVISED),
        ],
        steps=[
            Step("accept", pgettext_lazy("case", "Accept"), "reported", "accepted", "patrol.case.accept", stop="accept", start="file",
                 by=actions.accept_case, primary=True),
            Step("refuse", pgettext_lazy("case", "Refuse"), "reported", "refused", "patrol.case.refuse", needs=("note",),
                 by=actions.refuse_case, danger=True),
            Step("ask_verify", pgettext_lazy("case", "Have it verified"), "accepted", "verifying", "patrol.case.ask_verify", pause="file",
                 start="verify", by=actions.ask_to_verify,
                 fields=(StepField("collector", pgettext_lazy("case", "Collector"), "user", choices=_collectors),)),
            Step("verify", pgettext_lazy("case", "Report the verification"), "verifying", "verified", "patrol.case.verify", stop="verify",
                 resume="file", by=actions.verify_case, primary=True,
                 fields=(StepField("result", pgettext_lazy("case", "Result"), "choice", choices=_verify_results), PHOTOS)),
            Step("file", pgettext_lazy("case", "File"), ("accepted", "verified"), "filed", "patrol.case.file", stop="file",
                 start="dispatch", by=actions.file_case, primary=True,
                 fields=(StepField("standard", pgettext_lazy("case", "Filing condition"), "choice", choices=_standards),)),
            Step("not_file", pgettext_lazy("case", "Do not file"), ("accepted", "verified"), "not_filed", "patrol.case.not_file",
                 needs=("note",), by=actions.decline_case, danger=True),
            Step("dispatch", pgettext_lazy("case", "Dispatch"), "filed", "handling", "patrol.case.dispatch", stop="dispatch",
                 start="handle", by=actions.dispatch_case, primary=True,
                 fields=(StepField("department", pgettext_lazy("case", "Department"), "organisation", choices=_departments),)),
            Step("handle", pgettext_lazy("case", "Handled"), "handling", "handled", "patrol.case.handle", stop="handle", start="check",
                 by=actions.report_handled, primary=True,
                 fields=(StepField("after", pgettext_lazy("case", "Photos after handling"), "files", required=False), NOTE)),
            Step("hand_back", pgettext_lazy("case", "Hand back"), "handling", "filed", "patrol.case.hand_back", stop="handle",
                 start="dispatch", needs=("note",), by=actions.hand_back_case, danger=True),
            Step("ask_extension", pgettext_lazy("case", "Ask for more time"), "handling", SAME, "patrol.case.ask_extension",
                 needs=("note",), by=actions.ask_extension, offered=lambda case: case.extension_asked_at is None),
            Step("extend", pgettext_lazy("case", "Give more time"), "handling", SAME, "patrol.case.extend", needs=("note",),
                 by=actions.extend_case),
            Step("refuse_extension", pgettext_lazy("case", "Give no more time"), "handling", SAME, "patrol.case.extend",
                 needs=("note",), by=actions.refuse_extension, offered=lambda case: case.extension_asked_at is not None),
            Step("suspend", pgettext_lazy("case", "Suspend"), "handling", "suspended", "patrol.case.suspend", pause="handle",
                 needs=("note",), by=actions.suspend_case),
            Step("resume", pgettext_lazy("case", "Resume"), "suspended", "handling", "patrol.case.resume", resume="handle",
                 by=actions.resume_case, primary=True),
            Step("urge", pgettext_lazy("case", "Urge"), ("filed", "handling", "suspended"), SAME, "patrol.case.urge", needs=("note",),
                 by=actions.urge_case),
            Step("ask_check", pgettext_lazy("case", "Have it checked"), "handled", "checking", "patrol.case.ask_check",
                 by=actions.ask_to_check, primary=True,
                 fields=(StepField("collector", pgettext_lazy("case", "Collector"), "user", choices=_collectors),)),
            Step("check", pgettext_lazy("case", "Report the check"), "checking", "checked", "patrol.case.check", stop="check",
                 start="close", by=actions.check_case, primary=True,
                 fields=(StepField("result", pgettext_lazy("case", "Result"), "choice", choices=_check_results), PHOTOS)),
            Step("close", pgettext_lazy("case", "Close"), "checked", "closed", "patrol.case.close", stop="close", by=actions.close_case,
                 primary=True),
            Step("rework", pgettext_lazy("case", "Rework"), "checked", "handling", "patrol.case.rework", stop="close", start="handle",
                 needs=("note",), by=actions.rework_case),
            Step("appeal", pgettext_lazy("case", "Appeal"), "closed", "appealed", "patrol.case.appeal", needs=("note",),
                 by=actions.appeal_case,
                 fields=(NOTE, StepField("evidence", pgettext_lazy("case", "Evidence"), "files", required=False))),
            Step("grant", pgettext_lazy("case", "Grant the appeal"), "appealed", "closed", "patrol.case.decide_appeal", needs=("note",),
                 by=actions.grant_appeal),
            Step("reject", pgettext_lazy("case", "Reject the appeal"), "appealed", "closed", "patrol.case.decide_appeal", needs=("note",),
                 by=actions.reject_appeal, danger=True),
            Step("reclassify", pgettext_lazy("case", "Change the class"), ("reported", "accepted", "verified"), SAME,
                 "patrol.case.reclassify", needs=("note",), by=actions.reclassify_case,
                 fields=(StepField("entry", _("Class"), "choice", choices=_entries),)),
            Step("merge", pgettext_lazy("case", "Merge into an earlier case"), ("reported", "accepted", "verified"), "voided",
                 "patrol.case.merge", by=actions.merge_case, danger=True, offered=lambda case: bool(queries.like(case)),
                 fields=(StepField("original", pgettext_lazy("case", "The same problem as"), "choice", choices=_alike),)),
            Step("void", pgettext_lazy("case", "Void"), ("reported", "accepted", "verified", "filed", "handling", "suspended"), "voided",
                 "patrol.case.void", needs=("note",), by=actions.void_case, danger=True),
        ],
    ),
    Case,
)  # fmt: skip

ALLOCATION = flow.register(
    Flow(
        "patrol.allocation",
        label=_("Reward allocation"),
        start="draft",
        states={
            "draft": pgettext_lazy("allocation", "Draft"),
            "approved": pgettext_lazy("allocation", "Approved"),
            "published": pgettext_lazy("allocation", "Published"),
            "withdrawn": pgettext_lazy("allocation", "Withdrawn"),
        },
        final={"published", "withdrawn"},
        steps=[
            Step("approve", pgettext_lazy("allocation", "Approve"), "draft", "approved", "patrol.allocation.approve",
                 by=publishing.approve_allocation, guard=publishing.by_another_than_its_maker, primary=True),
            Step("publish", pgettext_lazy("allocation", "Publish"), "approved", "published", "patrol.allocation.publish",
                 by=publishing.publish_allocation, guard=publishing.by_another_than_its_approver, primary=True),
            Step("withdraw", pgettext_lazy("allocation", "Withdraw"), ("draft", "approved"), "withdrawn",
                 "patrol.allocation.approve", needs=("note",), danger=True),
        ],
    ),
    AllocationRun,
)  # fmt: skip
