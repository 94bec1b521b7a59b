"""The sockets of a SIP node."""

from __future__ import annotations

import asyncio
import errno

import pytest

from chengheng.common.sipnode import Node


def test_a_free_port_whose_connections_are_taken_is_left_for_another(monkeypatch):
    taken: list[int] = []
    really = asyncio.base_events.BaseEventLoop.create_server

    async def taken_twice(loop, protocol, host, port, **more):
        if len(taken) < 2:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return await really(loop, protocol, host, port, **more)

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "create_server", taken_twice)

    async def opened(port: int) -> int:
        node = Node("127.0.0.1", port)
        await node.start()
        await node.stop()
        return node.port

    found = asyncio.run(opened(0))
    assert found not in (0, *taken)
    taken.clear()
    with pytest.raises(OSError, match="taken"):
        asyncio.run(opened(found))  # a port that was asked for is that port or none
