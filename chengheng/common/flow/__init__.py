"""One small engine for everything that moves through states with a deadline.

A flow is data (`table.Flow`): states, steps, who may take them, which clock a step starts, pauses or stops. Taking a
step checks, writes, logs and times in one transaction (`engine`). The inbox, the timeline, escalation, the permission
matrix and the diagram are all read from the same tables (`reading`).
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade
from chengheng.common.flow.table import SAME, Clock, Flow, Step, StepField, flow_of, flows, register

if TYPE_CHECKING:
    from chengheng.common.flow.engine import begin, extend, set_limit, sweep, take
    from chengheng.common.flow.reading import (
        clocks,
        inbox,
        inbox_count,
        inbox_places,
        mermaid,
        opened,
        overdue,
        steps_for,
        timeline,
        waiting_rows,
    )

__all__ = [
    "SAME", "Clock", "Flow", "Step", "StepField", "begin", "clocks", "extend", "flow_of", "flows", "inbox", "inbox_count",
    "inbox_places", "mermaid", "opened", "overdue", "register", "set_limit", "steps_for", "sweep", "take", "timeline",
    "waiting_rows",
]  # fmt: skip
__getattr__ = facade(
    __name__,
    dict.fromkeys(("begin", "extend", "set_limit", "sweep", "take"), "engine")
    | dict.fromkeys(
        (
            "clocks",
            "inbox",
            "inbox_count",
            "inbox_places",
            "mermaid",
            "opened",
            "overdue",
            "steps_for",
            "timeline",
            "waiting_rows",
        ),
        "reading",
    ),
)
