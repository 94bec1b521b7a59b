"""A dialog: what two ends agreed on by INVITE or SUBSCRIBE (RFC 3261 §12).

In-dialog requests carry the other side's Contact as request URI (the device's ID, not the channel's: facts §2 quirk 4)
and travel to where its packets came from, which the owner keeps as `peer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chengheng.protocols.sip.message import Message, tag_of, uri_of


@dataclass
class Dialog:
    """One end's view: `local`/`remote` are From/To values with their tags."""

    call_id: str
    local: str
    remote: str
    target: str
    local_seq: int
    remote_seq: int = 0
    peer: Any = None
    routes: list[str] = field(default_factory=list)

    @classmethod
    def called(cls, request: Message, answer: Message, peer: Any = None) -> Dialog:
        """The caller's dialog from its own INVITE or SUBSCRIBE and the 2xx."""
        contact = answer.get("contact")
        target = _bare(contact) if uri_of(contact).host else request.uri
        return cls(
            request.call_id, request.get("from"), answer.get("to") or request.get("to"), target,
            request.cseq[0], 0, peer, list(reversed(answer.all("record-route"))),
        )  # fmt: skip

    @classmethod
    def answered(cls, request: Message, local_tag: str, peer: Any = None) -> Dialog:
        """The callee's dialog from the INVITE or SUBSCRIBE that it accepts."""
        to = request.get("to")
        local = to if tag_of(to) else f"{to};tag={local_tag}"
        contact = request.get("contact")
        target = _bare(contact) if uri_of(contact).host else _bare(request.get("from"))
        return cls(
            request.call_id, local, request.get("from"), target, 0, request.cseq[0], peer,
            list(request.all("record-route")),
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and our own tag; the other side's tag is not asked for, because some lose it."""
        return self.call_id, tag_of(self.local)

    def request(self, method: str, **headers: str) -> Message:
        """The next request in this dialog; ACK keeps the number of its INVITE."""
        if method != "ACK":
            self.local_seq += 1
        message = Message(method=method, uri=self.target)
        if self.routes:
            message.headers["route"] = list(self.routes)
        message.set("from", self.local)
        message.set("to", self.remote)
        message.set("call-id", self.call_id)
        message.set("cseq", f"{self.local_seq} {method}")
        message.set("max-forwards", "70")
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)
        return message

    def ack(self, invite_seq: int) -> Message:
        message = self.request("ACK")
        message.set("cseq", f"{invite_seq} ACK")
        return message


def _bare(value: str) -> str:
    if "<" in value:
        return value.partition("<")[2].partition(">")[0].strip()
    return value.partition(";")[0].strip()
