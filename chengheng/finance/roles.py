"""Who does what in finance. Importer, rule editor, issuer, reviewer and closer are different people; the audited unit
only answers. Roles that would join two sides of a doubt exclude each other.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "finance.unit.view": _("View supervised units"),
    "finance.unit.change": _("Put a unit under supervision"),
    "finance.batch.view": _("View batches of evidence"),
    "finance.batch.import": _("Import evidence"),
    "finance.line.view": _("View voucher lines"),
    "finance.private.view": _("See salaries and card holders unmasked"),
    "finance.rule.view": _("View rules of supervision"),
    "finance.rule.change": _("Propose a change of a rule"),
    "finance.rule.enforce": _("Put a change of a rule in force"),
    "finance.rule.run": _("Run the rules"),
    "finance.finding.view": _("View findings"),
    "finance.doubt.view": _("View audit doubts"),
    "finance.doubt.raise": _("Take up a finding"),
    "finance.doubt.issue": _("Issue a doubt"),
    "finance.doubt.dismiss": _("Dismiss a doubt"),
    "finance.doubt.explain": _("Explain a doubt"),
    "finance.doubt.decide": _("Confirm or clear a doubt"),
    "finance.doubt.rectify": _("Report rectification"),
    "finance.doubt.verify": _("Verify rectification"),
    "finance.doubt.close": _("Close a doubt"),
    "finance.doubt.reopen": _("Reopen a doubt"),
    "finance.paper.export": _("Export audit papers"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

_LOOK = ("finance.unit.view", "finance.batch.view", "finance.line.view", "finance.rule.view", "finance.finding.view",
         "finance.doubt.view")  # fmt: skip


def _role(code: str, label: object, reach: Reach, *more: str, apart: tuple[str, ...] = ()) -> None:
    grants = dict.fromkeys((*_LOOK, *(f"finance.{act}" for act in more)), reach)
    grants["finance.rule.view"] = Reach.ALL
    if reach is Reach.ORGANISATION:
        del grants["finance.finding.view"]  # what was found is the auditors' until it is issued as a doubt
    others = frozenset(f"finance.{one}" for one in apart)
    declare(Role(f"finance.{code}", label, grants, group="finance", separated_from=others))  # type: ignore[arg-type]


_role("importer", _("Evidence importer"), Reach.ALL, "batch.import", "rule.run")
_role("rule_editor", _("Rule editor"), Reach.ALL, "rule.change", "unit.change", apart=("importer",))
_role("issuer", _("Auditor (issues doubts)"), Reach.ALL, "doubt.raise", "doubt.issue", "doubt.dismiss", "rule.run",
      "paper.export", apart=("importer", "rule_editor"))  # fmt: skip
_role("reviewer", _("Reviewer of doubts"), Reach.ALL, "doubt.decide", "doubt.verify", "private.view", "paper.export",
      apart=("importer", "rule_editor", "issuer"))  # fmt: skip
_role("closer", _("Closer of doubts"), Reach.ALL, "doubt.close", "doubt.reopen", "paper.export",
      apart=("importer", "rule_editor", "issuer", "reviewer"))  # fmt: skip
_role("leader", _("Finance leader"), Reach.ALL, "paper.export", "rule.enforce", apart=("importer", "rule_editor"))
_role("unit_accountant", _("Unit accountant"), Reach.ORGANISATION, "batch.import", "doubt.explain", "doubt.rectify",
      apart=("rule_editor", "issuer", "reviewer", "closer"))  # fmt: skip
