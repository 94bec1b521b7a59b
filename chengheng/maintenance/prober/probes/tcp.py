"""TCP connect and nothing more; closed with a reset, so that no socket stays in TIME-WAIT."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import time

from chengheng.maintenance.prober.probes.answers import Answer, Done
from chengheng.maintenance.prober.probes.deadlines import Deadlines

_RESET = struct.pack("ii", 1, 0)
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK}


class Connector:
    """Connects and calls back; no task and no timer for each."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[socket.socket, Done, float, float]] = {}
        self._number = 0
        self._deadlines = Deadlines(self._late)

    def connect(self, address: str, port: int, timeout: float, done: Done) -> None:
        """Ask once; `done` is called with the answer. `address` is numeric."""
        began = time.perf_counter()
        try:
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            done(Answer(False, None, str(error)))
            return
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        try:
            code = one.connect_ex((address, port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code in _UNDER_WAY:
            self._number += 1
            self._waiting[self._number] = (one, done, began, timeout)
            self._loop.add_writer(one.fileno(), self._ready, self._number)
            self._deadlines.add(self._number, timeout)
            return
        one.close()
        done(_told(code, began))

    def _ready(self, number: int) -> None:
        found = self._waiting.pop(number, None)
        if found is None:
            return
        one, done, began, _timeout = found
        self._loop.remove_writer(one.fileno())
        code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        answer = _told(code, began)
        one.close()
        done(answer)

    def _late(self, number: int) -> None:
        found = self._waiting.pop(number, None)
        if found is not None:
            one, done, _began, timeout = found
            self._loop.remove_writer(one.fileno())
            one.close()
            done(Answer(False, None, f"no answer within {timeout:g} s"))

    def close(self) -> None:
        for one, _done, _began, _timeout in self._waiting.values():
            self._loop.remove_writer(one.fileno())
            one.close()
        self._waiting.clear()
        self._deadlines.close()


def _told(code: int, began: float) -> Answer:
    return Answer(True, (time.perf_counter() - began) * 1000) if code == 0 else Answer(False, None, os.strerror(code))
