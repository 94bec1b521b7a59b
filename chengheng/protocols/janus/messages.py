"""The Janus API over WebSocket, one JSON text a message: requests with transactions, what comes back, what comes by itself.

`Client` keeps no socket: `request(...)` gives the text to send and its transaction, `receive(text)` tells what came.
A plugin's answer to a message comes as an event of the same transaction after an `ack`; both are told as one `Answer`.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a request got. `code` 0: it went well; otherwise the error of Janus or of the plugin, with its words."""

    transaction: str
    data: dict[str, Any]
    jsep: dict[str, Any] | None = None
    code: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Told:
    """What came by itself of a handle (0: of the session).

    `kind`: event (of the plugin), webrtcup, media, slowlink, hangup, detached, trickle, timeout.
    """

    kind: str
    handle: int
    data: dict[str, Any] = field(default_factory=dict)
    jsep: dict[str, Any] | None = None


class Garbled(ValueError):
    """Not a message of the Janus API."""


class Client:
    """The requests of one session and their answers."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._numbers = itertools.count(1)
        self._open: set[str] = set()
        self.session = 0

    def _text(self, what: str, *, told: bool = True, **more: Any) -> tuple[str, str]:
        """`told`: it is answered. What is only acknowledged is not waited for, and not kept."""
        transaction = f"t{next(self._numbers)}"
        message: dict[str, Any] = {"janus": what, "transaction": transaction, "apisecret": self._secret}
        if self.session:
            message["session_id"] = self.session
        if told:
            self._open.add(transaction)
        return transaction, json.dumps(message | more, ensure_ascii=False, separators=(",", ":"))

    def create(self) -> tuple[str, str]:
        """Open the session; its answer sets `session`."""
        return self._text("create")

    def attach(self, plugin: str, opaque: str = "") -> tuple[str, str]:
        """A handle at a plugin ("videoroom"); the answer's data has its "id"."""
        return self._text("attach", plugin=f"janus.plugin.{plugin}", opaque_id=opaque)

    def message(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> tuple[str, str]:
        more: dict[str, Any] = {"jsep": jsep} if jsep else {}
        return self._text("message", handle_id=handle, body=body, **more)

    def trickle(self, handle: int, candidate: dict[str, Any] | None) -> tuple[str, str]:
        """One candidate of the browser; None says that there are no more."""
        return self._text("trickle", told=False, handle_id=handle, candidate=candidate or {"completed": True})

    def hangup(self, handle: int) -> tuple[str, str]:
        return self._text("hangup", handle_id=handle)

    def detach(self, handle: int) -> tuple[str, str]:
        return self._text("detach", handle_id=handle)

    def keepalive(self) -> tuple[str, str]:
        """To be sent at least every 60 s (`session_timeout`)."""
        return self._text("keepalive", told=False)

    def forget(self, transaction: str) -> None:
        """Wait no longer for an answer; one that comes late is told as an event."""
        self._open.discard(transaction)

    def receive(self, text: str) -> Answer | Told | None:
        """What a text of Janus says; None for an acknowledgement. Raises Garbled."""
        try:
            message = json.loads(text)
            what = message["janus"]
        except (ValueError, KeyError, TypeError) as error:
            raise Garbled(text[:200]) from error
        transaction = str(message.get("transaction", ""))
        if what == "ack":
            return None
        if what == "success":
            data = message.get("data") or (message.get("plugindata") or {}).get("data") or {}
            if not self.session and transaction in self._open and "plugindata" not in message and "id" in data:
                self.session = int(data["id"])
            return self._answer(transaction, data, message.get("jsep"))
        if what == "error":
            fault = message.get("error") or {}
            self._open.discard(transaction)
            return Answer(transaction, {}, None, int(fault.get("code", -1)), str(fault.get("reason", "")))
        handle = int(message.get("sender") or 0)
        if what == "event":
            data = (message.get("plugindata") or {}).get("data") or {}
            if transaction in self._open:
                return self._answer(transaction, data, message.get("jsep"))
            return Told("event", handle, data, message.get("jsep"))
        if what == "trickle":
            return Told("trickle", handle, message.get("candidate") or {})
        return Told(
            what, handle, {key: message[key] for key in message if key not in ("janus", "sender", "session_id")}
        )

    def _answer(self, transaction: str, data: dict[str, Any], jsep: dict[str, Any] | None) -> Answer:
        self._open.discard(transaction)
        code = int(data.get("error_code") or 0)
        return Answer(transaction, data, jsep, code, str(data.get("error", "")) if code else "")
