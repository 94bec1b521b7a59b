"""Reads a map file (Shapefile, GeoPackage, KML, DXF) with GDAL in a process of its own: `python reader.py PATH`.

The file comes from outside and GDAL is a large C library: this process has no database, no secrets, little memory and
little time, and the caller switches every driver off (OGR_SKIP) but the two that are needed. It imports nothing of the
product.

Writes to standard output one line of JSON, `{"crs": "EPSG:4490" or WKT, "fields": [names], "count": n}`, then one line
per feature: `{"p": {field: text}, "g": hex of WKB or null}`. On failure one line `{"error": text}` and exit status 1.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

MEMORY_BYTES = 3 * 1024**3
CPU_SECONDS = 120
MAX_FEATURES = 200_000
DRIVERS = {"ESRI Shapefile", "GPKG", "LIBKML", "DXF"}
MANY_LAYERS = {"LIBKML"}  # a folder of a KML is a layer; the others must hold one


def limit_self() -> None:
    """Bound memory and time, and let nothing be written."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.update(
        GDAL_NUM_THREADS="1",
        CPL_CURL_ENABLE_VSIMEM="NO",
        GDAL_HTTP_TIMEOUT="1",
        OGR_SQLITE_LOAD_EXTENSIONS="NO",
        OGR_SQLITE_JOURNAL="OFF",
    )


def main(path: str) -> None:
    limit_self()
    import pyogrio

    if not set(pyogrio.list_drivers()) <= DRIVERS:
        raise RuntimeError("drivers that are not wanted are switched on")
    layers = [str(name) for name, _kind in pyogrio.list_layers(path)]
    about: Any = pyogrio.read_info(path, layer=layers[0]) if layers else {"driver": "", "features": 0}
    if about["driver"] not in DRIVERS:
        raise ValueError("it is none of Shapefile, GeoPackage, KML, DXF")
    if len(layers) != 1 and about["driver"] not in MANY_LAYERS:
        raise ValueError(f"it holds {len(layers)} layers, not one")
    held, total = [], 0
    for layer in layers:
        counted: Any = about if layer == layers[0] else pyogrio.read_info(path, layer=layer)
        total += max(counted["features"], 0)
        if total > MAX_FEATURES:
            raise ValueError(f"it holds {total} features; at most {MAX_FEATURES} are read")
        held.append(pyogrio.raw.read(path, layer=layer, max_features=MAX_FEATURES, force_2d=True))
    names = list(dict.fromkeys(str(name) for meta, *_rest in held for name in meta["fields"]))
    count = sum(len(shapes) for _meta, _ids, shapes, _columns in held)
    write = sys.stdout.write
    write(json.dumps({"crs": held[0][0]["crs"], "fields": names, "count": count}, ensure_ascii=False) + "\n")
    for meta, _ids, shapes, columns in held:
        texts = [[text(value) for value in column] for column in columns]
        fields = [str(name) for name in meta["fields"]]
        for number, shape in enumerate(shapes):
            values = {name: column[number] for name, column in zip(fields, texts, strict=True)}
            write(json.dumps({"p": values, "g": shape.hex() if shape else None}, ensure_ascii=False) + "\n")


def text(value: object) -> str:
    """A field's value in words; whole numbers that came as floats lose their point."""
    if value is None or value != value:
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
        sys.stdout.flush()
    except BaseException as error:
        sys.stdout.write(json.dumps({"error": str(error)[:300]}) + "\n")
        sys.stdout.flush()
        os._exit(1)
