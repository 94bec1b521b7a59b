"""The usual request, read and answered in one pass: what fifty thousand devices send all day.

Devices of one make write the header lines of a registration or keepalive always in the same order and spelling: a
shape. A shape that was once read the tolerant way (`message.parse`) and accepted is learnt, and from then on one
regular expression reads it. Anything else — another order, compact names, folded or repeated lines, odd white space,
a missing rport, lengths that do not fit, other charsets — is not usual: `read` says None and the tolerant way takes it.
Both ways know a request by the same key and write the same answer; the tests compare them. What must not go in:
tolerance, decisions about who may register.
"""

from __future__ import annotations

import re

from chengheng.protocols.sip.message import SPELLING, Message

# Only these lines may stand in a usual request: nothing that would have to be obeyed is overlooked.
NAMES = frozenset((
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "user-agent", "expires", "authorization",
    "content-type", "content-length", "x-gb-ver", "allow", "supported", "date",
))  # fmt: skip
NEEDED = frozenset(("via", "from", "to", "call-id", "cseq", "content-length"))
READ = ("via", "from", "to", "call-id", "cseq", "content-length", "contact", "expires", "authorization", "x-gb-ver")
MOST_SHAPES = 24
_ANY = "[!-~](?:[ -~]*[!-~])?"
_VALUES = {
    "via": "SIP/2\\.0/UDP [!-+\\--~]+;rport(?:;[!-+\\--~]+)?",  # one hop, no comma
    "cseq": "[0-9]{1,9} {method}",
    "content-length": " *[0-9]{1,5}",  # some pad it
    "expires": "[0-9]{1,9}",
}


class Usual:
    """A usual request. `who` is the user of From; `expires` None when the line is missing."""

    __slots__ = (
        "authorization",
        "contact",
        "cseq",
        "expires",
        "key",
        "method",
        "sender",
        "to",
        "version",
        "via",
        "who",
    )

    def __init__(self, method: str, who: str, key: tuple[str, str, str], values: tuple[str, ...]) -> None:
        self.method, self.who, self.key = method, who, key
        self.via, self.sender, self.to, _call_id, self.cseq, _length, self.contact, expires, self.authorization, \
            self.version = values  # fmt: skip
        self.expires = int(expires) if expires else None

    def answer(self, status: str, host: str, port: int, tag: str, lines: str, agent: str) -> bytes:
        """The response: `status` as "200 OK", `lines` whole header lines; Via says where the request came from."""
        via = self.via
        via = via.replace(";rport;", f";rport={port};", 1) if ";rport;" in via else f"{via}={port}"
        if via.partition(";")[0][12:].partition(":")[0] != host:
            via = f"{via};received={host}"
        to = self.to if ";tag=" in self.to else f"{self.to};tag={tag}"
        return (
            f"SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {self.sender}\r\nTo: {to}\r\nCall-ID: {self.key[0]}\r\n"
            f"CSeq: {self.cseq}\r\n{lines}User-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
        ).encode()


class Reader:
    """Knows the shapes that were learnt, the latest used first."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()
        self._shapes: dict[str, list[tuple[re.Pattern[str], tuple[int, ...]]]] = {"R": [], "M": []}

    def learn(self, request: Message) -> None:
        """Learn the order of the lines of a request that was accepted, and what it was before it was challenged."""
        names = tuple(request.headers)
        if (request.method, *names) in self._known:
            return
        for left_out in ((), ("authorization",), ("authorization", "x-gb-ver")):
            shape = (request.method, *(name for name in names if name not in left_out))
            if shape in self._known or len(self._known) >= MOST_SHAPES:
                continue
            self._known.add(shape)
            if all(len(values) == 1 for values in request.headers.values()) and NEEDED <= set(shape[1:]) <= NAMES:
                self._shapes[shape[0][0]].insert(0, _compiled(*shape))

    def read(self, data: bytes) -> Usual | None:
        """The request in these bytes, when it is a registration or a keepalive of a known shape."""
        shapes = self._shapes.get(data[:1].decode("latin-1"))
        if not shapes:
            return None
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError:
            return None
        for number, (pattern, places) in enumerate(shapes):  # noqa: B007
            found = pattern.match(text)
            if found is not None:
                break
        else:
            return None
        if number:
            shapes.insert(0, shapes.pop(number))
        values = found.group(*places)
        via, sender = values[0], values[1]
        who = sender[sender.find("sip:") + 4 : sender.find("@")]
        if int(values[5]) != len(text) - found.end() or not who.isalnum() or "received" in via:
            return None
        method = "REGISTER"
        if text[0] == "M":
            method = "MESSAGE"
            end = found.end()
            if text.find(">Keepalive<", end) < 0 or text.find("<Info>", end) >= 0:
                return None
        elif "expires" in values[6].lower():
            return None  # the Contact's own parameter would have to be obeyed
        return Usual(method, who, (values[3], values[4], via + sender), values)


def _compiled(method: str, *names: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    """The expression of a shape, and where in it the values of `READ` stand (the empty group for what is missing)."""
    lines = [f"{method} sip:[!-~]+ SIP/2\\.0\r\n()"]
    for name in names:
        value = _VALUES.get(name, _ANY).replace("{method}", method)
        lines.append(f"{re.escape(SPELLING.get(name) or name.title())}: ({value})\r\n")
    places = tuple(names.index(name) + 2 if name in names else 1 for name in READ)
    return re.compile("".join(lines) + "\r\n", re.ASCII), places
