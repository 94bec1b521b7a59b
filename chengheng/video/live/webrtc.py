"""The low-latency mode: H.264 passed through as WebRTC by aiortc, nothing decoded or encoded.

Same token, same source, same permission as the WebSocket. No STUN server is asked (media stays in the network). Costs
about thirty times what a WebSocket viewer costs (facts §4), so it is for the one who steers, not for the wall.
"""

from __future__ import annotations

import asyncio
import fractions
import logging
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensionsMap
from av.packet import Packet

from chengheng.protocols.fmp4.muxer import Segment
from chengheng.video.live.source import Source, Viewer

log = logging.getLogger("chengheng.video.webrtc")
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
START = b"\0\0\0\1"
CLOCK = fractions.Fraction(1, 90_000)


if all(item.uri != PLAYOUT_DELAY for item in HEADER_EXTENSIONS["video"]):
    HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=5, uri=PLAYOUT_DELAY))


class AtOnce(HeaderExtensionsMap):
    """Header extensions of a sender that asks to be shown without delay: the least and the longest delay are 0.

    Without it the browser takes the burst of the cached pictures for a network that jitters and waits for seconds.
    """

    _delay_id = 0

    def configure(self, parameters: Any) -> None:
        super().configure(parameters)
        self._delay_id = next((item.id for item in parameters.headerExtensions if item.uri == PLAYOUT_DELAY), 0)

    def set(self, values: Any) -> tuple[int, bytes]:
        profile, value = super().set(values)
        if profile == 0xBEDE and 0 < self._delay_id < 15:  # one-byte headers (RFC 8285 4.2), padded to words
            value += bytes([self._delay_id << 4 | 2]) + b"\0\0\0"
        return profile, value


def annex_b(segment: Segment) -> bytes:
    """The sample of one of our fragments with start codes instead of lengths."""
    data = segment.data
    at = 112  # moof of 104 bytes, head of mdat
    out = []
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        out.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return START + START.join(out)


class Picture(MediaStreamTrack):
    """Packets of one source as an aiortc track; `Viewer` drops to the next key frame when it is too slow."""

    kind = "video"

    def __init__(self, source: Source, viewer: Viewer) -> None:
        super().__init__()
        self._source, self._viewer = source, viewer
        self._segments: list[Segment] = []

    async def recv(self) -> Any:
        while True:
            if not self._segments:
                self._segments = [item for item in await self._viewer.next() if item.video and not item.mime]
                if not self._segments and self._viewer.ended:
                    self.stop()
                    raise MediaStreamError
                continue
            segment = self._segments.pop(0)
            data = annex_b(segment)
            if segment.key:
                data = self._source.stream.muxer.parameter_sets() + data
            packet = Packet(data)
            packet.pts = packet.dts = segment.time
            packet.time_base = CLOCK
            packet.is_keyframe = segment.key
            return packet


async def answer(source: Source, viewer: Viewer, offer: str) -> tuple[RTCPeerConnection, str]:
    """Answer a browser's offer. ValueError when it does not offer H.264."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        # before the offer is read: the common codecs are chosen then
        transceiver = connection.addTransceiver(Picture(source, viewer), direction="sendonly")
        vars(transceiver.sender)["_RTCRtpSender__rtp_header_extensions_map"] = AtOnce()
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([item for item in capabilities if item.mimeType == "video/H264"])
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        if "H264" not in connection.localDescription.sdp:
            raise ValueError("the browser does not offer H.264")
        return connection, connection.localDescription.sdp
    except Exception:
        await connection.close()
        raise


async def lasting(connection: RTCPeerConnection, viewer: Viewer) -> None:
    """Until the connection or the stream ends."""
    over = asyncio.Event()

    @connection.on("connectionstatechange")
    async def changed() -> None:
        if connection.connectionState in ("failed", "closed", "disconnected"):
            over.set()

    async def watch() -> None:
        while not viewer.ended:
            await asyncio.sleep(0.5)
        over.set()

    watcher = asyncio.create_task(watch())
    try:
        await over.wait()
    finally:
        watcher.cancel()
        await connection.close()
