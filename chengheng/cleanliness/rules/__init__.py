"""What the field says of dust weighing (以克论净), as pure functions: no database, no clock, no I/O.

以克论净 weighs all sweepings of a frame (about 5–20 g/m²). It is never mixed with 道路尘负荷 (silt loading, 0.3–0.9 g/m²).
"""
