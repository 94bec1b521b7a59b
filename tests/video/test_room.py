"""What holds without the live process: rules, roles, measures, the demonstration, the tree, the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.errors import Invalid, NotFound, NotPermitted
from chengheng.common.measures import Period, Scope, evaluate
from chengheng.protocols.gb28181 import manscdp
from chengheng.video import actions, queries, rules, tokens, words
from chengheng.video.commands import DEMO_PREFIX
from chengheng.video.live.store import load_devices, save_catalog, save_presence
from chengheng.video.models import Call, Channel, Device, Scene, StateSpan
from chengheng.video.sealing import seal, unseal
from tests.builders import holder, organisation

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


class TestRules:
    def test_a_greater_priority_takes_the_camera_and_a_cold_one_is_free(self):
        held = rules.Steering(1, "a", 3, 100.0)
        assert rules.may_steer(None, 2, 3, 100.0)
        assert rules.may_steer(held, 1, 3, 105.0)
        assert not rules.may_steer(held, 2, 3, 105.0)
        assert rules.may_steer(held, 2, 6, 105.0)
        assert rules.may_steer(held, 2, 3, 110.0)

    @given(st.integers(-10, 200_000) | st.none())
    def test_granted_registrations_are_bounded(self, asked: int | None):
        granted = rules.granted_expires(asked)
        assert granted == 0 if asked == 0 else 60 <= granted <= 86_400

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 5000), st.integers(0, 5000) | st.none()), max_size=8))
    def test_online_time_never_exceeds_known_time(self, spans):
        rows = [
            (
                online,
                NOW + timedelta(seconds=since),
                None if length is None else NOW + timedelta(seconds=since + length),
            )
            for online, since, length in spans
        ]
        online, known = rules.online_seconds(rows, NOW, NOW + timedelta(seconds=3000))
        assert 0 <= online <= known

    def test_pictures(self):
        assert rules.verdict(16, 1, 0, None) == "black"
        assert rules.verdict(120, 2, 0, None) == "covered"
        assert rules.verdict(120, 40, 2, 5.0) == "blurred"
        assert rules.verdict(120, 40, 300, 0.01) == "frozen"
        assert rules.verdict(120, 40, 300, 3.0) == rules.verdict(120, 40, 300, None) == "good"

    def test_every_reason_has_words(self):
        for code in words.REASONS:
            assert words.reason(code)[0]
        assert words.reason("") == ("", "")
        assert words.reason("unheard-of")[0] == words.reason("failed")[0]


class TestTokens:
    def test_a_token_works_once_and_not_when_changed(self):
        once = tokens.Once(60)
        made = tokens.play_token(tokens.Play(1, 2, "a", "s", 3))
        play = tokens.read_play(made, once)
        assert (play.user, play.channel, play.priority) == (1, 2, 3)
        with pytest.raises(tokens.BadToken):
            tokens.read_play(made, once)
        with pytest.raises(tokens.BadToken):
            tokens.read_play(made[:-2] + "xx", tokens.Once(60))
        with pytest.raises(tokens.BadToken):
            tokens.read_order(made, tokens.Once(60))

    def test_an_old_token_is_refused(self, monkeypatch):
        made = tokens.play_token(tokens.Play(1, 2))
        monkeypatch.setattr(tokens, "PLAY_SECONDS", -1)
        with pytest.raises(tokens.BadToken):
            tokens.read_play(made, tokens.Once(60))


@pytest.fixture
def engineer(db):
    return holder("video.engineer")


@pytest.fixture
def device(engineer):
    made, _password = actions.add_device(engineer, "12010000001110000001", "录像机", engineer.organisation)
    return made


def item(number: int, **more) -> manscdp.CatalogItem:
    more.setdefault("name", f"路口{number}")
    more.setdefault("status", "ON")
    return manscdp.CatalogItem(f"1201000000132{number:07d}", **more)


class TestDevices:
    def test_only_those_who_may_and_only_with_an_id(self, db, engineer):
        with pytest.raises(NotPermitted):
            actions.add_device(holder("video.operator"), "12010000001110000001", "x", engineer.organisation)
        with pytest.raises(Invalid):
            actions.add_device(engineer, "1201", "x", engineer.organisation)

    def test_twice_is_refused_and_a_new_password_is_another(self, engineer, device):
        with pytest.raises(Invalid):
            actions.add_device(engineer, device.gb_id, "y", engineer.organisation)
        before = unseal(device.sealed_password)
        _row, password = actions.renew_password(engineer, device.pk)
        assert password != before
        (entry,) = load_devices(None)
        assert entry.password == password

    def test_passwords_that_another_site_sealed_are_empty_here(self, settings):
        sealed = seal("abc")
        assert unseal(sealed) == "abc"
        settings.SECRET_KEY = "another"
        assert unseal(sealed) == ""

    def test_presence_is_written_in_one_statement_and_spans_close(self, device, django_assert_max_num_queries):
        (entry,) = load_devices(None)
        save_presence([entry], [(device.pk, True, NOW, "registered")])
        save_presence([entry], [(device.pk, False, NOW + timedelta(hours=1), "keepalive_missed")])
        save_presence([entry], [(device.pk, False, NOW + timedelta(hours=2), "expired")])
        spans = list(StateSpan.objects.order_by("since").values_list("online", "since", "until"))
        assert spans == [(True, NOW, NOW + timedelta(hours=1)), (False, NOW + timedelta(hours=1), None)]
        with django_assert_max_num_queries(6):
            save_presence([entry] * 1, [])


class TestCatalogs:
    def test_nothing_leaves_on_an_incomplete_catalog(self, device):
        save_catalog(device.pk, [item(1), item(2)], True, 2, True)
        save_catalog(device.pk, [item(1)], False, 2, True)
        assert Channel.objects.filter(removed_at=None).count() == 2
        save_catalog(device.pk, [item(1)], True, 1, True)
        assert list(Channel.objects.filter(removed_at=None).values_list("name", flat=True)) == ["路口1"]

    def test_events_turn_states_and_remove(self, device):
        save_catalog(device.pk, [item(1), item(2)], True, 2, True)
        save_catalog(device.pk, [item(1, event="VLOST"), item(2, event="DEL")], False, None, False)
        assert Channel.objects.get(name="路口1").status == "VLOST"
        assert not Channel.objects.get(name="路口1").online
        assert Channel.objects.get(name="路口2").removed_at is not None
        save_catalog(device.pk, [item(3, event="ADD")], False, None, False)
        assert Channel.objects.filter(removed_at=None).count() == 2

    def test_long_values_fit(self, device):
        long = item(1, name="名" * 500, address="rtsp://" + "x" * 900, ip_address="y" * 900, civil_code="1" * 50)
        page = manscdp.catalog(manscdp.read(manscdp.catalog_page(1, device.gb_id, 1, [long])))
        save_catalog(device.pk, list(page.items), True, 1, True)
        assert Channel.objects.get().name == "名" * 200

    def test_the_tree_follows_groups_and_survives_a_circle(self, device):
        group, inner = "12010000002150000001", "12010000002160000001"
        entries = [
            manscdp.CatalogItem(group, "业务分组", parent_id=inner),
            manscdp.CatalogItem(inner, "和平区", parent_id=group),
            item(1, parent_id=inner),
            item(2),
        ]
        save_catalog(device.pk, entries, True, 4, True)
        (root,) = queries.tree(holder("video.viewer"))
        assert root["count"] == 2
        text = json.dumps(root, ensure_ascii=False)
        assert text.index("业务分组") > 0
        assert text.count("路口1") == 1

    def test_the_tree_takes_few_queries(self, device, django_assert_max_num_queries):
        save_catalog(device.pk, [item(number) for number in range(300)], True, 300, True)
        viewer = holder("video.viewer")
        with django_assert_max_num_queries(6):
            assert queries.tree(viewer)[0]["count"] == 300


class TestWhoSeesWhat:
    def test_areas_and_organisations(self, device):
        save_catalog(device.pk, [item(1, civil_code="120101"), item(2, civil_code="120103")], True, 2, True)
        district = holder("video.district_operator", area_code="120101")
        assert [row.name for row in queries.cameras(district)] == ["路口1"]
        with pytest.raises(NotFound):
            actions.permit_watching(district, Channel.objects.get(name="路口2").pk)
        inside = holder("video.unit_viewer", organisation("里面", device.organisation))
        assert not queries.cameras(inside).exists()
        assert queries.cameras(holder("video.unit_viewer", device.organisation)).count() == 2

    def test_scenes_are_ones_own_or_shared(self, device, client):
        operator, other = holder("video.operator", device.organisation), holder("video.operator", device.organisation)
        actions.save_scene(operator, "早高峰", 4, [1, None])
        actions.save_scene(operator, "共享", 9, [], shared=True)
        assert Scene.objects.count() == 2
        assert [scene.title for scene in queries.scenes(other)] == ["共享"]
        assert (queries.latest_scene(operator).title, queries.latest_scene(other).title) == ("共享", "共享")
        mine = actions.save_scene(other, "我的", 1, [1])
        actions.save_scene(operator, "后来的", 4, [], shared=True)
        assert queries.latest_scene(other) == mine
        client.force_login(other)
        assert client.get("/video/").context["props"]["scene"] == "我的"
        assert client.get("/video/?cameras=").context["props"]["scene"] == "", "nothing is asked for on purpose"
        with pytest.raises(Invalid):
            actions.save_scene(operator, "x", 5, [])


class TestMeasures:
    def test_calls(self, device):
        save_catalog(device.pk, [item(1)], True, 1, True)
        channel = Channel.objects.get()
        for seconds, reason in ((1, "idle"), (3, ""), (30, "idle"), (None, "no_media"), (None, "shutdown")):
            key = NOW + timedelta(seconds=seconds) if seconds else None
            Call.objects.create(channel=channel, asked_at=NOW, first_key_at=key, stop_reason=reason)
        period = Period.month(2026, 3)
        rate = evaluate("video.call_success_rate", period)
        assert (rate.numerator, rate.denominator, float(rate.value)) == (2, 4, 50.0)
        assert evaluate("video.call_seconds", period).value == 2
        assert evaluate("video.calls", period).value == 3
        assert evaluate("video.call_success_rate", Period.month(2026, 2)).value is None
        elsewhere = Scope(area="999999")
        assert evaluate("video.call_success_rate", period, elsewhere).value is None

    def test_online_rate(self, device):
        assert evaluate("video.online_rate", Period.month(2026, 3)).value is None
        StateSpan.objects.create(device=device, online=True, since=NOW, until=NOW + timedelta(hours=3))
        StateSpan.objects.create(
            device=device, online=False, since=NOW + timedelta(hours=3), until=NOW + timedelta(hours=4)
        )
        assert evaluate("video.online_rate", Period.month(2026, 3)).value == 75

    def test_why_calls_failed_is_counted_in_words(self, device):
        save_catalog(device.pk, [item(1)], True, 1, True)
        call = Call.objects.create(
            channel=Channel.objects.get(), stop_reason="no_media", invited_at=NOW, answered_at=NOW
        )
        found = queries.state(holder("video.viewer"))
        assert found["reasons"] == [(words.reason("no_media")[0], 1)]
        assert [step["state"] for step in queries.steps_of(call)][3] == "stopped"


@pytest.mark.django_db
def test_the_demonstration_has_four_cameras_and_building_it_twice_changes_nothing():
    from chengheng.common.demo import DemoCity
    from chengheng.simulate.city import build_base
    from chengheng.video import demo

    city = DemoCity()
    build_base(city)
    demo.build(city)
    demo.build(city)
    assert Device.objects.filter(gb_id__startswith=DEMO_PREFIX).count() == 4
    assert Channel.objects.count() == 4
    assert Scene.objects.get().cells == list(Channel.objects.order_by("gb_id").values_list("pk", flat=True))


@pytest.mark.django_db
def test_the_api_lists_cameras_and_refuses_in_words(client, device):
    save_catalog(device.pk, [item(1, lon=117.2, lat=39.1)], True, 1, True)
    viewer = holder("video.viewer")
    client.force_login(viewer)
    (found,) = client.get("/api/v1/video/cameras").json()
    assert (found["name"], found["movable"]) == ("路口1", True)
    play = client.post(f"/api/v1/video/cameras/{found['id']}/play", "{}", content_type="application/json")
    assert play.json()["seconds"] == 60
    refused = client.post(f"/api/v1/video/cameras/{found['id']}/snapshot")
    assert refused.status_code in (403, 404)
    assert "code" in refused.json()
    assert (
        client.get("/video/cameras.geojson?bbox=117,39,118,40").json()["features"][0]["properties"]["title"] == "路口1"
    )
    assert client.get("/api/v1/video/calls/not-a-uuid").status_code == 404
