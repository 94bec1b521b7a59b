"""From bytes of a connection or datagrams of a source to whole messages.

TCP: framing by Content-Length, CRLF keep-alive (RFC 5626 §3.5.1). UDP: a datagram is a message whatever its
Content-Length says; only when the body is visibly unfinished is it kept for the next datagram, because some recorders
cut one message over several (facts §2 quirk 6).
"""

from __future__ import annotations

from collections.abc import Hashable

from chengheng.protocols.sip.message import LONGEST_HEAD, Message, SipError, parse, starts_message

LARGEST_UDP = 64 * 1024
LARGEST_TCP = 8 * 1024 * 1024
HOLD_SECONDS = 1.0


class StreamReader:
    """Cuts one TCP connection into messages. `receive` raises SipError when the stream is lost for good."""

    def __init__(self, largest: int = LARGEST_TCP) -> None:
        self._buffer = bytearray()
        self._largest = largest
        self._head: Message | None = None
        self._needed = 0
        self.pings = 0

    def receive(self, data: bytes, now: float = 0.0) -> list[Message]:
        self._buffer += data
        messages: list[Message] = []
        while True:
            if self._head is None and not self._read_head():
                return messages
            assert self._head is not None
            if len(self._buffer) < self._needed:
                return messages
            self._head.body = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            messages.append(self._head)
            self._head = None

    def _read_head(self) -> bool:
        buffer = self._buffer
        while buffer[:1] in (b"\r", b"\n", b"\0"):
            if buffer[:4] == b"\r\n\r\n":
                self.pings += 1
            del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n\0"))]
        end = buffer.find(b"\r\n\r\n")
        width = 4
        if end < 0:
            end, width = buffer.find(b"\n\n"), 2
        if end < 0:
            if len(buffer) > LONGEST_HEAD:
                raise SipError("a head without end")
            return False
        message = parse(bytes(buffer[: end + width]))
        length = message.content_length
        if length is None and message.get("content-type"):
            raise SipError("a stream needs Content-Length")
        if (length or 0) > self._largest:
            raise SipError("the body is too long")
        self._head, self._needed = message, length or 0
        del buffer[: end + width]
        return True


class DatagramReader:
    """Datagrams of many sources to messages; keeps a visibly unfinished one for `HOLD_SECONDS`."""

    def __init__(self, most_held: int = 1000) -> None:
        self._held: dict[Hashable, tuple[float, bytes]] = {}
        self._most = most_held

    def receive(self, source: Hashable, data: bytes, now: float) -> list[Message]:
        """Messages that are now whole. SipError when the datagram is no SIP and continues nothing."""
        held = self._held
        if source in held:
            since, before = held.pop(source)
            if starts_message(data):
                first = [parse(before)]
                return first + self._one(source, data, now, now)
            return self._one(source, before + data, since, now)
        if not data.strip(b"\r\n\0 "):
            return []
        return self._one(source, data, now, now)

    def _one(self, source: Hashable, data: bytes, since: float, now: float) -> list[Message]:
        message = parse(data)
        length = message.content_length
        if (
            length
            and len(message.body) < length
            and unfinished(message)
            and len(data) <= LARGEST_UDP * 4
            and now - since < HOLD_SECONDS
            and len(self._held) < self._most
        ):
            self._held[source] = (since, data)
            return []
        return [message]

    def tick(self, now: float) -> list[tuple[Hashable, Message]]:
        """Messages that were held long enough: given out as they are."""
        late = [source for source, (since, _data) in self._held.items() if now - since >= HOLD_SECONDS]
        return [(source, parse(self._held.pop(source)[1])) for source in late]

    def holds(self, source: Hashable) -> bool:
        """Whether an unfinished message of this source waits for its rest."""
        return source in self._held

    @property
    def holding(self) -> int:
        return len(self._held)


def unfinished(message: Message) -> bool:
    """Whether the body stops in the middle: XML without its last closing tag; nothing else is waited for."""
    body = message.body.rstrip(b"\r\n\0 \t")
    if not body:
        return bool(message.content_length)
    if body.lstrip()[:1] != b"<":
        return False
    return not body.endswith((b"</Response>", b"</Notify>", b"</Query>", b"</Control>"))
