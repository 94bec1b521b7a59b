"""The whole way of one stream: RTP packets to fragments. Ties `rtp`, `mpegps` and `fmp4` together, sans-I/O.

Payload types: 96 and most others carry a program stream; a sender that puts bare H.264 or H.265 into RTP (RFC 6184,
7798) is recognised and refused with a reason, not guessed at.
"""

from __future__ import annotations

from chengheng.protocols.fmp4.muxer import Muxer, Segment
from chengheng.protocols.mpegps.demux import Demuxer, Unit
from chengheng.protocols.rtp.receiver import Piece, Receiver


class Stream:
    """One sender. `receive` a packet and the time, get segments; `audio` collects the sound for its owner to take.

    AAC goes into the segments too; G.711 must be encoded first.
    """

    def __init__(self, tcp: bool = False, speed: float = 1.0) -> None:
        self.rtp = Receiver(window=0 if tcp else 64)
        self.ps = Demuxer()
        self.muxer = Muxer(speed)
        self.audio: list[Unit] = []
        self.not_program_stream = 0
        self.first_unit_at: float | None = None
        self.first_key_at: float | None = None
        self.keep_units = False
        self._asked_speed = 1.0
        self._pace: tuple[float, int] | None = None
        self.units: list[Unit] = []

    def receive(self, packet: bytes, now: float) -> list[Segment]:
        """An owner in a hurry asks `rtp.usual` first: what it takes gives nothing yet."""
        pieces = self.rtp.receive(packet, now)
        return self._pieces(pieces, now) if pieces else []

    def tick(self, now: float) -> list[Segment]:
        return self._pieces(self.rtp.tick(now), now)

    def _pieces(self, pieces: list[Piece], now: float) -> list[Segment]:
        out: list[Segment] = []
        for piece in pieces:
            units = self.ps.receive(piece.data, piece.lost, piece.torn)
            if piece.ended:
                units = self.ps.flush(units)
            if not units and self.first_unit_at is None:
                self.not_program_stream += b"\x00\x00\x01\xba" not in piece.data[:64]
            for unit in units:
                if self.first_unit_at is None:
                    self.first_unit_at = now
                if self.keep_units:
                    self.units.append(unit)
                if unit.kind == "audio":
                    self.audio.append(unit)
                if self._asked_speed != 1.0 and unit.kind == "video" and unit.pts is not None:
                    self._judge_pace(unit.pts, now)
                segments = self.muxer.receive(unit)
                if segments:
                    if self.first_key_at is None:
                        self.first_key_at = now
                    out += segments
        return out

    def play_at(self, speed: float) -> None:
        """A recording is asked for at another speed. Most devices send faster and leave their time stamps as they are
        (facts §2 quirk 13): that is assumed, and judged anew every two seconds by how fast the stamps go."""
        self._asked_speed = speed
        self._pace = None
        self.muxer.speed = speed

    def _judge_pace(self, pts: int, now: float) -> None:
        if self._pace is None:
            self._pace = (now, pts)
            return
        wall = now - self._pace[0]
        if wall < 2.0:
            return
        ratio = ((pts - self._pace[1]) % (1 << 33)) / 90_000 / wall
        unscaled = abs(ratio - self._asked_speed) < abs(ratio - 1.0)
        self.muxer.speed = self._asked_speed if unscaled else 1.0
        self._pace = (now, pts)
