"""The append-only record of every act: written in the act's own transaction, hash-chained per subject, sealed daily.

It is also the outbox that webhooks and exports read (`after`). What must not go in: the effects of an act.
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.trail.recording import after, histories, history, record, record_made, record_new, viewed
    from chengheng.common.trail.verifying import seal, verify

__all__ = ["after", "histories", "history", "record", "record_made", "record_new", "seal", "verify", "viewed"]
__getattr__ = facade(
    __name__,
    dict.fromkeys(("after", "histories", "history", "record", "record_made", "record_new", "viewed"), "recording")
    | dict.fromkeys(("seal", "verify"), "verifying"),
)
