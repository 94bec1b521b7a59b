"""A platform of ours in a process of its own for sipp and benchmarks: `python -m tests.video.sip_element DEVICES`.

Prints its port, then, at the end of its input, the CPU seconds it used and its counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from chengheng.video.live.platform import Entry, Platform, Settings
from tests.video.conftest import PLATFORM_ID, MemoryStore


async def serve(devices: int) -> None:
    entries = []
    for number in range(1, devices + 1):
        gb_id = f"1201000000132{number:07d}"
        entries.append(Entry(pk=number, gb_id=gb_id, login=gb_id, password="sipp-pass", catalog_minutes=0))
    platform = Platform(Settings(PLATFORM_ID, "1201000000", "127.0.0.1", 0), MemoryStore(*entries))
    platform._greet = _silent  # sipp answers no queries
    await platform.start()
    used = time.process_time()
    print(platform.node.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps({
        "cpu_s": time.process_time() - used, "counts": platform.counts, "received": platform.node.received,
        "online": sum(entry.online for entry in platform.entries.values()), "writes": platform.store.writes,
    }), flush=True)  # fmt: skip
    await platform.stop()


async def _silent(entry: Entry) -> None:
    return


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
