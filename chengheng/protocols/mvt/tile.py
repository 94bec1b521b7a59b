"""A tile of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chengheng.protocols.mvt import columns, features, wire
from chengheng.protocols.mvt.columns import Points
from chengheng.protocols.mvt.features import Feature
from chengheng.protocols.mvt.frame import EXTENT, MARGIN, MOST_ZOOM, Frame, box_of, world

__all__ = ["EXTENT", "MARGIN", "MOST_ZOOM", "box_of", "encode", "world"]


def encode(
    layers: Mapping[str, Iterable[Feature] | Points], z: int, x: int, y: int, extent: int = EXTENT, margin: int = MARGIN
) -> bytes:
    """The bytes of tile z/x/y; layers without anything in the tile are left out, so an empty tile is no bytes.

    Order: what comes first is drawn first. ValueError for a tile that is not in the world.
    """
    frame = Frame(z, x, y, extent, margin)
    out = []
    for name, held in layers.items():
        body = columns.body(held, frame) if isinstance(held, Points) else features.body(held, frame)
        if body:
            layer = b"\x78\x02" + wire.field(1, name.encode()) + body + b"\x28" + wire.varint(extent)
            out.append(wire.field(3, layer))
    return b"".join(out)
