"""Whether a report can be as it says: place, speed, photos. A doubt never refuses a report; the verifier sees it.

Local rules, all bounds are the city's own dated settings. Distances in metres on the mean sphere, times aware.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chengheng.common.places.ground import distance_m

LEAST_TIME = timedelta(minutes=1)
"""Two reports closer in time count as this far apart: a fix may jump by some metres within a second."""

DOUBTS: dict[str, str | Promise] = {
    "clock": _("The phone's clock was wrong"),
    "outside_ring": _("Outside the boundary of collection"),
    "outside_area": _("Outside the collector's area"),
    "speed": _("Too far from the report before"),
    "duplicate": _("Perhaps reported already"),
    "photo_reused": _("Photo used in another case"),
    "photo_alike": _("Photo looks like one of another case"),
    "photo_far": _("Photo taken elsewhere"),
    "photo_old": _("Photo taken earlier"),
}


@dataclass(frozen=True)
class Sight:
    """Somebody was at a place at a time; `accuracy_m` is how sure the place is."""

    at: datetime
    lon: float
    lat: float
    accuracy_m: float = 0.0


def too_fast(one: Sight, other: Sight, top_kmh: float) -> bool:
    """Whether nobody gets from one to the other at the top speed, in either order; the accuracies are given away."""
    way = distance_m(one.lon, one.lat, other.lon, other.lat) - one.accuracy_m - other.accuracy_m
    hours = max(abs(one.at - other.at), LEAST_TIME) / timedelta(hours=1)
    return way / 1000 > top_kmh * hours


def too_far(photo: tuple[float, float], there: Sight, most_m: float) -> bool:
    """Whether a photo was taken (lon, lat) elsewhere than it is said to show."""
    return distance_m(*photo, there.lon, there.lat) > most_m + there.accuracy_m


def too_old(taken_at: datetime, shown_at: datetime, most_age: timedelta) -> bool:
    """Whether a photo was taken long before it is said to show something."""
    return shown_at - taken_at > most_age
