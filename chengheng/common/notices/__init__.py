"""In-app events, e-mail, webhooks, SMS, telephone calls: queued, retried, receipted.

`notices.tell(users, title, body, subject=…, level=…)` in the act's transaction; `notices.unread(user)`.
"""

from typing import TYPE_CHECKING

from chengheng.common.facade import facade

if TYPE_CHECKING:
    from chengheng.common.notices.telling import can_call, tell, unread

__all__ = ["can_call", "tell", "unread"]
__getattr__ = facade(__name__, dict.fromkeys(("can_call", "tell", "unread"), "telling"))
