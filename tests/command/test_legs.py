"""What a browser receives, when the engine is slow to answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from chengheng.command.conference.live.janus import EngineLost
from chengheng.command.conference.live.legs import Receiver, Wanted


class SlowJanus:
    """An engine that is up and does not answer the first requests in time."""

    def __init__(self, silent: int, gone: bool = False) -> None:
        self.epoch, self.up, self.silent, self.gone = 1, True, silent, gone
        self.detached: list[int] = []
        self._handle = 0

    async def attach(self, _opaque: str, _handler: Any) -> int:
        self._handle += 1
        return self._handle

    async def message(self, _handle: int, body: dict[str, Any], _jsep: Any = None) -> Any:
        if body["request"] == "join" and self.silent:
            self.silent -= 1
            if self.gone:
                self.up = False
            raise EngineLost
        streams = [{"mid": "0", "feed_id": one["feed"], "feed_mid": one["mid"]} for one in body.get("streams", ())]
        return SimpleNamespace(data={"streams": streams}, jsep=None)

    async def detach(self, handle: int) -> None:
        self.detached.append(handle)


def shown(janus: SlowJanus) -> Receiver:
    async def say(_message: dict[str, Any]) -> None: ...

    async def work() -> Receiver:
        receiver = Receiver(janus, "m1", "x", say, lambda _feed, _mid: None)  # type: ignore[arg-type]
        receiver.show([Wanted("5.1", "1")])
        assert receiver._worker is not None
        await asyncio.wait_for(receiver._worker, 5)
        return receiver

    return asyncio.run(work())


def test_asks_again_when_the_engine_did_not_answer_in_time():
    janus = SlowJanus(silent=2)
    assert shown(janus).shown == {("5.1", "1"): ("0", -1)}
    assert janus.detached == [1, 2]


def test_leaves_it_to_the_new_engine_when_the_old_one_is_gone():
    janus = SlowJanus(silent=1, gone=True)
    assert shown(janus).shown == {}
    assert janus.detached == []
