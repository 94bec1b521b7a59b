"""The flow engine: a step checks, writes, logs and times in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from chengheng.common import flow, trail
from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.errors import NotFound, NotPermitted, Refusal, Stale
from chengheng.common.flow import Flow, Step, table
from chengheng.common.flow.errors import Missing, NoLimit, WrongState
from chengheng.common.flow.models import ClockRun
from chengheng.common.people.access import SYSTEM
from tests import builders
from tests.things.flows import LAMP
from tests.things.models import Lamp

TIANJIN = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2024, 5, 13, 9, 0, tzinfo=TIANJIN)
HOURS = Kind.URGENT_HOURS


def later(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


@pytest.fixture
def district(db):
    return builders.organisation("Heping")


@pytest.fixture
def mender(district):
    return builders.holder("lamp.mender", district, name="mender")


@pytest.fixture
def chief(db):
    return builders.holder("lamp.chief", name="chief")


@pytest.fixture
def lamp(district):
    thing = Lamp(name="Lamp 7", department=district)
    return flow.begin(
        thing, SYSTEM, limits={"respond": Limit(HOURS, Decimal(4)), "repair": Limit(HOURS, Decimal(24))}, now=MONDAY
    )


def test_a_lamp_is_broken_accepted_mended_and_closed(lamp, mender, chief):
    assert (lamp.state, lamp.due_at) == ("broken", later(4))
    lamp = flow.take(lamp, "accept", mender, holder=mender, now=later(1))
    assert (lamp.state, lamp.due_at, lamp.holder) == ("accepted", later(24), mender)
    lamp = flow.take(lamp, "mend", mender, data={"watts": 60}, fields={"watts": 60}, now=later(5))
    lamp = flow.take(lamp, "close", chief, note="bright again", now=later(6))

    lamp.refresh_from_db()
    assert (lamp.state, lamp.watts, lamp.due_at, lamp.next_alert_at, lamp.version) == ("closed", 60, None, None, 4)
    assert [(face.run.clock, face.used, face.run.met) for face in flow.clocks(lamp)] == [
        ("respond", 1, True),
        ("repair", 5, True),
    ]
    assert [entry.data["to"] for entry in flow.timeline(lamp)] == ["accepted", "mended", "closed"]
    assert trail.verify().ok


def test_who_may_not_take_a_step_is_refused(lamp, mender, chief):
    with pytest.raises(NotPermitted):
        flow.take(lamp, "accept", chief)
    stranger = builders.holder("lamp.mender", builders.organisation("Hedong"))
    with pytest.raises(NotFound):
        flow.take(lamp, "accept", stranger)
    with pytest.raises(NotPermitted):
        flow.take(lamp, "expire", mender)
    assert flow.take(lamp, "expire", SYSTEM).state == "closed"


def test_a_step_from_another_state_is_refused_and_leaves_nothing(lamp, mender):
    with pytest.raises(WrongState) as refusal:
        flow.take(lamp, "mend", mender)
    assert "Broken" in str(refusal.value)
    assert not flow.timeline(lamp).exists()


def test_the_second_of_two_who_read_the_same_version_is_told(lamp, mender):
    flow.take(lamp, "accept", mender, version=1)
    with pytest.raises(Stale):
        flow.take(lamp, "accept", mender, version=1)


def test_a_step_says_what_it_needs(lamp, mender):
    flow.take(lamp, "accept", mender)
    with pytest.raises(Missing) as refusal:
        flow.take(lamp, "wait", mender, note="  ")
    assert refusal.value.field == "note"


def test_a_guard_refuses_with_its_own_words(lamp, mender):
    flow.take(lamp, "accept", mender)
    with pytest.raises(Refusal, match="too dim"), transaction.atomic():
        flow.take(lamp, "mend", mender, data={"watts": 5})
    assert Lamp.objects.get().state == "accepted"


def test_a_pause_stops_the_clock_and_moves_the_deadline(lamp, mender):
    flow.take(lamp, "accept", mender, now=later(1))
    paused = flow.take(lamp, "wait", mender, note="no bulbs", now=later(4))
    assert (paused.due_at, paused.next_alert_at) == (None, None)
    resumed = flow.take(lamp, "go_on", mender, now=later(104))
    assert resumed.due_at == later(124)
    done = flow.take(lamp, "mend", mender, now=later(125))
    assert [(face.used, face.run.met) for face in flow.clocks(done)][-1] == (Decimal(25), False)


def test_working_days_step_over_the_spring_festival(district, mender):
    thing = Lamp(name="Lamp 8", department=district)
    before_festival = datetime(2024, 2, 9, 10, 0, tzinfo=TIANJIN)  # a Friday; the holiday is 10 to 17 February
    flow.begin(thing, SYSTEM, limits={"repair": Limit(Kind.WORKING_DAYS, Decimal(1))}, now=before_festival)
    assert thing.due_at == datetime(2024, 2, 18, 10, 0, tzinfo=TIANJIN)  # a Sunday that is made up for


def test_a_reopened_lamp_runs_a_new_clock(lamp, mender, chief):
    flow.take(lamp, "accept", mender, now=later(1))
    flow.take(lamp, "mend", mender, now=later(2))
    with pytest.raises(NoLimit), transaction.atomic():
        flow.take(lamp, "reopen", chief, note="still dark", now=later(3))
    lamp = flow.take(
        lamp, "reopen", chief, note="still dark", limits={"repair": Limit(HOURS, Decimal(2))}, now=later(3)
    )
    assert lamp.due_at == later(5)
    assert list(ClockRun.objects.filter(clock="repair").order_by("run").values_list("run", "met")) == [
        (1, True),
        (2, None),
    ]


def test_more_time_moves_the_deadline_and_is_recorded(lamp, mender, chief):
    flow.take(lamp, "accept", mender, now=later(1))
    lamp = flow.extend(lamp, "repair", Decimal(12), chief, "lamp.extend", note="storm", now=later(2))
    assert lamp.due_at == later(36)
    assert flow.timeline(lamp).last().data == {"clock": "repair", "extended": "12.00"}
    with pytest.raises(NotPermitted):
        flow.extend(lamp, "repair", Decimal(12), mender, "lamp.extend")


def test_the_sweep_warns_says_overdue_and_escalates_once_each(lamp, mender, chief):
    from chengheng.common.notices.models import Notice

    flow.take(lamp, "accept", mender, holder=mender, now=later(0))
    assert flow.sweep(later(1)) == 0
    for hours, act in ((12, "flow.warn"), (24, "flow.overdue"), (48, "flow.escalate")):
        assert flow.sweep(later(hours)) == 1
        assert flow.timeline(lamp).last().act == act
    assert flow.sweep(later(100)) == 0
    assert set(Notice.objects.filter(user=chief).values_list("level", flat=True)) == {"urgent"}
    assert Notice.objects.filter(user=mender).count() == 3


def test_the_inbox_holds_what_waits_for_me_the_nearest_deadline_first(district, mender, chief):
    quiet = flow.begin(Lamp(name="quiet", department=district), SYSTEM, now=MONDAY)
    hurry = flow.begin(
        Lamp(name="hurry", department=district), SYSTEM, limits={"respond": Limit(HOURS, Decimal(1))}, now=MONDAY
    )
    flow.begin(Lamp(name="elsewhere", department=builders.organisation()), SYSTEM, now=MONDAY)
    colleague = builders.holder("lamp.mender", district)
    taken = flow.begin(Lamp(name="taken", department=district), SYSTEM, now=MONDAY)
    flow.take(taken, "accept", colleague, holder=colleague)

    assert [waiting.subject for waiting in flow.inbox(mender)] == [hurry, quiet]
    assert flow.inbox_count(mender) == 2
    assert flow.inbox(chief) == []
    assert [step.name for step in flow.steps_for(mender, hurry)] == ["accept"]


def test_what_is_owed_in_a_state_is_its_usual_step_or_any_but_never_a_dangerous_one():
    steps = [
        Step("mend", "Mend", "broken", "mended", act="a", primary=True),
        Step("void", "Void", ("broken", "odd"), "gone", act="b", danger=True),
        Step("wait", "Wait", "broken", "odd", act="c"),
        Step("note", "Note", "odd", "", act="d"),
        Step("go_on", "Go on", "odd", "broken", act="c"),
        Step("expire", "Expire", ("odd", "broken"), "gone", act="e", machine=True),
        Step("reopen", "Reopen", "mended", "broken", act="f"),
    ]
    states = {"broken": "", "odd": "", "mended": "", "gone": ""}
    made = Flow("some.flow", label="", start="broken", states=states, final={"gone", "mended"}, steps=steps)
    owed = {state: [step.name for step in made.duties(state)] for state in states}
    assert owed == {"broken": ["mend"], "odd": ["go_on"], "mended": [], "gone": []}


def test_who_may_only_do_what_is_dangerous_has_nothing_in_the_inbox(district, mender, monkeypatch):
    lamp = flow.begin(Lamp(name="quiet", department=district), SYSTEM, now=MONDAY)
    assert [one.subject for one in flow.inbox(mender)] == [lamp]
    flows_ = table._flows["things.lamp"]
    steps = [replace(step, danger=True, primary=False) if step.name == "accept" else step for step in LAMP.steps]
    monkeypatch.setitem(table._flows, "things.lamp", (replace(LAMP, steps=steps), flows_[1]))
    assert flow.inbox(mender) == []
    assert flow.inbox_count(mender) == 0
    assert [step.name for step in flow.steps_for(mender, lamp)] == ["accept"]


def test_the_inbox_asks_a_fixed_number_of_questions(district, mender, django_assert_max_num_queries):
    for number in range(30):
        flow.begin(Lamp(name=f"lamp {number}", department=district), SYSTEM)
    with django_assert_max_num_queries(6):
        assert len(flow.inbox(mender)) == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": "nowhere"}, "no state 'nowhere'"),
        ({"final": {"gone"}}, "no state 'gone'"),
        ({"states": {"a": "A", "b": "B", "c": "C"}}, "no step leads to state 'c'"),
        ({"final": set()}, "neither final nor left"),
        ({"steps": [Step("go", "Go", "a", "b", act="x", start="tick")]}, "no clock 'tick'"),
        ({"steps": [Step("go", "Go", "a", "b", act="x"), Step("go", "Go", "b", "a", act="x")]}, "two steps"),
    ],
)
def test_a_fault_in_the_tables_is_found_when_the_flow_is_made(change, words):
    table = {
        "start": "a",
        "states": {"a": "A", "b": "B"},
        "final": {"b"},
        "steps": [Step("go", "Go", "a", "b", act="x")],
    }
    with pytest.raises(ValueError, match=words):
        Flow("test", "Test", **(table | change))


def test_the_diagram_is_drawn_from_the_tables():
    drawing = flow.mermaid(LAMP)
    assert "broken --> accepted: Accept" in drawing
    assert "closed --> [*]" in drawing
