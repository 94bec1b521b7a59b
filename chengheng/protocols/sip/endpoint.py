"""Transactions over UDP and TCP (RFC 3261 §17): retransmission, matching, time-outs; sans-I/O.

The owner calls `receive`, `send`, `answer` and `tick`, takes events from their results and bytes from `outgoing`.
Matching is by Call-ID, CSeq and branch together: devices use branches without the cookie, or one branch for
everything (facts §2 quirk 3).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import NamedTuple

from chengheng.protocols.sip.chance import token
from chengheng.protocols.sip.message import Message, SipError, mark_source, response_to
from chengheng.protocols.sip.stream import DatagramReader, StreamReader
from chengheng.protocols.sip.usual import Reader, Usual

T1, T2 = 0.5, 4.0
TIMEOUT = 64 * T1
INVITE_ANSWER_TIMEOUT = 64 * T1


class Peer(NamedTuple):
    """Where a message came from or goes to; for TCP the address names the connection."""

    transport: str
    host: str
    port: int


class Requested(NamedTuple):
    """A new request. Answer it with `Endpoint.answer`; an ACK needs no answer."""

    request: Message
    peer: Peer


class Answered(NamedTuple):
    """A response to one of our requests (provisional ones too)."""

    request: Message
    response: Message
    peer: Peer


class TimedOut(NamedTuple):
    """Nobody answered our request in time (Timer B/F), or nobody acknowledged our 2xx (`unacknowledged`)."""

    request: Message
    peer: Peer
    unacknowledged: bool = False


class Malformed(NamedTuple):
    """Bytes that are no SIP; `lost` when the connection they came on must be closed."""

    peer: Peer
    why: str
    lost: bool = False


Event = Requested | Answered | TimedOut | Malformed


class _Client:
    """One request of ours that waits for its final response."""

    __slots__ = ("ack", "data", "deadline", "done", "interval", "peer", "request", "resend_at")

    def __init__(self, request: Message, peer: Peer, data: bytes, now: float) -> None:
        self.request, self.peer, self.data = request, peer, data
        self.interval = T1
        self.resend_at: float | None = now + T1 if peer.transport == "udp" else None
        self.deadline = now + TIMEOUT
        self.done = False
        self.ack: bytes | None = None


class _Server:
    """One request of theirs: our last response, to be repeated when they repeat themselves."""

    __slots__ = ("data", "expires", "interval", "peer", "request", "resend_at")

    def __init__(self, request: Message | None, peer: Peer, expires: float) -> None:
        self.request, self.peer, self.expires = request, peer, expires
        self.data: bytes | None = None
        self.interval = T1
        self.resend_at: float | None = None


class Endpoint:
    """The transaction layer of one SIP element. `agent` goes into User-Agent of what it sends."""

    def __init__(self, agent: str = "Chengheng", most_remembered: int = 200_000) -> None:
        self.agent = agent
        self.outgoing: list[tuple[Peer, bytes]] = []
        self._datagrams = DatagramReader()
        self._usual = Reader()
        self._streams: dict[Peer, StreamReader] = {}
        self._clients: dict[tuple[str, str], _Client] = {}
        self._servers: OrderedDict[tuple[str, str, str], _Server] = OrderedDict()
        self._alarms: list[tuple[float, int, _Client | _Server]] = []
        self._serial = 0
        self._most = most_remembered

    # -- coming in -----------------------------------------------------------------------------------------------
    def receive(self, data: bytes, peer: Peer, now: float) -> list[Event]:
        """Bytes from a peer to events; repeats are answered from memory and give no event."""
        try:
            if peer.transport == "udp":
                messages = self._datagrams.receive(peer, data, now)
            else:
                stream = self._streams.get(peer)
                if stream is None:
                    stream = self._streams[peer] = StreamReader()
                pings = stream.pings
                messages = stream.receive(data, now)
                if stream.pings > pings:
                    self.outgoing.append((peer, b"\r\n"))
        except SipError as error:
            return [Malformed(peer, str(error), lost=peer.transport != "udp")]
        events: list[Event] = []
        for message in messages:
            event = self._message(message, peer, now)
            if event is not None:
                events.append(event)
        return events

    def _message(self, message: Message, peer: Peer, now: float) -> Event | None:
        return self._request(message, peer, now) if message.method else self._response(message, peer, now)

    def _request(self, message: Message, peer: Peer, now: float) -> Event | None:
        call_id = message.get("call-id")
        if not call_id or not message.get("cseq"):
            return Malformed(peer, "no Call-ID or CSeq")
        number = message.get("cseq").partition(" ")[0]
        if message.method == "ACK":
            for key in ((call_id, number + " INVITE", ""),):
                known = self._servers.get(key)
                if known is not None:
                    known.resend_at = None
                    known.request = None
            return Requested(message, peer)
        key = self._server_key(message)
        known = self._servers.get(key)
        if known is not None and known.expires > now:
            if known.data is not None:
                self.outgoing.append((peer, known.data))
            return None
        mark_source(message, peer.host, peer.port)
        if known is not None:
            del self._servers[key]
        self._remember(key, _Server(message, peer, now + TIMEOUT), now)
        return Requested(message, peer)

    def _remember(self, key: tuple[str, str, str], server: _Server, now: float) -> None:
        servers = self._servers
        servers[key] = server
        while servers and (len(servers) > self._most or next(iter(servers.values())).expires < now):
            servers.popitem(last=False)

    # -- the usual way -------------------------------------------------------------------------------------------
    def usual(self, data: bytes, peer: Peer, now: float) -> Usual | bool:
        """A new usual request in this datagram; True: a repeat, dealt with; False: it must go the way of `receive`."""
        if self._datagrams.holding and self._datagrams.holds(peer):
            return False
        request = self._usual.read(data)
        if request is None:
            return False
        known = self._servers.get(request.key)
        if known is None or known.expires <= now:
            return request
        if known.data is not None:
            self.outgoing.append((peer, known.data))
        return True

    def learn(self, request: Message) -> None:
        """This request was accepted: the next one of its shape may go the usual way."""
        self._usual.learn(request)

    def answered(self, request: Usual, peer: Peer, data: bytes, now: float) -> None:
        """Remember the answer to a usual request for its repeats."""
        server = _Server(None, peer, now + TIMEOUT)
        server.data = data
        self._servers.pop(request.key, None)
        self._remember(request.key, server, now)

    @staticmethod
    def _server_key(message: Message) -> tuple[str, str, str]:
        """Repeats are the same in every byte, so the whole Via and From tell requests apart; no part must be right."""
        if message.key is None:
            cseq = " ".join(message.get("cseq").split())
            rest = "" if message.method == "INVITE" else message.get("via") + message.get("from")
            message.key = (message.get("call-id"), cseq, rest)
        return message.key

    def _response(self, message: Message, peer: Peer, now: float) -> Event | None:
        client = self._clients.get((message.call_id, " ".join(message.get("cseq").split())))
        if client is None:
            return None
        if client.done:
            if client.ack is not None and message.status >= 200:
                self.outgoing.append((client.peer, client.ack))
            return None
        request = client.request
        if message.status < 200:
            if request.method == "INVITE":
                client.resend_at = None
                client.deadline = max(client.deadline, now + TIMEOUT)
            return Answered(request, message, peer)
        client.done = True
        client.resend_at = None
        client.deadline = now + TIMEOUT
        self._alarm(client.deadline, client)
        if request.method == "INVITE" and message.status >= 300:
            client.ack = self._failure_ack(request, message).encode()
            self.outgoing.append((client.peer, client.ack))
        return Answered(request, message, peer)

    @staticmethod
    def _failure_ack(request: Message, answer: Message) -> Message:
        ack = Message(method="ACK", uri=request.uri)
        for name in ("via", "from", "call-id", "max-forwards", "route"):
            if request.all(name):
                ack.headers[name] = list(request.all(name))
        ack.set("to", answer.get("to"))
        ack.set("cseq", f"{request.cseq[0]} ACK")
        return ack

    # -- going out -----------------------------------------------------------------------------------------------
    def send(self, request: Message, peer: Peer, now: float, local: tuple[str, int]) -> Message:
        """Start a client transaction; Via, Max-Forwards and User-Agent are added. ACK is sent without one."""
        branch = "z9hG4bK" + token(8)
        request.headers = {
            "via": [f"SIP/2.0/{peer.transport.upper()} {_host(local[0])}:{local[1]};rport;branch={branch}"],
            **{name: values for name, values in request.headers.items() if name != "via"},
        }
        if not request.get("max-forwards"):
            request.set("max-forwards", "70")
        if self.agent:
            request.set("user-agent", self.agent)
        data = request.encode()
        self.outgoing.append((peer, data))
        if request.method == "ACK":
            for client in (self._clients.get((request.call_id, f"{request.cseq[0]} INVITE")),):
                if client is not None:
                    client.ack = data
            return request
        client = _Client(request, peer, data, now)
        self._clients[(request.call_id, request.get("cseq"))] = client
        self._alarm(client.resend_at or client.deadline, client)
        return request

    def answer(self, request: Message, peer: Peer, response: Message, now: float) -> None:
        """Send a response to where the request came from and remember it for repeats."""
        if self.agent and not response.get("user-agent"):
            response.set("user-agent", self.agent)
        data = response.encode()
        self.outgoing.append((peer, data))
        server = self._servers.get(self._server_key(request))
        if server is None:
            return
        server.data = data
        if request.method == "INVITE" and response.status >= 200:
            server.expires = now + INVITE_ANSWER_TIMEOUT
            server.resend_at = now + T1
            self._alarm(server.resend_at, server)
        elif response.status >= 200:
            server.request = None

    def refuse(self, request: Message, peer: Peer, status: int, now: float, **headers: str) -> None:
        self.answer(request, peer, response_to(request, status, "", token(5), **headers), now)

    # -- time ----------------------------------------------------------------------------------------------------
    def _alarm(self, at: float, what: _Client | _Server) -> None:
        self._serial += 1
        heapq.heappush(self._alarms, (at, self._serial, what))

    def wake_at(self) -> float | None:
        """When `tick` has something to do next; None for not at all."""
        if self._datagrams.holding:
            return min(self._alarms[0][0], 0.0) if self._alarms else 0.0
        return self._alarms[0][0] if self._alarms else None

    def tick(self, now: float) -> list[Event]:
        """Repeat what is due, end what is over."""
        events: list[Event] = []
        for source, message in self._datagrams.tick(now):
            assert isinstance(source, Peer)
            event = self._message(message, source, now)
            if event is not None:
                events.append(event)
        while self._alarms and self._alarms[0][0] <= now:
            what = heapq.heappop(self._alarms)[2]
            if isinstance(what, _Client):
                self._tick_client(what, now, events)
            else:
                self._tick_server(what, now, events)
        return events

    def _tick_client(self, client: _Client, now: float, events: list[Event]) -> None:
        key = (client.request.call_id, client.request.get("cseq"))
        if client.deadline <= now:
            if self._clients.get(key) is client:
                del self._clients[key]
                if not client.done:
                    events.append(TimedOut(client.request, client.peer))
            return
        if client.resend_at is None:
            self._alarm(client.deadline, client)
            return
        if client.resend_at <= now:
            self.outgoing.append((client.peer, client.data))
            client.interval = client.interval * 2 if client.request.method == "INVITE" else min(client.interval * 2, T2)
            client.resend_at = now + client.interval
        self._alarm(min(client.resend_at, client.deadline), client)

    def _tick_server(self, server: _Server, now: float, events: list[Event]) -> None:
        if server.resend_at is None or server.data is None:
            return
        if server.expires <= now:
            server.resend_at = None
            if server.request is not None:
                events.append(TimedOut(server.request, server.peer, unacknowledged=True))
            return
        if server.peer.transport == "udp":
            self.outgoing.append((server.peer, server.data))
        server.interval = min(server.interval * 2, T2)
        server.resend_at = min(now + server.interval, server.expires)
        self._alarm(server.resend_at, server)

    def closed(self, peer: Peer) -> list[Event]:
        """A TCP connection is gone: its unanswered requests end now."""
        self._streams.pop(peer, None)
        events: list[Event] = []
        for key, client in list(self._clients.items()):
            if client.peer == peer and not client.done:
                del self._clients[key]
                client.done = True
                events.append(TimedOut(client.request, peer))
        return events

    def forget(self, request: Message) -> None:
        """Stop waiting for an answer (the caller gave up)."""
        client = self._clients.pop((request.call_id, request.get("cseq")), None)
        if client is not None:
            client.done = True
            client.resend_at = None

    @property
    def waiting(self) -> int:
        """Requests of ours without a final answer yet."""
        return sum(1 for client in self._clients.values() if not client.done)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def new_tag() -> str:
    return token(6)


def new_call_id(host: str) -> str:
    return f"{token(12)}@{host}"
