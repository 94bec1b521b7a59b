"""Datums: known points, and that every way back is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.places.datum import convert, from_plane, to_plane
from chengheng.common.places.errors import UnknownDatum

in_the_city = st.tuples(st.floats(116.5, 118.3), st.floats(38.3, 40.5))
in_the_country = st.tuples(st.floats(73.5, 134.5), st.floats(18, 53))
names = st.sampled_from(["WGS84", "CGCS2000", "GCJ02", "BD09"])


def metres(one, other):
    """Rough distance on the ground."""
    return np.hypot((one[0] - other[0]) * 85_000, (one[1] - other[1]) * 111_000)


def test_a_well_known_pair_of_points_agrees():
    """Tiananmen in WGS-84 and GCJ-02, as published with several open-source converters: (116.404, 39.915)."""
    lon, lat = convert(116.404, 39.915, "WGS84", "GCJ02")
    assert (round(lon, 5), round(lat, 5)) == (116.41024, 39.9164)
    lon, lat = convert(116.404, 39.915, "GCJ02", "BD09")
    assert (round(lon, 5), round(lat, 5)) == (116.41037, 39.92134)


def test_the_shift_at_the_city_is_some_hundred_metres():
    there = convert(117.2, 39.13, "WGS84", "GCJ02")
    assert 300 < metres((117.2, 39.13), there) < 900


def test_outside_china_nothing_is_shifted():
    assert convert(2.35, 48.85, "WGS84", "GCJ02") == (2.35, 48.85)


@given(in_the_country, names, names)
def test_there_and_back_is_the_same_point(point, one, other):
    back = convert(*convert(*point, one, other), other, one)
    assert metres(point, back) < 0.001


@given(in_the_country)
def test_cgcs2000_is_taken_as_wgs84(point):
    assert convert(*point, "CGCS2000", "WGS84") == point


@given(st.lists(in_the_city, min_size=1, max_size=20), names, names)
def test_arrays_give_what_single_points_give(points, one, other):
    lons, lats = convert(*np.array(points).T, one, other)
    for number, point in enumerate(points):
        assert metres((lons[number], lats[number]), convert(*point, one, other)) < 0.001


@given(in_the_city)
def test_the_plane_coordinates_lead_back(point):
    east, north = to_plane(*point)
    assert 400_000 < east < 650_000
    assert metres(point, from_plane(east, north)) < 0.001


def test_the_central_meridian_lies_at_500_km():
    east, north = to_plane(117.0, 39.0)
    assert east == pytest.approx(500_000, abs=1e-6)
    assert north == pytest.approx(4_318_000, abs=2_000)


def test_an_unknown_datum_is_refused():
    with pytest.raises(UnknownDatum):
        convert(117, 39, "WGS84", "Mars")
