"""H.265 coded anew as H.264 as the last way: the process, who shares it, the limit, what it cost."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import av
import pytest
from django.utils import timezone

from chengheng.common.errors import Invalid, NotPermitted
from chengheng.video import actions, queries, rules
from chengheng.video.camera.picture import Encoder, View, draw, read_counters
from chengheng.video.live.transcode_child import IN, OUT, Coder, main
from chengheng.video.models import Channel, Device, Transcode, TranscodeLimit, Watching

from .live_site import wait
from .test_sound import fits

pytestmark = pytest.mark.timeout(120)


def pictures(count: int, codec: str = "h265", width: int = 640, height: int = 368) -> list[tuple[bytes, bool]]:
    encoder = Encoder(codec, width, height, 10, 10, 800_000)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        encoder.encode(draw(width, height, number, View(), "x", now, number), number % 10 == 0)
        for number in range(count)
    )
    return [item for item in made if item[0]]


def decoded(units: list[bytes]) -> list[int]:
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for data in units for frame in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    return [read_counters(frame.to_ndarray(format="gray"))[0] for frame in frames]


class TestTheProcess:
    def test_every_picture_comes_out_with_its_time_and_keys_follow_keys(self):
        coder = Coder(720)
        found = []
        for number, (data, key) in enumerate(pictures(30)):
            found += coder(data, number * 9000, key)
        assert len(found) >= 28  # at most two are still in the decoder
        assert decoded([data for data, _at, _key in found])[:28] == list(range(28))
        times = [at for _data, at, _key in found]
        assert times == [number * 9000 for number in range(len(found))]
        assert [at // 9000 for _data, at, key in found if key] == [0, 10, 20]

    def test_large_pictures_are_made_smaller(self):
        coder = Coder(240)
        found = [item for number, (data, key) in enumerate(pictures(6)) for item in coder(data, number * 9000, key)]
        decoder = av.CodecContext.create("h264", "r")
        frame = next(frame for data, _at, _key in found for frame in decoder.decode(av.Packet(data)))
        assert (frame.width, frame.height) == (418, 240)

    def test_it_begins_at_a_key_and_survives_nonsense(self):
        coder = Coder(720)
        units = pictures(25)
        assert not coder(units[1][0], 9000, False)
        assert not coder(b"\0\0\0\1" + bytes(range(256)) * 4, 0, True)
        found = [item for number, (data, key) in enumerate(units) for item in coder(data, number * 9000, key)]
        assert set(range(11, 20)) <= set(decoded([data for data, _at, _key in found]))

    def test_it_speaks_by_lengths_and_tells_what_it_cost(self, monkeypatch):
        monkeypatch.setattr("os.nice", lambda by: 0)
        monkeypatch.setattr("resource.setrlimit", lambda which, limits: None)
        units = pictures(12)
        source = io.BytesIO(b"".join(IN.pack(len(data), at * 9000, key) + data for at, (data, key) in enumerate(units)))
        sink = io.BytesIO()
        main(720, source, sink)
        data, costs = sink.getvalue(), []
        while data:
            size, _at, _key, spent = OUT.unpack(data[: OUT.size])
            costs.append(spent)
            data = data[OUT.size + size :]
        assert len(costs) >= 10
        assert costs == sorted(costs)
        assert costs[-1] > 0


async def watch(port: int, token: str, seconds: float, convert: int = 1, most: float = 40) -> tuple[list[dict], bytes]:
    """What a player is told and sent, until `seconds` after the first picture."""
    told, data = [], b""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://127.0.0.1:{port}/video/play?token={token}&h265=0&convert={convert}", max_msg_size=0
        ) as socket,
    ):
        end = asyncio.get_running_loop().time() + most
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                message = await socket.receive(timeout=left)
            except TimeoutError:
                break
            if message.type == aiohttp.WSMsgType.TEXT:
                told.append(json.loads(message.data))
            elif message.type == aiohttp.WSMsgType.BINARY:
                if not data:
                    end = asyncio.get_running_loop().time() + seconds
                data += message.data
            else:
                break
    return told, data


def numbers(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data), format="mp4") as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [read_counters(frame.to_ndarray(format="gray"))[0] for frame in container.decode(video=0)]


def cameras(row, count: int) -> list[Channel]:
    wait(lambda: Device.objects.get(pk=row.pk).online)
    return wait(lambda: found if len(found := list(Channel.objects.order_by("gb_id"))) == count else None)


def test_two_viewers_share_one_process_and_it_ends_after_them(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"], codec="h265", fps=8, gop=8, sound="g711a"):
        (camera,) = cameras(row, 1)
        port = site.settings.LIVE_PORT

        async def both():
            tokens = await asyncio.to_thread(
                lambda: [actions.permit_watching(operator, camera.pk) for _one in range(2)]
            )
            return await asyncio.gather(watch(port, tokens[0], 6), watch(port, tokens[1], 6))

        for told, data in site.run(both(), 80):
            assert [item["type"] for item in told if item["type"] in ("converting", "converted")] == [
                "converting",
                "converted",
            ]
            data = data[data.rfind(b"ftyp") - 4 :]  # from where the sound was announced beside the pictures
            found = numbers(data)
            assert len(found) >= 6
            assert found == list(range(found[0], found[0] + len(found)))
            fits(data, least=1)
        done = wait(lambda: Transcode.objects.exclude(ended_at=None).first(), 15)
        assert (done.stop_reason, Transcode.objects.count()) == ("idle", 1)
        assert done.frames >= 8
        assert done.cpu_seconds > 0
        assert Watching.objects.filter(way="transcode").count() == 2
        assert not site.service.transcoding.running
        figures = queries.state(operator)["transcodes"]
        assert (figures["ran"], figures["now"], figures["refused"], figures["limit"]) == (1, 0, 0, 2)
        assert figures["load"] > 0


def test_beyond_the_limit_the_next_camera_is_refused_and_counted(site, device, engineer, operator):
    actions.set_transcode_limit(engineer, timezone.localdate(), 1, "test")
    row, password = device
    with site.camera(row, password, ["和平路口", "南京路"], codec="h265", fps=5, gop=5):
        first, second = cameras(row, 2)
        port = site.settings.LIVE_PORT
        token = actions.permit_watching(operator, first.pk)
        future = asyncio.run_coroutine_threadsafe(watch(port, token, 12), site.loop)
        wait(lambda: site.service.transcoding.running)
        told, data = site.run(watch(port, actions.permit_watching(operator, second.pk), 8))
        assert not data
        assert (told[-1]["type"], told[-1]["code"], told[-1]["detail"]) == ("stopped", "transcode_full", "1/1")
        assert "H.265" in told[-1]["what"]
        assert numbers(future.result(60)[1])  # the first one went on
        assert Transcode.objects.get(stop_reason="transcode_full").channel == second
        assert queries.transcodes(operator)["refused"] == 1
        # who does not ask for it gets the reason only
        told, _data = site.run(watch(port, actions.permit_watching(operator, second.pk), 8, convert=0))
        assert told[-1]["type"] == "codec"


def test_a_process_that_dies_is_told(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"], codec="h265", fps=5, gop=5):
        (camera,) = cameras(row, 1)
        token = actions.permit_watching(operator, camera.pk)
        future = asyncio.run_coroutine_threadsafe(watch(site.settings.LIVE_PORT, token, 20), site.loop)
        (item,) = wait(lambda: list(site.service.transcoding.running.values()))
        wait(lambda: item.frames > 3)
        site.loop.call_soon_threadsafe(item._process.kill)
        told, _data = future.result(60)
        assert told[-1]["code"] == "transcode_failed"
        assert wait(lambda: Transcode.objects.exclude(ended_at=None).first()).stop_reason == "transcode_failed"


def test_the_limit_is_dated_and_has_a_source(engineer, operator, client):
    assert queries.transcode_limit() == rules.EXAMPLE_TRANSCODES
    today = timezone.localdate()
    with pytest.raises(NotPermitted):
        actions.set_transcode_limit(operator, today, 3, "x")
    for wrong in ((today - timedelta(days=1), 3, "x"), (today, -1, "x"), (today, 3, " ")):
        with pytest.raises(Invalid):
            actions.set_transcode_limit(engineer, *wrong)
    actions.set_transcode_limit(engineer, today, 3, "视频中心通知")
    actions.set_transcode_limit(engineer, today + timedelta(days=9), 5, "扩容后")
    assert queries.transcode_limit() == 3
    assert queries.transcode_limit(today + timedelta(days=10)) == 5
    assert TranscodeLimit.objects.count() == 2
    client.force_login(operator)
    assert "视频中心通知" in client.get("/video/transcodes/").content.decode()
    assert client.post("/video/transcodes/", {"most": 9}).status_code == 403
