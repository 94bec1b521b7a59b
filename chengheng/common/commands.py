"""What rooms need to write commands of the command line.

    @cli.command()
    @with_database
    def evaluate(...): ...

The project fills in how the database is reached (`opener`): an embedded server that is not running is started for the
command's own time. What must not go in: commands.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

opener: Callable[[], AbstractContextManager[None]] = nullcontext


def with_database(function: Callable[P, R]) -> Callable[P, R]:
    """Run the command with Django ready and the database answering. Import models inside the function."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with opener():
            return function(*args, **kwargs)

    return run
