"""Normal time of a device, exactly, from intervals. All rates of this room stand on this one definition.

Local rule, documented here because no standard at hand defines 正常养护率 (see facts/ops.md §1):

- *due* time is the time in service, less approved exclusions (maintenance windows, power cuts by others), less time in
  which nobody can know the state (the prober did not run);
- *down* time is the union of the intervals in which a probe or a person found the device not working, within due time;
- the normal rate by device-hours is (due − down) ÷ due.

Down wins over unknown: what a person reported stays true while the prober sleeps. Intervals are half-open [start, end).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Interval = tuple[datetime, datetime]
_NOTHING = timedelta(0)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals in order, merged where they touch or overlap; empty and reversed ones fall out."""
    merged: list[Interval] = []
    for start, end in sorted(pair for pair in intervals if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def without(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """What is left of `intervals` outside `removed`."""
    left, cuts = [], union(removed)
    for start, end in union(intervals):
        at = start
        for cut_start, cut_end in cuts:
            if cut_end <= at or cut_start >= end:
                continue
            if cut_start > at:
                left.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            left.append((at, end))
    return left


def common(one: Iterable[Interval], other: Iterable[Interval]) -> list[Interval]:
    """What lies in both."""
    others = union(other)
    return [
        (max(start, other_start), min(end, other_end))
        for start, end in union(one)
        for other_start, other_end in others
        if max(start, other_start) < min(end, other_end)
    ]


def length(intervals: Iterable[Interval]) -> timedelta:
    """The time covered; overlaps count once."""
    return sum((end - start for start, end in union(intervals)), _NOTHING)


@dataclass(frozen=True)
class Normal:
    """Due and down time of one device in a period."""

    due: timedelta
    down: timedelta

    @property
    def normal(self) -> timedelta:
        return self.due - self.down


def normal_time(
    period: Interval, in_service: Sequence[Interval], down: Iterable[Interval] = (),
    unknown: Iterable[Interval] = (), excluded: Iterable[Interval] = (),
) -> Normal:  # fmt: skip
    """Due and down time of one device (see the head of this file)."""
    down = union(down)
    unknowable = without(unknown, down)
    due = without(common([period], in_service), [*excluded, *unknowable])
    return Normal(length(due), length(common(due, down)))
