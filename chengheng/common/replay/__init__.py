"""Makes any create repeatable by a client-made id: the same body again gets the same answer, another one is refused.

A phone that lost the answer simply sends again; two copies of a request that arrive together become one act.
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.replay.recording import Conflict, Replay, forget_before, once

__all__ = ["Conflict", "Replay", "forget_before", "once"]
__getattr__ = facade(__name__, dict.fromkeys(("Conflict", "Replay", "forget_before", "once"), "recording"))
