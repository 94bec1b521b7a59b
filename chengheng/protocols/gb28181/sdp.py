"""SDP of Annex F: s=, u=, y=, f= and the attributes of TCP media (Annex L), tolerant in, strict out."""

from __future__ import annotations

from dataclasses import dataclass, field

from chengheng.protocols.gb28181.ids import read_ssrc

RTPMAP = {96: "PS/90000", 97: "MPEG4/90000", 98: "H264/90000", 99: "H265/90000", 8: "PCMA/8000"}
LARGEST = 16 * 1024


class SdpError(ValueError):
    """No session description."""


@dataclass
class Description:
    """One media stream. `ssrc` is the text of y= ("" when missing); `setup` active, passive or "".

    `from_at`, `to_at`: UNIX seconds of t= (0, 0 for live). `host`, `port`: where media goes to or comes from.
    """

    owner: str = ""
    session: str = "Play"
    host: str = ""
    port: int = 0
    media: str = "video"
    tcp: bool = False
    payloads: list[int] = field(default_factory=list)
    rtpmap: dict[int, str] = field(default_factory=dict)
    direction: str = ""
    setup: str = ""
    connection: str = ""
    uri: str = ""
    from_at: int = 0
    to_at: int = 0
    ssrc: str = ""
    format: str = ""
    download_speed: int | None = None
    filesize: int | None = None
    attributes: list[str] = field(default_factory=list)

    @property
    def ssrc_value(self) -> int | None:
        return read_ssrc(self.ssrc)

    @property
    def kind(self) -> str:
        """play, playback, download or talk; "" when s= is free text (devices put their name there)."""
        word = self.session.strip().lower()
        return word if word in ("play", "playback", "download", "talk") else ""

    @property
    def video_format(self) -> dict[str, str]:
        """f= read as v/codec/resolution/fps/rate type/rate; empty for the malformed ones that some devices send."""
        video = self.format.partition("a/")[0].strip()
        parts = video.split("/")
        if parts[0] != "v" or len(parts) < 6:
            return {}
        return dict(zip(("codec", "resolution", "fps", "rate_type", "rate"), parts[1:6], strict=False))

    def payload_of(self, encoding: str) -> int | None:
        """The first offered payload type that carries `encoding` ("PCMA/8000"), by rtpmap or by its fixed number."""
        for number in self.payloads:
            told = self.rtpmap.get(number) or RTPMAP.get(number, "")
            if told.upper() == encoding or told.upper().startswith(encoding + "/1"):
                return number
        return None

    def encode(self) -> bytes:
        transport = "TCP/RTP/AVP" if self.tcp else "RTP/AVP"
        lines = [
            "v=0",
            f"o={self.owner} 0 0 IN IP4 {self.host}",
            f"s={self.session}",
            *([f"u={self.uri}"] if self.uri else []),
            f"c=IN IP4 {self.host}",
            f"t={self.from_at} {self.to_at}",
            f"m={self.media} {self.port} {transport} {' '.join(map(str, self.payloads or [96]))}",
            *([f"a={self.direction}"] if self.direction else []),
            *(f"a=rtpmap:{number} {self.rtpmap.get(number) or RTPMAP.get(number, 'PS/90000')}"
              for number in self.payloads or [96]),
            *([f"a=setup:{self.setup}", f"a=connection:{self.connection or 'new'}"] if self.tcp and self.setup else []),
            *([f"a=downloadspeed:{self.download_speed}"] if self.download_speed is not None else []),
            *([f"a=filesize:{self.filesize}"] if self.filesize is not None else []),
            *(f"a={item}" for item in self.attributes),
            *([f"y={self.ssrc}"] if self.ssrc else []),
            *([f"f={self.format}"] if self.format else []),
        ]  # fmt: skip
        return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def _number(text: str, most: int = 1 << 62) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most else None


def read(data: bytes) -> Description:
    """A description; unknown lines are passed over. SdpError when there is no media line."""
    if len(data) > LARGEST:
        raise SdpError("too long")
    found = Description(session="")
    seen_media = False
    for raw in data.decode("gb18030", "replace").replace("\r", "\n").split("\n"):
        line = raw.strip()
        if line[1:2] != "=":
            continue
        kind, value = line[0].lower(), line[2:].strip()
        if kind == "o":
            found.owner = value.split()[0] if value else ""
            if not found.host and len(value.split()) >= 6:
                found.host = value.split()[5]
        elif kind == "s":
            found.session = value
        elif kind == "u":
            found.uri = value
        elif kind == "c":
            parts = value.split()
            if len(parts) >= 3:
                found.host = parts[2].partition("/")[0]
        elif kind == "t":
            parts = value.split()
            found.from_at = (_number(parts[0]) if parts else 0) or 0
            found.to_at = (_number(parts[1]) if len(parts) > 1 else 0) or 0
        elif kind == "m" and not seen_media:
            parts = value.split()
            port = _number(parts[1].partition("/")[0], 65535) if len(parts) > 2 else None
            if port is None:
                continue
            seen_media = True
            found.media, found.port = parts[0].lower(), port
            found.tcp = parts[2].upper().startswith("TCP")
            found.payloads = [number for number in (_number(item, 127) for item in parts[3:]) if number is not None]
        elif kind == "y":
            found.ssrc = value
        elif kind == "f":
            found.format = value
        elif kind == "a":
            _attribute(found, value)
    if not seen_media:
        raise SdpError("no media line")
    return found


def _attribute(found: Description, value: str) -> None:
    name, _colon, content = value.partition(":")
    name = name.strip().lower()
    if name in ("recvonly", "sendonly", "sendrecv", "inactive"):
        found.direction = name
    elif name == "setup":
        found.setup = content.strip().lower()
    elif name == "connection":
        found.connection = content.strip().lower()
    elif name == "rtpmap":
        number, _space, encoding = content.strip().partition(" ")
        payload = _number(number, 127)
        if payload is not None:
            found.rtpmap[payload] = encoding.strip()
    elif name == "downloadspeed":
        found.download_speed = _number(content)
    elif name == "filesize":
        found.filesize = _number(content)
    else:
        found.attributes.append(value)


def subject(sender: str, sender_stream: str, receiver: str, receiver_stream: str = "0") -> str:
    """The Subject header (Annex K): sender:stream,receiver:stream. Devices refuse an INVITE without it."""
    return f"{sender}:{sender_stream},{receiver}:{receiver_stream}"


def read_subject(text: str) -> tuple[str, str, str, str]:
    """(sender, its stream, receiver, its stream), missing parts empty."""
    sender, _comma, receiver = text.partition(",")
    first, _colon, stream = sender.strip().partition(":")
    second, _colon, other = receiver.strip().partition(":")
    return first.strip(), stream.strip(), second.strip(), other.strip()
