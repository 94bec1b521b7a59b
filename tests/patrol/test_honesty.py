"""Evidence that cannot be is doubted, never refused; a re-inspection can be drawn again by anybody."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
import shapely
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chengheng.common import files, flow, trail
from chengheng.common.errors import NotPermitted, Refusal
from chengheng.patrol import actions, bulletins, sampling
from chengheng.patrol.models import Boundary, Case, SamplingFinding
from chengheng.patrol.rules import honesty
from chengheng.patrol.rules import sampling as rules
from chengheng.patrol.rules.honesty import Sight
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING

NOON = datetime(2024, 5, 13, 4, tzinfo=UTC)


def report(actor, *, lon=IN_HEPING[0], lat=IN_HEPING[1], now=NOON, **fields):
    given = {"source": "collector", "kind": "event", "code": "0110", "lon": lon, "lat": lat, "now": now} | fields
    return actions.report_case(actor, **given)


def photo(folder, *, seed=0, when="2024:05:13 12:00:00", at=IN_HEPING):
    """A JPEG with the time and the place of a phone."""

    def degrees(value):
        whole, rest = divmod(value * 3600, 3600)
        minutes, seconds = divmod(rest, 60)
        return (whole, minutes, round(seconds, 3))

    import random

    noise = random.Random(seed).randbytes(64 * 48)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = when
    exif.get_ifd(0x8825).update({1: "N", 2: degrees(at[1]), 3: "E", 4: degrees(at[0])})
    content = io.BytesIO()
    Image.frombytes("L", (64, 48), noise).resize((640, 480)).convert("RGB").save(content, "JPEG", exif=exif, quality=90)
    return files.store(content.getvalue(), f"{seed}.jpg")


@pytest.fixture
def folder(settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"


# Reports


def test_two_reports_that_nobody_can_make_are_doubted(posts):
    report(posts.collector)
    walked = report(posts.collector, lon=IN_HEPING[0] + 0.001, now=NOON + timedelta(minutes=2), code="0111")
    flown = report(posts.collector, lat=IN_HEPING[1] + 0.02, now=NOON + timedelta(minutes=3), code="0112")
    assert walked.doubts == []
    assert "speed" in flown.doubts


@given(
    st.floats(-180, 180), st.floats(-85, 85), st.floats(-180, 180), st.floats(-85, 85), st.integers(0, 10**7),
    st.floats(1, 1000),
)  # fmt: skip
def test_speed_is_the_same_both_ways_and_standing_still_is_never_too_fast(lon, lat, other, beside, seconds, top):
    one, two = Sight(NOON, lon, lat), Sight(NOON + timedelta(seconds=seconds), other, beside)
    assert honesty.too_fast(one, two, top) == honesty.too_fast(two, one, top)
    assert not honesty.too_fast(one, Sight(two.at, lon, lat), top)


def test_a_report_near_another_of_its_class_is_doubted(posts):
    report(posts.collector)
    again = report(posts.collector, lon=IN_HEPING[0] + 0.0003, now=NOON + timedelta(hours=1))
    other = report(posts.collector, lon=IN_HEPING[0] + 0.0003, now=NOON + timedelta(hours=1), code="0111")
    later = report(posts.collector, now=NOON + timedelta(hours=30))
    assert (again.doubts, other.doubts, later.doubts) == (["duplicate"], [], [])


def test_a_collector_outside_their_area_is_doubted(posts):
    beyond = builders.holder("patrol.collector", posts.commission, "120102", "beyond")
    assert report(beyond).doubts == ["outside_area"]
    everywhere = builders.holder("patrol.collector", posts.commission, "", "everywhere")
    assert report(everywhere, code="0111").doubts == []


RING = shapely.box(117.19, 39.10, 117.21, 39.13)


def geojson(shape):
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(shape), "properties": {}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def test_outside_the_boundary_in_force_is_doubted(posts):
    manager = builders.holder("patrol.manager")
    sampling.import_boundary(
        manager, content=geojson(RING), name="Outer ring", in_force_from=date(2024, 5, 1), source="survey"
    )
    assert report(posts.collector).doubts == []
    assert "outside_ring" in report(posts.collector, lon=117.2125, lat=39.1185, code="0111").doubts
    before = report(posts.collector, lon=117.2125, lat=39.1185, code="0112", now=datetime(2024, 4, 1, tzinfo=UTC))
    assert "outside_ring" not in before.doubts
    with pytest.raises(DatabaseError), transaction.atomic():
        Boundary.objects.update(in_force_from=date(2020, 1, 1))
    with pytest.raises(NotPermitted):
        sampling.import_boundary(
            posts.supervisor, content=geojson(RING), name="x", in_force_from=date(2024, 5, 1), source=""
        )


@pytest.mark.parametrize("content", [b"", b"{}", b"nothing", b'{"type":"FeatureCollection","features":[]}'])
def test_a_file_without_an_outline_is_no_boundary(posts, content):
    with pytest.raises(Refusal):
        sampling.import_boundary(
            builders.holder("patrol.manager"), content=content, name="x", in_force_from=date(2024, 5, 1), source="s"
        )


# Photos


def test_an_honest_photo_raises_no_doubt(posts, folder):
    case = report(posts.collector)
    files.attach(photo(folder), case, "before", posts.collector)
    case.refresh_from_db()
    assert case.doubts == []


def test_a_photo_of_an_earlier_case_is_doubted_and_the_trail_names_the_case(posts, folder):
    first, second = report(posts.collector), report(posts.collector, code="0111")
    files.attach(photo(folder), first, "before", posts.collector)
    files.attach(photo(folder), second, "before", posts.collector)
    second.refresh_from_db()
    assert second.doubts == ["photo_reused"]
    assert flow.timeline(second).get(act="patrol.case.doubt").data["doubts"] == {"photo_reused": [first.number]}
    assert trail.verify().ok


def test_a_photo_saved_again_is_known_by_how_it_looks(posts, folder):
    first, second, third = (report(posts.collector, code=code) for code in ("0110", "0111", "0112"))
    files.attach(photo(folder), first, "before", posts.collector)
    copy = io.BytesIO()
    picture = Image.open(files.of(first).get().file.path)
    picture.resize((600, 450)).save(copy, "JPEG", quality=60)
    files.attach(files.store(copy.getvalue(), "copy.jpg"), second, "before", posts.collector)
    files.attach(photo(folder, seed=5), third, "before", posts.collector)
    second.refresh_from_db()
    third.refresh_from_db()
    assert (second.doubts, third.doubts) == (["photo_alike"], [])


def test_a_photo_from_elsewhere_or_of_yesterday_is_doubted(posts, folder):
    case = report(posts.collector)
    files.attach(photo(folder, at=(117.25, 39.12), when="2024:05:12 09:00:00"), case, "before", posts.collector)
    case.refresh_from_db()
    assert case.doubts == ["photo_far", "photo_old"]


def test_the_verifier_sees_the_doubts_in_words(client, posts, folder):
    case = report(posts.collector, doubts=["clock"])
    page = access.sign_in(client, posts.chief).get(case.get_absolute_url()).content.decode()
    assert "手机时钟" in page


# Re-inspection


@given(st.sets(st.text("0123456789", min_size=1, max_size=15), max_size=60), st.text(max_size=10), st.integers(0, 80))
def test_a_draw_depends_on_seed_and_areas_only(codes, seed, size):
    drawn = rules.draw(codes, seed, size)
    assert drawn == rules.draw(sorted(codes, reverse=True), seed, size)
    assert len(drawn) == len(set(drawn)) == min(size, len(codes))
    assert set(drawn) <= codes
    assert rules.draw(codes, seed, size + 1)[:size] == drawn


def test_every_area_is_drawn_about_as_often():
    codes = [f"{number:03}" for number in range(20)]
    counts = dict.fromkeys(codes, 0)
    for seed in range(2000):
        for code in rules.draw(codes, str(seed), 5):
            counts[code] += 1
    assert all(400 < count < 600 for count in counts.values())  # expected 500, standard deviation 19


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_interval_holds_the_share(part, rest):
    found = rules.interval(part, part + rest)
    if not part + rest:
        assert found is None
        return
    low, high = found
    assert Decimal(0) <= low <= Decimal(part) * 100 / (part + rest) + Decimal("0.01")
    assert high <= 100
    assert high >= Decimal(part) * 100 / (part + rest) - Decimal("0.01")


def test_wilsons_interval_as_published():
    """15 of 148 (Newcombe 1998, Statistics in Medicine 17:857, case 3: 0.0624 to 0.1605)."""
    assert rules.interval(15, 148) == (Decimal("6.24"), Decimal("16.05"))


@pytest.fixture
def plan(posts):
    report(posts.collector, now=timezone.now() - timedelta(hours=2), edition="GB/T 47678.5-2026", code="06010")
    month = sampling.this_month()
    drawn = sampling.plan_sampling(posts.supervisor, month=month, size=3, seed="17 04 22", area_code=HEPING)
    return SimpleNamespace(plan=drawn, visit=drawn.visits.get(), by=posts.supervisor, posts=posts, month=month)


def found(code="06010", lon=IN_HEPING[0], lat=IN_HEPING[1]):
    return {"kind": "event", "code": code, "lon": lon, "lat": lat, "description": "seen"}


def test_what_was_reported_near_by_is_not_missed(plan):
    sampling.visit_area(plan.visit, plan.by, [found(), found("06011"), found("06012")])
    reported, missed, _spared = SamplingFinding.objects.order_by("pk")
    assert (reported.case, reported.missed, missed.missed) == (Case.objects.get(), False, None)
    assert sampling.missed_of(plan.plan).rate is None, "nothing is told while findings wait for a decision"
    sampling.decide_finding(missed, plan.by, missed=True)
    sampling.decide_finding(_spared, plan.by, missed=False)
    said = sampling.missed_of(plan.plan)
    assert (said.visited, said.found, said.missed, said.open) == (1, 3, 1, 0)
    assert said.rate.quantize(Decimal("0.1")) == Decimal("33.3")
    assert said.interval == rules.interval(1, 3)
    for again in (
        lambda: sampling.visit_area(plan.visit, plan.by, []),
        lambda: sampling.decide_finding(missed, plan.by, missed=False),
    ):
        with pytest.raises(Refusal):
            again()


def test_the_missed_rate_counts_in_the_collectors_score(plan):
    Case.objects.update(filed=True, filed_at=timezone.now())
    assert plan.visit.collector == plan.posts.collector
    rules_now = bulletins.rules_of(bulletins.rule_set_on(timezone.localdate()))
    (before,) = bulletins.figures(plan.month, rules_now, timezone.now())["collector"]
    sampling.visit_area(plan.visit, plan.by, [found("06011")])
    sampling.decide_finding(SamplingFinding.objects.get(), plan.by, missed=True)
    (after,) = bulletins.figures(plan.month, rules_now, timezone.now())["collector"]
    assert (before["ratios"]["missed_rate"], after["ratios"]["missed_rate"]) == (None, "100.00")
    assert Decimal(after["score"]) < Decimal(before["score"])


def test_the_pages_of_a_re_inspection(client, plan):
    access.sign_in(client, plan.by)
    assert client.get("/patrol/re-inspections/").status_code == 200
    url = f"/patrol/re-inspections/areas/{plan.visit.pk}/"
    assert client.get(url).status_code == 200
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-lon": "117.2025", "form-0-lat": "39.1185"}
    from chengheng.patrol.models import DictionaryEntry

    entry = DictionaryEntry.objects.get(edition="GB/T 47678.5-2026", kind="event", code="06011")
    assert client.post(url, {**rows, "form-0-entry": entry.pk, "form-0-lon": ""}).status_code == 422
    assert client.post(url, {**rows, "form-0-entry": entry.pk}).status_code == 302
    assert "待认定" not in client.get(plan.plan.get_absolute_url()).content.decode()
    finding = SamplingFinding.objects.get()
    assert client.post(f"/patrol/re-inspections/findings/{finding.pk}/", {"missed": "1"}).status_code == 302
    assert "100.0" in client.get(plan.plan.get_absolute_url()).content.decode()
    assert access.sign_in(client, plan.posts.chief).get(plan.plan.get_absolute_url()).status_code in {403, 404}


def test_a_boundary_is_imported_by_its_page(client, posts):
    access.sign_in(client, builders.holder("patrol.manager"))
    sent = io.BytesIO(geojson(RING))
    sent.name = "ring.geojson"
    form = {"name": "Outer ring", "in_force_from": "2024-05-01", "source": "survey 2023", "file": sent}
    assert client.post("/patrol/boundaries/", form).status_code == 302
    assert "Outer ring" in client.get("/patrol/boundaries/").content.decode()
