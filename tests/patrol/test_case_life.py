"""The whole life of a city case, through its acts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from chengheng.common import flow, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.patrol import actions, queries
from chengheng.patrol.errors import (
    AlreadySuspended,
    AskedAlready,
    NoPlace,
    NotADuplicate,
    NotAsked,
    NotInTheCity,
    ShiftOpen,
    TooLate,
    TooManyExtensions,
    UnknownClass,
)  # fmt: skip
from chengheng.patrol.models import Case, CaseTask, DictionaryEntry
from tests import access, builders
from tests.patrol.conftest import HEPING, IN_HEPING

TIANJIN = ZoneInfo("Asia/Shanghai")
START = datetime(2024, 5, 13, 9, 0, tzinfo=TIANJIN)  # a Monday
EDITION = "GB/T 30428.2-2013"


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def report(posts, code="0110", now=START, **fields):
    lon, lat = fields.pop("place", IN_HEPING)
    return actions.report_case(
        posts.collector,
        source="collector",
        kind="event",
        code=code,
        edition=EDITION,
        lon=lon,
        lat=lat,
        now=now,
        **fields,
    )


def filed(posts, code="0110", now=START):
    case = actions.accept_case(report(posts, code, now), posts.receptionist, now=now)
    standard = queries.standards_for(case, now.date()).first()
    return actions.file_case(case, posts.chief, data={"standard": standard.pk}, now=now)


def handling(posts, code="0110", now=START):
    return actions.dispatch_case(
        filed(posts, code, now), posts.dispatcher, data={"department": posts.department}, now=now
    )


def checked(posts, result="passed", now=START):
    case = actions.report_handled(handling(posts, now=now), posts.handler, note="cleared", now=now + timedelta(hours=2))
    case = actions.ask_to_check(
        case, posts.dispatcher, data={"collector": posts.collector}, now=now + timedelta(hours=2)
    )
    return actions.check_case(case, posts.collector, data={"result": result}, now=now + timedelta(hours=3))


def test_a_problem_is_reported_filed_handled_checked_and_closed(posts):
    case = report(posts, description="garbage by the gate")
    assert (case.state, case.district_code, case.month, case.class_name) == ("reported", HEPING, 202405, "暴露垃圾")
    assert case.accept_due_at == at(1)

    case = actions.accept_case(case, posts.receptionist, now=at(0.5))
    case = actions.ask_to_verify(case, posts.receptionist, data={"collector": posts.collector}, now=at(0.6))
    assert case.holder == posts.collector
    case = actions.verify_case(case, posts.collector, data={"result": "true"}, note="as said", now=at(1))
    assert (case.holder, case.state) == (None, "verified")
    standard = queries.standards_for(case, START.date()).get()
    case = actions.file_case(case, posts.chief, data={"standard": standard.pk}, now=at(1.1))
    case = actions.dispatch_case(case, posts.dispatcher, data={"department": posts.department}, now=at(1.5))
    # four working hours from 10:30: 1.5 before noon, 2.5 after 13:30
    assert case.handle_due_at == datetime(2024, 5, 13, 16, 0, tzinfo=TIANJIN)
    case = actions.report_handled(case, posts.handler, note="cleared", now=at(6))
    case = actions.ask_to_check(case, posts.dispatcher, data={"collector": posts.collector}, now=at(6))
    case = actions.check_case(case, posts.collector, data={"result": "passed"}, now=at(7))
    case = actions.close_case(case, posts.chief, now=at(7.5))

    case = Case.objects.get(pk=case.pk)
    assert (case.state, case.filed, case.check_passed, case.closed_at) == ("closed", True, True, at(7.5))
    assert list(case.tasks.order_by("pk").values_list("purpose", "result")) == [("verify", "true"), ("check", "passed")]
    assert {face.run.clock: face.run.met for face in flow.clocks(case)} == dict.fromkeys(
        ("accept", "file", "verify", "dispatch", "handle", "check", "close"), True
    )
    assert [entry.act.rsplit(".", 1)[-1] for entry in trail.history(case)] == [
        "report", "accept", "ask_verify", "verify", "file", "dispatch", "handle", "ask_check", "check", "close",
    ]  # fmt: skip
    assert trail.verify().ok


def test_a_working_day_limit_steps_over_the_labour_day_holiday(posts):
    before = datetime(2024, 4, 30, 15, 0, tzinfo=TIANJIN)  # the holiday is 1 to 5 May 2024
    case = handling(posts, "0201", before)
    assert case.handle_due_at == datetime(2024, 5, 6, 15, 0, tzinfo=TIANJIN)


def test_the_departments_clock_stands_still_while_the_case_is_suspended(posts):
    case = handling(posts, "0201", START)  # one working day
    case = actions.suspend_case(case, posts.chief, note="waits for the court", now=at(1))
    assert case.handle_due_at is None
    case = actions.resume_case(case, posts.chief, now=at(24 * 7))
    # an hour of the seven and a half was used up; the other six and a half end at 17:00
    assert case.handle_due_at == datetime(2024, 5, 20, 17, 0, tzinfo=TIANJIN)
    with pytest.raises(AlreadySuspended):
        actions.suspend_case(case, posts.chief, note="again", now=at(24 * 7 + 1))


def test_more_time_is_given_as_often_as_the_settings_allow(posts):
    case = handling(posts, "0201", START)
    for day in (2, 3):
        case = actions.extend_case(case, posts.chief, note="parts are late", now=at(1))
        assert case.handle_due_at == at(24 * day)
    with pytest.raises(TooManyExtensions):
        actions.extend_case(case, posts.chief, note="once more", now=at(2))


def test_a_department_that_asked_in_time_may_get_more_time_later(posts):
    case = handling(posts)  # four working hours: due at 14:30
    case = actions.ask_extension(case, posts.handler, note="needs a crane", now=at(1))
    assert [row.pk for row in queries.queue(posts.chief)["rows"]] == [case.pk]
    with pytest.raises(AskedAlready):
        actions.ask_extension(case, posts.handler, note="again", now=at(2))
    case = actions.extend_case(case, posts.chief, note="granted", now=at(26))
    assert (case.extensions, case.extension_asked_at, case.extension_reason) == (1, None, "")
    with pytest.raises(TooLate):
        actions.ask_extension(case, posts.handler, note="too late", now=at(24 * 9))


def test_a_refused_request_for_more_time_does_not_count(posts):
    case = actions.ask_extension(handling(posts), posts.handler, note="rain", now=at(1))
    case = actions.refuse_extension(case, posts.chief, note="it is dry", now=at(1.5))
    assert (case.extensions, case.extension_asked_at) == (0, None)
    with pytest.raises(NotAsked):
        actions.refuse_extension(case, posts.chief, note="again", now=at(2))
    with pytest.raises(NotFound):
        actions.extend_case(case, posts.handler, note="we give it to ourselves", now=at(2))


def test_only_a_class_of_the_cases_edition_replaces_its_class(posts):
    case = report(posts)
    other = DictionaryEntry.objects.get(edition=EDITION, kind="event", code="0112")
    case = actions.reclassify_case(case, posts.receptionist, data={"entry": other.pk}, note="a road", now=at(0.1))
    assert (case.code, case.class_name) == ("0112", other.name)
    newer = DictionaryEntry.objects.filter(edition="GB/T 47678.5-2026").first()
    with pytest.raises(UnknownClass):
        actions.reclassify_case(case, posts.receptionist, data={"entry": newer.pk}, note="?", now=at(0.2))


def test_no_more_time_once_it_is_overdue(posts):
    case = handling(posts, "0201", START)
    with pytest.raises(TooLate):
        actions.extend_case(case, posts.chief, note="too late", now=at(48))


def test_a_case_handed_back_waits_for_another_department(posts):
    case = actions.hand_back_case(handling(posts), posts.handler, note="not our street", now=at(1))
    assert (case.state, case.department, case.hand_backs) == ("filed", None, 1)
    with pytest.raises(NotFound):
        actions.report_handled(case, posts.handler)
    other = builders.organisation("Heping roads", posts.commission, kind="department")
    case = actions.dispatch_case(case, posts.dispatcher, data={"department": other}, now=at(1.5))
    assert case.department == other


def test_a_failed_check_sends_the_case_back_with_a_new_clock(posts):
    case = checked(posts, result="failed")
    case = actions.rework_case(case, posts.chief, note="still there", now=at(4))
    assert (case.state, case.reworks, case.handled_at) == ("handling", 1, None)
    assert [face.run.run for face in flow.clocks(case) if face.run.clock == "handle"] == [1, 2]


def test_an_appeal_exempts_and_keeps_the_raw_times(posts):
    case = actions.close_case(checked(posts), posts.chief, now=at(4))
    case = actions.appeal_case(case, posts.handler, note="the road was closed by police", now=at(5))
    case = actions.grant_appeal(case, posts.chief, note="true", now=at(6))
    assert (case.state, case.exempt, case.closed_at) == ("closed", True, at(4))
    with pytest.raises(TooLate):
        actions.appeal_case(case, posts.handler, note="again", now=at(7))


def test_an_appeal_comes_too_late_after_the_set_days(posts):
    case = actions.close_case(checked(posts), posts.chief, now=at(4))
    with pytest.raises(TooLate):
        actions.appeal_case(case, posts.handler, note="late", now=at(24 * 11))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"code": "9999"}, UnknownClass),
        ({"place": (None, None)}, NoPlace),
        ({"place": (121.47, 31.23)}, NotInTheCity),  # Shanghai
    ],
)
def test_a_report_that_cannot_be_placed_or_classed_is_refused(posts, fields, error):
    with pytest.raises(error):
        report(posts, **fields)
    assert not Case.objects.exists()


def test_another_districts_posts_do_not_reach_the_case(posts):
    case = report(posts)
    elsewhere = builders.holder("patrol.district_receptionist", builders.organisation("Hedong"), "120102")
    with pytest.raises(NotFound):
        actions.accept_case(case, elsewhere)
    with pytest.raises(NotPermitted):
        actions.accept_case(case, posts.handler)


def test_a_duplicate_is_suggested_and_both_are_kept(posts):
    original, again = report(posts), report(posts, now=at(0.5), place=(IN_HEPING[0] + 0.0002, IN_HEPING[1]))
    report(posts, code="0201")
    suggested = queries.near(again.lon, again.lat, again.code, again.reported_at, queries.settings_in_force(), again.pk)
    assert [(case, round(metres)) for case, metres in suggested] == [(original, 17)]
    again = actions.merge_case(again, posts.receptionist, data={"original": original.pk}, now=at(1))
    assert (again.duplicate_of, again.state) == (original, "voided")
    assert Case.objects.count() == 3
    with pytest.raises(NotADuplicate):
        actions.merge_case(original, posts.receptionist, data={"original": again.pk}, now=at(1))


def test_one_shift_at_a_time(posts):
    actions.start_shift(posts.collector, lon=117.2, lat=39.1, at=START)
    with pytest.raises(ShiftOpen):
        actions.start_shift(posts.collector, at=at(1))
    points = [{"at": at(1), "lon": 117.2, "lat": 39.1}]
    actions.add_track(posts.collector, points)
    actions.add_track(posts.collector, points)
    shift = actions.end_shift(posts.collector, at=at(8))
    assert (shift.ended_at, shift.track.count()) == (at(8), 1)


def test_the_verifier_finds_the_task_in_the_inbox(posts):
    case = actions.accept_case(report(posts), posts.receptionist, now=START)
    actions.ask_to_verify(case, posts.receptionist, data={"collector": posts.collector}, now=START)
    assert [waiting.subject.pk for waiting in flow.inbox(posts.collector)] == [case.pk]
    assert CaseTask.objects.get().due_at == at(2)


def test_the_chief_owes_only_what_nobody_else_moves_on(posts):
    report(posts)
    waiting = actions.accept_case(report(posts), posts.receptionist, now=START)
    assert [one.subject.pk for one in flow.inbox(posts.chief)] == [waiting.pk]
    assert [step.name for step in flow.inbox(posts.chief)[0].steps] == ["file"]
    assert waiting.pk not in [one.subject.pk for one in flow.inbox(posts.receptionist)]


def test_extension_amounts_are_those_of_the_filing_condition(posts):
    case = handling(posts, "0110", START)  # four working hours
    case = actions.extend_case(case, posts.chief, note="rain", now=at(1))
    assert [face.limit for face in flow.clocks(case) if face.run.clock == "handle"] == [Decimal(8)]


def test_dispatch_and_rework_are_taken_by_the_pages_form(client, posts):
    """The form hands over limits of its own, empty ones; they met the act's."""
    case, step = filed(posts), lambda name: reverse("flow:step", args=["patrol.case", case.pk, name])
    access.sign_in(client, posts.dispatcher)
    assert client.post(step("dispatch"), {"department": posts.department.pk}).status_code == 302
    case.refresh_from_db()
    assert (case.state, case.department) == ("handling", posts.department)
    case = checked(posts, "failed")
    access.sign_in(client, posts.chief)
    assert client.post(step("rework"), {"note": "not clean"}).status_code == 302
    case.refresh_from_db()
    assert (case.state, case.reworks) == ("handling", 1)
