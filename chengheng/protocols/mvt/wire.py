"""Protocol buffers' wire format, as far as a tile needs it: varints, zig-zag, length-delimited fields, values."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

Value = str | bytes | bool | int | float


def varint(value: int) -> bytes:
    """A number ≥ 0, seven bits a byte, the lowest first."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """Small numbers of either sign to small numbers ≥ 0."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def field(number: int, body: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def packed(numbers: Iterable[int]) -> bytes:
    """Varints one after the other."""
    return b"".join(map(varint, numbers))


def value(said: Value) -> bytes:
    """A Value message: text, truth, whole number or double."""
    if isinstance(said, str | bytes):
        return field(1, said.encode() if isinstance(said, str) else said)
    if isinstance(said, bool):
        return b"\x38" + varint(int(said))
    if isinstance(said, int):
        return b"\x28" + varint(said) if said >= 0 else b"\x30" + varint(zigzag(said))
    return b"\x19" + struct.pack("<d", said)


Piece = tuple[np.ndarray, np.ndarray | int]
"""Bytes of many messages side by side: a matrix (messages × bytes) and how many bytes of each row count."""


def varints(numbers: np.ndarray) -> Piece:
    """`varint` of a column of numbers ≥ 0."""
    most = int(numbers.max()) if len(numbers) else 0
    width = max(1, -(-most.bit_length() // 7))
    if width == 1:
        return numbers.astype(np.uint8)[:, None], 1
    rest: Any = numbers.astype(np.uint64 if most >> 31 else np.uint32)
    matrix = np.empty((len(numbers), width), np.uint8)
    lengths = np.ones(len(numbers), np.uint8)
    for place in range(width):
        matrix[:, place] = rest & 0x7F
        rest = rest >> 7
        if place + 1 < width:
            more = rest > 0
            matrix[:, place] |= more.astype(np.uint8) << 7
            lengths += more
    return matrix, lengths


def constant(said: bytes, count: int) -> Piece:
    """The same bytes in every message."""
    return np.broadcast_to(np.frombuffer(said, np.uint8), (count, len(said))), len(said)


def length(pieces: Iterable[Piece]) -> Any:
    """How many bytes each message has."""
    return sum((lengths for _matrix, lengths in pieces), 0)


def flatten(pieces: list[Piece]) -> bytes:
    """All messages one after the other."""
    matrix = np.concatenate([matrix for matrix, _lengths in pieces], axis=1)
    if all(isinstance(lengths, int) for _matrix, lengths in pieces):
        return matrix.tobytes()
    counts = np.empty(matrix.shape, bool)
    start = 0
    for part, lengths in pieces:
        width = part.shape[1]
        if isinstance(lengths, int):
            counts[:, start : start + width] = True
        else:
            counts[:, start : start + width] = np.arange(width, dtype=np.uint8) < lengths[:, None]
        start += width
    return matrix[counts].tobytes()
