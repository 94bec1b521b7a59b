"""The body of a Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec), before snappy compression.

message WriteRequest { repeated TimeSeries timeseries = 1; }
message TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
message Label        { string name = 1; string value = 2; }
message Sample       { double value = 1; int64 timestamp = 2; }   // milliseconds since 1970
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

Series = tuple[Mapping[str, str], Iterable[tuple[int, float]]]
"""Labels (with `__name__`) and (milliseconds, value) pairs in order of time."""


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, body: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(body)) + body


def write_request(series: Iterable[Series]) -> bytes:
    """The protobuf message. Labels are put in the order of their names, as receivers demand; empty ones are left out."""
    out = bytearray()
    for labels, points in series:
        one = bytearray()
        for name, value in sorted(labels.items()):
            if value:
                one += _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for at, number in points:
            one += _field(2, b"\x09" + struct.pack("<d", number) + b"\x10" + _varint(at % (1 << 64)))
        out += _field(1, bytes(one))
    return bytes(out)
