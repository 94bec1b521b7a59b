"""Reads a map file (Shapefile, GeoPackage) with GDAL in a process of its own: `python reader.py PATH`.

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

MEMORY_BYTES = 3 * 1024**3
CPU_SECONDS = 120
MAX_FEATURES = 200_000
DRIVERS = {"ESRI Shapefile", "GPKG"}


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
    layers = pyogrio.list_layers(path)
    if len(layers) != 1:
        raise ValueError(f"it holds {len(layers)} layers, not one")
    about = pyogrio.read_info(path)
    if about["driver"] not in DRIVERS:
        raise ValueError("it is neither a Shapefile nor a GeoPackage")
    if about["features"] > MAX_FEATURES:
        raise ValueError(f"it holds {about['features']} features; at most {MAX_FEATURES} are read")
    meta, _ids, shapes, columns = pyogrio.raw.read(path, max_features=MAX_FEATURES, force_2d=True)
    names = [str(name) for name in meta["fields"]]
    write = sys.stdout.write
    write(json.dumps({"crs": meta["crs"], "fields": names, "count": len(shapes)}, ensure_ascii=False) + "\n")
    for number, shape in enumerate(shapes):
        values = {}
        for name, column in zip(names, columns, strict=True):
            value = column[number]
            whole = isinstance(value, float) and value == value and value == int(value)
            values[name] = "" if value is None or value != value else str(int(value) if whole else value)
        write(json.dumps({"p": values, "g": shape.hex() if shape else None}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
        sys.stdout.flush()
    except BaseException as error:
        sys.stdout.write(json.dumps({"error": str(error)[:300]}) + "\n")
        sys.stdout.flush()
        os._exit(1)
