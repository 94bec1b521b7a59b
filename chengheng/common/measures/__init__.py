"""The registry of numbers that the systems can prove.

A measure is a named, documented, unit-carrying function of (period, scope) that returns a value and the rows behind it.
A room declares its measures in `measures.py`; performance binds them to the indicators of the budget.
"""

from chengheng.common.measures.registry import (
    Measure,
    Measured,
    Period,
    Scope,
    Target,
    all_measures,
    declare,
    evaluate,
    get,
    measure,
    suggest,
    suggest_options,
    target,
    targets_from,
)

__all__ = [
    "Measure", "Measured", "Period", "Scope", "Target", "all_measures", "declare", "evaluate", "get", "measure", "suggest",
    "suggest_options", "target", "targets_from",
]  # fmt: skip
all = all_measures
