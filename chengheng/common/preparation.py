"""What a site needs in its database before it serves: reference data of the rooms and, when asked, the demonstration.

Rooms add their steps from AppConfig.ready(); `chengheng migrate` (and so `chengheng up`) runs them after the
migrations, in the order of adding. A step is safe to repeat and quick when there is nothing to do. What must not go
in: schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`run` may return lines to be shown to the person who started the site (the demo's logins, for example)."""

    code: str
    run: Callable[[], list[str] | None]
    demo: bool = False


_steps: dict[str, Step] = {}


def add(code: str, run: Callable[[], list[str] | None], *, demo: bool = False) -> Step:
    """Add a step; `demo` steps run only on a site that is started as a demonstration, after all others."""
    if code in _steps:
        raise ValueError(f"preparation step {code} is declared twice")
    _steps[code] = Step(code, run, demo)
    return _steps[code]


def steps(demo: bool) -> Iterator[Step]:
    """The steps to run, in order."""
    yield from (step for step in _steps.values() if not step.demo)
    if demo:
        yield from (step for step in _steps.values() if step.demo)
