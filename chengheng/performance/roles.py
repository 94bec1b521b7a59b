"""Who does what with targets: the one who keeps them, the one who signs, the ones who read."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chengheng.common import measures
from chengheng.common.people.roles import Reach, Role, declare
from chengheng.common.trail import acts

ACTS = {
    "performance.programme.view": _("View programmes and their results"),
    "performance.programme.import": _("Import target tables"),
    "performance.programme.change": _("Change a programme's budget"),
    "performance.programme.roll_over": _("Draw up next year's targets"),
    "performance.binding.confirm": _("Confirm what answers an indicator"),
    "performance.evidence.record": _("Bring evidence by hand"),
    "performance.payment.view": _("View payments"),
    "performance.payment.enter": _("Enter a payment"),
    "performance.payment.import": _("Import payments"),
    "performance.survey.view": _("View surveys"),
    "performance.survey.manage": _("Make and close surveys"),
    "performance.evaluation.edit": _("Write a self-evaluation"),
    "performance.evaluation.submit": _("Submit a self-evaluation"),
    "performance.evaluation.sign": _("Sign off a self-evaluation"),
    "performance.monitoring.run": _("Run the monitoring"),
}
for _act, _label in ACTS.items():
    acts.declare(_act, _label)

# Whoever answers for the targets may open the rows behind every number; each look is recorded.
_EVIDENCE = {entry.evidence_act for entry in measures.all() if entry.evidence_act}
_READ = ("performance.programme.view", "performance.payment.view", "performance.survey.view")
declare(Role("performance.viewer", _("Reader of results"), dict.fromkeys(_READ, Reach.ORGANISATION), "performance"))
declare(
    Role(
        "performance.officer",
        _("Performance officer"),
        {act: Reach.ALL for act in (*ACTS, *_EVIDENCE) if act != "performance.evaluation.sign"},
        "performance",
    )
)
declare(
    Role(
        "performance.leader",
        _("Head who signs off results"),
        dict.fromkeys((*_READ, *_EVIDENCE, "performance.evaluation.sign"), Reach.ALL),
        "performance",
    )
)
