"""A part of the map as an address tells it: `?bbox=west,south,east,north`."""

from __future__ import annotations

from django.utils.translation import gettext as _

from chengheng.common.errors import Invalid

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

MOST_EAST = 540  # degrees: a map that is drawn one and a half times round the world


def read_box(said: str) -> Box:
    """The box that "west,south,east,north" names, in degrees. Invalid, field `bbox`, when it names none."""
    try:
        west, south, east, north = (float(part) for part in said.split(","))
    except ValueError:
        raise _none() from None
    if not (-MOST_EAST <= west < east <= MOST_EAST and -90 <= south < north <= 90):
        raise _none()
    return west, south, east, north


def asked_box(said: str | None) -> Box | None:
    """The box that `?bbox=` names; None where the whole is asked for. Invalid, field `bbox`, when it names none."""
    return read_box(said) if said else None


def _none() -> Invalid:
    return Invalid(_("A box is four numbers: west, south, east, north."), field="bbox")
