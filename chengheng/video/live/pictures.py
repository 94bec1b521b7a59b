"""Cameras as live pictures for other systems (`common.pictures`): the same one call-up as all viewers share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from chengheng.common import pictures
from chengheng.common.live import in_thread
from chengheng.protocols.h26x import nal
from chengheng.video.live import store
from chengheng.video.live.platform import CallStopped, LiveCall
from chengheng.video.live.source import Viewer

if TYPE_CHECKING:
    from chengheng.video.live.web import Service

WAY = "meeting"


class Camera:
    """One camera being shown elsewhere; it counts as a viewer, in memory and in the record of who watched."""

    def __init__(self, call: LiveCall, viewer: Viewer, watching: int) -> None:
        self._call, self._viewer, self._watching = call, viewer, watching
        self._begun = False

    async def frames(self) -> list[pictures.Frame]:
        from chengheng.video.live.webrtc import annex_b  # aiortc is heavy: only when a picture is sent

        while True:
            segments = await self._viewer.next()
            if not segments:
                return []
            found = []
            for segment in segments:
                if not segment.video or segment.mime:
                    continue
                self._begun = self._begun or segment.key
                if not self._begun:
                    continue
                units = nal.split(annex_b(segment))
                if segment.key:
                    units = nal.split(self._call.source.stream.muxer.parameter_sets()) + units
                found.append(pictures.Frame(units, segment.time, segment.key))
            if found:
                return found

    async def close(self) -> None:
        self._call.source.detach(self._viewer)
        self._viewer.end("left")
        with contextlib.suppress(Exception):
            await in_thread(store.close_watching, self._watching, None, self._viewer.dropped, "left")


async def show(service: Service, pk: int, user_pk: int | None) -> Camera:
    """Call a camera up, or join those who watch it. Raises NoPicture."""
    try:
        entry, channel_id = await service.entry(pk)
        call = await service.platform.live(entry, pk, channel_id, user_pk=user_pk)
    except CallStopped as stopped:
        raise pictures.NoPicture(stopped.code) from stopped
    if call.source.stream.muxer.codec != "h264":
        raise pictures.NoPicture("bad_codec")
    viewer = service.platform.viewer(call)
    try:
        watching = await in_thread(store.open_watching, call.id, user_pk, WAY)
    except BaseException:
        call.source.detach(viewer)
        raise
    return Camera(call, viewer, watching)
