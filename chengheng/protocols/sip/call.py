"""Session descriptions of a call between telephones of sound and picture (RFC 3264, RFC 8866): offer, read, answer.

Sound is Opus (RFC 7587), else G.711 (RFC 3551); picture is H.264 (RFC 6184). A stream may be encrypted (SRTP, RFC 3711)
with keys that stand in the descriptions (SDES, RFC 4568), in the one suite that every make has. Keys of the telephone come as events (RFC 4733). Nothing here sends or decides.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30
"""Of the suite: 16 of key, 14 of salt."""
LONGEST = 16 * 1024
SOUND_CODECS = ("opus", "pcma", "pcmu")
"""By preference; as Janus names them."""
H264 = "profile-level-id=42e01f;packetization-mode=1"
_STATIC = {0: "pcmu/8000", 8: "pcma/8000"}
_NAMES = {"opus/48000": "opus", "pcma/8000": "pcma", "pcmu/8000": "pcmu", "h264/90000": "h264"}
_LINES = {"opus": "opus/48000/2", "pcma": "PCMA/8000", "pcmu": "PCMU/8000", "h264": "H264/90000"}
OFFERED = {"opus": 111, "pcma": 8, "pcmu": 0, "h264": 97}
_KEYS_OFFERED = 101
_ENCRYPTED = ("RTP/SAVP", "RTP/SAVPF")
_PROFILES = ("RTP/AVP", "RTP/AVPF", *_ENCRYPTED)
_DIGITS = re.compile(r"[0-9]{1,5}")


class BadDescription(ValueError):
    """Not a description of a call, or of one that cannot be had."""


@dataclass(frozen=True)
class Stream:
    """One m-line as it was agreed on. `codec` "" and `port` 0: refused, or nothing that we know.

    `payload_type` is the other side's number; `keys` that of its key events (None without). `sends`, `receives`: whether
    the other side does. `tag` is the number of the line that named the key.
    """

    kind: str
    host: str = ""
    port: int = 0
    control_port: int = 0
    codec: str = ""
    payload_type: int = 0
    fmtp: str = ""
    keys: int | None = None
    sends: bool = True
    receives: bool = True
    profile: str = "RTP/AVP"
    key: bytes = b""
    """What the other side encrypts with; empty: it sends in the clear."""
    tag: int = 0

    @property
    def flows(self) -> bool:
        return bool(self.port and self.codec)


def read(sdp: str) -> list[Stream]:
    """The m-lines in their order, each with the codec that we take. Raises BadDescription."""
    if len(sdp) > LONGEST or not sdp.startswith("v=0"):
        raise BadDescription("no session description")
    blocks: list[list[str]] = [[]]
    for line in sdp.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line.strip())
    if len(blocks) > 9:
        raise BadDescription("too many streams")
    sends, receives = _direction(blocks[0], True, True)
    session = Stream("", host=_host(blocks[0], ""), sends=sends, receives=receives)
    return [_stream(block, session) for block in blocks[1:]]


def _host(lines: list[str], otherwise: str) -> str:
    for line in lines:
        if line.startswith(("c=IN IP4 ", "c=IN IP6 ")):
            host = line.split(" ")[2].partition("/")[0]
            try:
                return str(ipaddress.ip_address(host))
            except ValueError:
                raise BadDescription("an address that is none") from None
    return otherwise


def _direction(lines: list[str], sends: bool, receives: bool) -> tuple[bool, bool]:
    for line in lines:
        if line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"):
            return line in ("a=sendrecv", "a=sendonly"), line in ("a=sendrecv", "a=recvonly")
    return sends, receives


def _stream(lines: list[str], session: Stream) -> Stream:
    parts = lines[0][2:].split()
    if len(parts) < 3 or not _DIGITS.fullmatch(parts[1].partition("/")[0]):
        raise BadDescription("a stream that cannot be read")
    port = int(parts[1].partition("/")[0])
    offered = [int(one) for one in parts[3:] if _DIGITS.fullmatch(one) and int(one) < 128]
    names = {number: _STATIC[number] for number in offered if number in _STATIC}
    fmtp: dict[int, str] = {}
    control = port + 1
    key, tag = b"", 0
    for line in lines[1:]:
        name, _colon, rest = line.partition(":")
        number, _space, value = rest.partition(" ")
        if name == "a=rtpmap" and _DIGITS.fullmatch(number):
            names[int(number)] = value.strip().lower()
        elif name == "a=fmtp" and _DIGITS.fullmatch(number):
            fmtp[int(number)] = value.strip()
        elif name == "a=rtcp" and _DIGITS.fullmatch(number):
            control = int(number)
        elif name == "a=crypto" and not key and _DIGITS.fullmatch(number):
            key, tag = _key(value), int(number)
    sends, receives = _direction(lines, session.sends, session.receives)
    found = Stream(
        parts[0], _host(lines, session.host), port, control, sends=sends, receives=receives, profile=parts[2],
        key=key, tag=tag,
    )  # fmt: skip
    if parts[0] not in ("audio", "video") or parts[2] not in _PROFILES or not found.host or not port:
        return replace(found, port=0)
    if parts[2] in _ENCRYPTED and not key:
        return replace(found, port=0)
    if not (1024 <= port <= 65534 and 1 <= control <= 65535):
        raise BadDescription("a port that cannot be")
    known = {number: _NAMES.get("/".join(names.get(number, "").split("/")[:2]), "") for number in offered}
    wanted = SOUND_CODECS if parts[0] == "audio" else ("h264",)
    keys = next((one for one in offered if names.get(one, "").startswith("telephone-event/")), None)
    for codec in wanted:
        for taken in offered:
            if known[taken] == codec and (codec != "h264" or "packetization-mode=1" in fmtp.get(taken, "")):
                return replace(found, codec=codec, payload_type=taken, fmtp=fmtp.get(taken, ""), keys=keys)
    return replace(found, port=0)


def _key(value: str) -> bytes:
    """The key of a line of ours ("AES_CM_128_HMAC_SHA1_80 inline:…"); empty for a suite or parameters that we have not."""
    parts = value.split()
    if len(parts) != 2 or parts[0] != SUITE or not parts[1].startswith("inline:"):
        return b""
    text, *more = parts[1][7:].split("|")
    if any(":" in one for one in more):  # a stream of several keys
        return b""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return key if len(key) == KEY_BYTES else b""


def _key_lines(key: bytes, tag: int) -> list[str]:
    return [f"a=crypto:{tag} {SUITE} inline:{base64.b64encode(key).decode()}"] if key else []


def held_to(streams: Iterable[Stream], encryption: str) -> list[Stream]:
    """The streams as a terminal's setting allows: "" takes none that is encrypted, "required" none that is not."""
    out = []
    for one in streams:
        if encryption == "required" and not one.key:
            one = replace(one, port=0)
        elif not encryption and one.key:
            one = replace(one, key=b"", port=0 if one.profile in _ENCRYPTED else one.port)
        out.append(one)
    return out


def _head(host: str, session: int, version: int) -> list[str]:
    family = "IP6" if ":" in host else "IP4"
    return [
        "v=0", f"o=chengheng {session} {version} IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0",
    ]  # fmt: skip


def _body(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()


def _codec_lines(codec: str, number: int, fmtp: str) -> list[str]:
    lines = [f"a=rtpmap:{number} {_LINES[codec]}"]
    if fmtp:
        lines.append(f"a=fmtp:{number} {fmtp}")
    return lines


_REPORTS = ("a=rtcp-fb:* nack pli", "a=rtcp-fb:* ccm fir")


NO_KEYS = (b"", b"")


def offer(
    host: str, sound_port: int, picture_port: int, session: int, keys: tuple[bytes, bytes] = NO_KEYS,
    *, required: bool = False,
) -> bytes:  # fmt: skip
    """What we offer whoever we call: sound in any codec that we know, picture in H.264.

    `keys`: of our sound and our picture, when they may be encrypted. Not `required`, they are offered beside the clear
    (RTP/AVP with a key, as telephones commonly do it).
    """
    profile = "RTP/SAVP" if required else "RTP/AVP"
    numbers = [OFFERED[codec] for codec in SOUND_CODECS]
    lines = _head(host, session, 1)
    lines.append(f"m=audio {sound_port} {profile} {' '.join(map(str, numbers))} {_KEYS_OFFERED}")
    for codec in SOUND_CODECS:
        lines += _codec_lines(codec, OFFERED[codec], "useinbandfec=1" if codec == "opus" else "")
    lines += [
        f"a=rtpmap:{_KEYS_OFFERED} telephone-event/8000",
        f"a=fmtp:{_KEYS_OFFERED} 0-15",
        "a=ptime:20",
        *_key_lines(keys[0], 1),
        "a=sendrecv",
    ]
    lines += [f"m=video {picture_port} {profile} {OFFERED['h264']}", "b=AS:1500", *_key_lines(keys[1], 1)]
    lines += [*_codec_lines("h264", OFFERED["h264"], H264), *_REPORTS, "a=sendrecv"]
    return _body(lines)


def answer(
    streams: list[Stream], host: str, sound_port: int, picture_port: int, session: int, version: int = 1,
    ours: tuple[bytes, bytes] = NO_KEYS,
) -> bytes:  # fmt: skip
    """Our answer to an offer that `read` has read: line by line, the first sound and the first picture taken.

    A stream that comes with a key is answered with ours (of sound and picture).
    """
    lines = _head(host, session, version)
    ports = {"audio": sound_port, "video": picture_port}
    for stream in streams:
        port = ports.pop(stream.kind, 0) if stream.flows else 0
        if not port:
            lines.append(f"m={stream.kind} 0 {stream.profile} {stream.payload_type}")
            continue
        keys = f" {stream.keys}" if stream.keys is not None else ""
        lines.append(f"m={stream.kind} {port} {stream.profile} {stream.payload_type}{keys}")
        if stream.key:
            lines += _key_lines(ours[stream.kind == "video"], stream.tag)
        lines += _codec_lines(stream.codec, stream.payload_type, H264 if stream.codec == "h264" else stream.fmtp)
        if stream.keys is not None:
            lines += [f"a=rtpmap:{stream.keys} telephone-event/8000", f"a=fmtp:{stream.keys} 0-15"]
        if stream.kind == "video":
            lines += _REPORTS
        lines.append({(True, True): "a=sendrecv", (True, False): "a=recvonly", (False, True): "a=sendonly"}.get(
            (stream.sends, stream.receives), "a=inactive"))  # fmt: skip
    return _body(lines)


def chosen(streams: list[Stream]) -> tuple[Stream | None, Stream | None]:
    """The first sound and the first picture that flow. Raises BadDescription when there is neither."""
    sound = next((one for one in streams if one.kind == "audio" and one.flows), None)
    picture = next((one for one in streams if one.kind == "video" and one.flows), None)
    if sound is None and picture is None:
        raise BadDescription("nothing in common")
    return sound, picture


# What little of RTCP a call needs (RFC 3550 §6, RFC 4585 §6.3.1)


def picture_wanted(ssrc: int, of: int) -> bytes:
    """An empty report and "send a whole picture" (PLI)."""
    return (
        b"\x80\xc9\x00\x01"
        + ssrc.to_bytes(4, "big")
        + b"\x81\xce\x00\x02"
        + ssrc.to_bytes(4, "big")
        + of.to_bytes(4, "big")
    )


def wants_picture(data: bytes) -> bool:
    """Whether a compound RTCP packet asks for a whole picture: PLI, FIR of RFC 5104, or the old FIR of RFC 2032."""
    at = 0
    while at + 4 <= len(data) and data[at] >> 6 == 2:
        kind, form = data[at + 1], data[at] & 0x1F
        if kind == 192 or (kind == 206 and form in (1, 4)):
            return True
        at += 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def key_pressed(payload: bytes) -> str:
    """The key of an event packet (RFC 4733 §2.3); "" for other events."""
    return "0123456789*#ABCD"[payload[0]] if len(payload) >= 4 and payload[0] < 16 else ""


def starts_picture(payload: bytes) -> bool:
    """Whether an H.264 payload begins what can be decoded without what came before: a parameter set or a key frame."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == 24 and len(payload) > 3:  # several units in one packet: the first of them
        kind = payload[3] & 0x1F
    elif kind == 28 and len(payload) > 1:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in (5, 7)
    return kind in (5, 7)
