"""Asking one check once, from a page: the same probe as the prober's, in a loop of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from chengheng.maintenance.models import Check
from chengheng.maintenance.prober.probes import Answer, Prober, understand

LONGEST_S = 10.0


def ask_once(check: Check) -> Answer:
    """The answer, within ten seconds; what is not understood or told by others is an answer too."""

    async def ask() -> Answer:
        prober = Prober()
        try:
            options = check.options | check.secrets
            target = understand(check.kind, check.target, options)
            return await prober.ask(target, options, min(check.timeout_s, LONGEST_S))
        except ValueError:
            return Answer(False, None, check.target)
        finally:
            await prober.close()

    with ThreadPoolExecutor(1) as one:  # the caller's thread may have a loop
        return one.submit(asyncio.run, ask()).result()
