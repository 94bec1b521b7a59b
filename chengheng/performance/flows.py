"""How a self-evaluation moves: written, submitted, signed off or sent back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.common.flow import Flow, Step, StepField, register
from chengheng.performance.errors import OwnWork, ReasonsMissing
from chengheng.performance.models import SelfEvaluation


def _reasons_given(evaluation: SelfEvaluation, actor: Any, data: Mapping[str, Any]) -> None:
    missing = [
        str(row) for row in evaluation.rows.select_related("indicator") if row.explain and not row.reason.strip()
    ]
    if evaluation.execution_points < evaluation.execution_weight and not evaluation.execution_reason.strip():
        low = evaluation.budget_fen and evaluation.spent_fen * 100 < 90 * evaluation.budget_fen
        if low:
            missing.insert(0, str(_("budget execution")))
    if missing:
        raise ReasonsMissing(names="; ".join(missing))


def _not_the_writer(evaluation: SelfEvaluation, actor: Any, data: Mapping[str, Any]) -> None:
    if evaluation.by_id is not None and evaluation.by_id == getattr(actor, "pk", None):
        raise OwnWork


EVALUATION = register(
    Flow(
        "performance.evaluation",
        label=_("Self-evaluation"),
        start="draft",
        states={"draft": _("being written"), "submitted": _("waiting for sign-off"), "signed": _("signed off")},
        final={"signed"},
        steps=[
            Step("submit", _("Submit"), "draft", "submitted", act="performance.evaluation.submit", guard=_reasons_given,
                 primary=True),
            Step("sign", _("Sign off"), "submitted", "signed", act="performance.evaluation.sign", guard=_not_the_writer,
                 primary=True),
            Step("send_back", _("Send back"), "submitted", "draft", act="performance.evaluation.sign", needs=("note",),
                 fields=(StepField("note", _("What is missing"), "textarea"),), danger=True),
        ],
    ),
    SelfEvaluation,
)  # fmt: skip
