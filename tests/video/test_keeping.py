"""Clips fetched from devices, recording by plan, home position and guard, dated thresholds."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import av
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import files, health, trail
from chengheng.common.errors import Invalid, NotFound
from chengheng.video import actions, queries, rules, tasks
from chengheng.video.live.store import close_stale
from chengheng.video.models import Call, Channel, Device, PictureThresholds, Recording, RecordingPlan
from tests.builders import holder

from .live_site import wait
from .test_sound import fits

ZONE = timezone.get_default_timezone()
EVERY_DAY = "1234567"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week of 23 November 2026, a Monday."""
    return datetime(2026, 11, 22 + day, hour, minute, tzinfo=ZONE)


class TestPlans:
    def test_a_window_opens_on_its_days(self):
        assert rules.runs_until("1", time(8), time(10), at(1, 9)) == at(1, 10)
        assert rules.runs_until("1", time(8), time(10), at(2, 9)) is None
        assert rules.runs_until("1", time(8), time(10), at(1, 10)) is None

    def test_one_that_passes_midnight_belongs_to_its_first_day(self):
        assert rules.runs_until("1", time(22), time(6), at(2, 3)) == at(2, 6)
        assert rules.runs_until("1", time(22), time(6), at(1, 3)) is None

    @given(st.sets(st.integers(1, 7)), st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 20_000))
    def test_it_never_closes_in_the_past_nor_lasts_more_than_a_day(self, days, opens, closes, minute):
        now = at(1, 0) + timedelta(minutes=minute)
        window = (time(*divmod(opens, 60)), time(*divmod(closes, 60)))
        until = rules.runs_until("".join(map(str, days)), *window, now)
        assert until is None or now < until <= now + timedelta(days=1)

    def test_a_plan_needs_a_right_a_day_and_a_length(self, db, device, operator):
        camera = Channel.objects.create(device=device[0], gb_id="1" * 20, organisation=device[0].organisation)
        for wrong in (("", time(8), time(9), 30), ("1", time(8), time(8), 30), ("1", time(8), time(9), 0)):
            with pytest.raises(Invalid):
                actions.plan_recording(operator, camera.pk, *wrong)
        viewer = holder("video.viewer", device[0].organisation)
        with pytest.raises(NotFound):
            actions.plan_recording(viewer, camera.pk, EVERY_DAY, time(8), time(9))
        plan = actions.plan_recording(operator, camera.pk, "7315", time(8), time(9), 7)
        assert plan.weekdays == "1357"
        with pytest.raises(NotFound):
            actions.end_plan(viewer, plan.pk)
        actions.end_plan(operator, plan.pk)
        assert not RecordingPlan.objects.exists()
        assert trail.history(camera).count() == 2


def test_a_plan_is_recorded_once_in_pieces(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]):
        camera = wait(lambda: Channel.objects.first())
        wait(lambda: Device.objects.get(pk=row.pk).online)
        now = timezone.localtime()
        actions.plan_recording(
            operator, camera.pk, EVERY_DAY, (now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time(), 9
        )
        assert tasks.recording_plans() == 1
        assert tasks.recording_plans() == 0
        made = Recording.objects.get()
        assert (made.reason, made.by) == ("schedule", None)
        assert timedelta(days=8) < made.keep_until - timezone.now() <= timedelta(days=9)
        (running,) = site.service.recordings.values()
        assert running.recorder._seconds == rules.LONGEST_PIECE.total_seconds()
        wait(lambda: running.recorder.frames > 5)
        site.run(_stop(running))
        made = wait(lambda: Recording.objects.filter(ended_at__isnull=False).first())
        assert actions.is_genuine(made)
        assert tasks.recording_plans() == 1


async def _stop(running) -> None:
    running.recorder.close("stopped")


def test_a_clip_is_fetched_from_the_device_signed_with_its_own_time(site, device, operator, client):
    row, password = device
    with site.camera(row, password, ["和平路口"], sound="g711a"):
        camera = wait(lambda: Channel.objects.first())
        wait(lambda: Device.objects.get(pk=row.pk).online)
        end = (timezone.now() - timedelta(hours=2)).replace(microsecond=0)
        start = end - timedelta(seconds=8)
        with pytest.raises(Invalid):
            actions.fetch_recording(operator, camera.pk, end, start)
        with pytest.raises(Invalid):
            actions.fetch_recording(operator, camera.pk, start - timedelta(hours=5), end)
        made = actions.fetch_recording(operator, camera.pk, start, end)
        wait(lambda: Recording.objects.get(pk=made.pk).ended_at, 30)
        made.refresh_from_db()
        assert made.fault == ""
        assert (made.reason, made.by, made.started_at) == ("download", operator, start)
        assert abs((made.ended_at - end).total_seconds()) < 1.5
        assert actions.is_genuine(made)
        with av.open(str(files.of(made).get().file.path)) as container:
            frames = sum(1 for _frame in container.decode(video=0))
        assert 70 <= frames <= 82  # ten a second
        fits(files.of(made).get().file.path.read_bytes())
        assert made.sound == "g711a"
        assert made.sound_seconds == pytest.approx(8, abs=0.8)
        client.force_login(operator)
        assert "G.711A → AAC" in client.get(camera.get_absolute_url()).content.decode()
        call = wait(lambda: Call.objects.filter(kind="download", ended_at__isnull=False).first())
        assert call.stop_reason == "finished"
        # a changed time breaks the signature
        made.started_at = start - timedelta(days=1)
        assert not actions.is_genuine(made)


def test_home_position_and_guard_reach_the_camera(site, device, operator):
    row, password = device
    with site.camera(row, password, ["和平路口"]) as simulated:
        camera = wait(lambda: Channel.objects.first())
        wait(lambda: Device.objects.get(pk=row.pk).online)
        actions.set_home_position(operator, camera.pk, 3, 60)
        actions.guard(operator, camera.pk, True)
        actions.set_home_position(operator, camera.pk, 1, 0)
        with pytest.raises(Invalid):
            actions.set_home_position(operator, camera.pk, 0, 60)
        wait(lambda: sum(one.kind == "Control" for one in simulated.received) == 3)
        home, guard, off = (one for one in simulated.received if one.kind == "Control")
        told = home.root.find("HomePosition")
        assert [told.findtext(name) for name in ("Enabled", "ResetTime", "PresetIndex")] == ["1", "60", "3"]
        assert guard.text("GuardCmd") == "SetGuard"
        assert off.root.find("HomePosition").findtext("Enabled") == "0"
        assert guard.device_id == camera.gb_id
        with pytest.raises(NotFound):
            actions.guard(holder("video.viewer", row.organisation), camera.pk, False)


class TestThresholds:
    FIGURES = {"black_mean": 60.0, "plain_deviation": 5.0, "blur_variance": 1.0, "frozen_difference": 0.1}

    def test_the_set_of_the_day_counts(self, db, engineer):
        today = timezone.localdate()
        assert queries.thresholds() == rules.EXAMPLE_THRESHOLDS
        actions.set_thresholds(engineer, today + timedelta(days=3), "决定一号", **self.FIGURES)
        assert queries.thresholds() == rules.EXAMPLE_THRESHOLDS
        assert queries.thresholds(today + timedelta(days=3)).black_mean == 60
        assert rules.verdict(50, 8, 100, None) == "good"
        assert rules.verdict(50, 8, 100, None, queries.thresholds(today + timedelta(days=9))) == "black"

    def test_the_past_is_not_changed(self, db, engineer):
        with pytest.raises(Invalid):
            actions.set_thresholds(engineer, timezone.localdate() - timedelta(days=1), "x", **self.FIGURES)
        with pytest.raises(Invalid):
            actions.set_thresholds(engineer, timezone.localdate(), " ", **self.FIGURES)
        assert not PictureThresholds.objects.exists()

    def test_the_page_sets_them(self, client, engineer):
        client.force_login(engineer)
        session = client.session
        session["second_factor"] = True
        session.save()
        form = {"starts_on": str(timezone.localdate()), "source": "决定一号", **self.FIGURES}
        for _again in (1, 2):  # the same day replaces its set
            assert client.post("/video/thresholds/", form).status_code == 302
        assert PictureThresholds.objects.get().starts_on == timezone.localdate()
        assert "决定一号" in client.get("/video/thresholds/").content.decode()
        assert client.post("/video/thresholds/", {**form, "starts_on": "x"}).status_code == 200


def test_after_a_restart_what_ran_is_over_and_what_was_lost_is_told(db, device):
    row, _password = device
    Device.objects.filter(pk=row.pk).update(online=True, transport="tcp")
    camera = Channel.objects.create(device=row, gb_id="1" * 20, organisation=row.organisation)
    Recording.objects.create(channel=camera)
    told = []
    listen = lambda key, ok, at, text: told.append((key, ok))  # noqa: E731
    health.listen(listen)
    try:
        close_stale()
    finally:
        health._listeners.remove(listen)
    assert (f"video:{row.gb_id}", False) in told
    ended = Recording.objects.get()
    assert ended.ended_at is not None
    assert ended.fault == "shutdown"


def test_pages_of_keeping_open(client, db, device, operator):
    row, _password = device
    camera = Channel.objects.create(device=row, gb_id="1" * 20, organisation=row.organisation, name="和平路口")
    client.force_login(operator)
    path = camera.get_absolute_url()
    form = {"weekdays": ["1", "3"], "from_time": "22:00", "to_time": "06:00", "keep_days": "15"}
    assert client.get(f"{path}plan/").status_code == 200
    assert client.post(f"{path}plan/", {**form, "to_time": "22:00"}).status_code == 200
    assert client.post(f"{path}plan/", form).status_code == 302
    shown = client.get(path).content.decode()
    assert "周一" in shown
    assert "22:00–06:00" in shown
    assert client.get(f"{path}fetch/").status_code == 200
    early = {"from_at": "2026-01-01T08:00", "to_at": "2026-01-01T07:00"}
    assert "结束" in client.post(f"{path}fetch/", early).content.decode()
    assert client.post(f"/video/plans/{RecordingPlan.objects.get().pk}/end").status_code == 302
    assert date(2026, 1, 1) < timezone.localdate()
