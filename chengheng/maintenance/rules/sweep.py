"""Normal time of many devices at once: the definition of `spans`, as one sweep over all edges in order of time.

Moments are whole microseconds (of any epoch), devices are places 0 … n−1. Exact: nothing is rounded, and sums stay far
below what a double holds exactly (2⁵³ µs are 285 years).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Ints = np.ndarray


@dataclass(frozen=True)
class Intervals:
    """Half-open intervals [since, until), each of the device at its place."""

    device: Ints
    since: Ints
    until: Ints

    def within(self, lo: Ints, hi: Ints) -> Intervals:
        """What lies in the service [lo, hi) of each device."""
        since, until = np.maximum(self.since, lo[self.device]), np.minimum(self.until, hi[self.device])
        left = since < until
        return Intervals(self.device[left], since[left], until[left])


def normal_times(lo: Ints, hi: Ints, down: Intervals, unknown: Intervals, excluded: Intervals) -> tuple[Ints, Ints]:
    """(due, down) in microseconds of each device in service over [lo, hi): see the head of `spans`.

    Not due is what is excluded, and what is unknown and not down; down counts where it is due.
    """
    kinds = [one.within(lo, hi) for one in (down, unknown, excluded)]
    device = np.concatenate([part for one in kinds for part in (one.device, one.device)])
    moment = np.concatenate([part for one in kinds for part in (one.since, one.until)])
    if not len(device):
        return hi - lo, np.zeros_like(lo)
    order = np.lexsort((moment, device))
    device, moment = device[order], moment[order]
    depth, start = [], 0
    for one in kinds:
        edge = np.zeros(len(order), dtype=np.int32)
        edge[start : start + len(one.device)] = 1
        edge[start + len(one.device) : start + 2 * len(one.device)] = -1
        depth.append(np.cumsum(edge[order])[:-1] > 0)
        start += 2 * len(one.device)
    is_down, is_unknown, is_excluded = depth
    length = np.diff(moment)
    length[device[1:] != device[:-1]] = 0
    size, at = len(lo), device[:-1]
    lost = np.bincount(at, length * (is_excluded | (is_unknown & ~is_down)), size)
    broken = np.bincount(at, length * (is_down & ~is_excluded), size)
    return hi - lo - lost.astype(np.int64), broken.astype(np.int64)
