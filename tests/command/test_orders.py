"""Orders come back done: receipt, finish, escalation, recall; plans; the rota; links; who sees what."""

from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from chengheng.command import actions, errors, exports, rules
from chengheng.command.models import DutyShift, LinkCheck, Order, PlanRun, Site, Target
from chengheng.common import flow, trail
from chengheng.common.calendars.rules import Kind, Limit
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.flow.errors import WrongState
from chengheng.common.measures import Period, Scope, evaluate, suggest
from chengheng.common.notices import actions as notice_actions
from chengheng.common.notices.models import Delivery, Notice
from chengheng.common.people.access import SYSTEM
from tests import access

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def give(city, *organisations, by=None, now=NOW, **fields) -> Order:
    fields = {"title": "Clear the bridges", "body": "At once.", "receipt_minutes": 30, "finish_minutes": 240} | fields
    wanted = organisations or (city.east, city.west)
    return actions.give_order(by or city.dispatcher, organisations=wanted, now=now, **fields)


def target(order: Order, organisation) -> Target:
    return order.targets.get(organisation=organisation)


def after(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


class TestAnOrder:
    def test_goes_to_each_organisation_with_its_own_limits(self, city):
        order = give(city)
        rows = list(order.targets.order_by("organisation__name"))
        assert [row.organisation for row in rows] == [city.east, city.west]
        assert {row.receipt_due_at for row in rows} == {after(30)}
        assert {row.due_at for row in rows} == {after(30)}  # the nearer of the two clocks
        assert order.due_at == after(240)
        assert rows[0].site.organisation == city.east

    def test_comes_back_done(self, city):
        order = give(city)
        for organisation, person in ((city.east, city.at_east), (city.west, city.at_west)):
            row = actions.receive_order(target(order, organisation), person, now=after(10))
            assert (row.state, row.holder, row.due_at) == ("received", person, after(240))
            actions.finish_order(row, person, note="Cleared.", now=after(100))
        order.refresh_from_db()
        assert order.state == "done"
        assert Notice.objects.filter(user=city.dispatcher, title__contains="Clear the bridges").exists()
        actions.accept_target(target(order, city.east), city.dispatcher, data={"mark": "5"})
        order = actions.close_order(order, city.dispatcher)
        assert order.state == "closed"
        assert set(order.targets.values_list("state", flat=True)) == {"accepted"}
        assert trail.history(order).count() == 3  # given, complete, closed

    def test_is_not_closed_while_somebody_has_it_open(self, city):
        order = give(city)
        with pytest.raises(errors.StillOpen):
            actions.close_order(order, city.dispatcher)

    def test_sent_back_is_open_again_with_a_new_limit(self, city):
        order = give(city, city.east)
        row = actions.receive_order(target(order, city.east), city.at_east, now=after(1))
        row = actions.finish_order(row, city.at_east, note="Cleared.", now=after(60))
        limits = {"finish": Limit(Kind.URGENT_HOURS, Decimal(2))}
        row = actions.send_back_target(row, city.dispatcher, note="Ice is left.", limits=limits, now=after(70))
        order.refresh_from_db()
        assert (order.state, row.state, row.returns, row.finished_at) == ("issued", "received", 1, None)
        assert row.finish_due_at == row.due_at == after(190)

    def test_recalled_is_over_for_everybody(self, city):
        order = give(city)
        actions.receive_order(target(order, city.east), city.at_east, now=after(1))
        order = actions.recall_order(order, city.dispatcher, note="The warning was lifted.", now=after(5))
        assert order.state == "recalled"
        assert set(order.targets.values_list("state", flat=True)) == {"withdrawn"}
        with pytest.raises(WrongState):
            actions.receive_order(target(order, city.west), city.at_west)

    def test_supplement_is_kept_and_told(self, city):
        order = give(city, city.east)
        order = actions.supplement_order(order, city.dispatcher, note="Take salt along.")
        assert order.body.endswith("Take salt along.")
        assert Notice.objects.filter(user=city.at_east, body="Take salt along.").exists()

    def test_more_time_moves_the_finish(self, city):
        row = target(give(city, city.east), city.east)
        row = actions.extend_target(row, city.dispatcher, note="Roads are blocked.", data={"hours": "2"})
        assert row.finish_due_at == after(360)
        assert row.extensions == 1

    @pytest.mark.parametrize(("receipt", "finish"), [(60, 30), (0, 30), (30, 99999)])
    def test_limits_must_fit(self, city, receipt, finish):
        with pytest.raises(errors.BadLimits):
            give(city, receipt_minutes=receipt, finish_minutes=finish)

    def test_needs_somebody(self, city):
        with pytest.raises(errors.NoTarget):
            actions.give_order(city.dispatcher, title="x", body="x", organisations=[])

    def test_stays_late_and_climbs_the_ladder(self, city):
        give(city, city.east)
        flow.sweep(after(31))  # receipt overdue: dispatchers hear
        assert Notice.objects.filter(user=city.dispatcher, level="urgent").exists()
        assert not Notice.objects.filter(user=city.chief, title__contains="升级").exists()
        before = Notice.objects.filter(user=city.chief).count()
        flow.sweep(after(61))  # twice the limit: the commander
        assert Notice.objects.filter(user=city.chief).count() > before

    def test_who_has_it_is_called_by_telephone_at_one_and_a_half_limits_and_the_commander_at_two(self, city, settings):
        settings.INSIDE_HOSTS = ["127.0.0.1"]
        settle = {"channel": "phone", "name": "voice", "url": "http://127.0.0.1:9/", "least_level": "urgent"}
        notice_actions.set_endpoint(SYSTEM, None, **settle)
        for at, person in enumerate((city.at_east, city.chief, city.dispatcher, city.at_west)):
            person.phone = f"1380000000{at}"
            person.save()
        give(city, city.east, receipt_minutes=100, finish_minutes=1000)
        called = []
        for minutes in (81, 101, 151, 201):
            flow.sweep(after(minutes))
            called.append(sorted(one.phones[0][-1] for one in Delivery.objects.filter(channel="phone")))
            Delivery.objects.update(made_at=NOW - timedelta(hours=1))
        assert called == [[], [], ["0"], ["0", "0", "1"]]  # never the dispatcher, never another district


class TestWhoMay:
    def test_a_site_takes_only_its_own(self, city):
        order = give(city)
        with pytest.raises(NotFound):
            actions.receive_order(target(order, city.west), city.at_east)
        with pytest.raises(NotPermitted):
            actions.accept_target(target(order, city.east), city.at_east)

    def test_a_district_orders_only_below_itself(self, city):
        order = give(city, city.east, by=city.district)
        assert order.organisation == city.east
        with pytest.raises(NotFound):
            give(city, city.west, by=city.district)

    def test_a_site_gives_no_orders(self, city):
        with pytest.raises(NotPermitted):
            give(city, city.east, by=city.at_east)

    def test_pages_are_closed_to_others(self, city, client):
        order = give(city)
        mine = target(order, city.east)
        site = Site.objects.get(organisation=city.east)
        urls = [mine.get_absolute_url(), site.get_absolute_url(), f"/api/v1/command/orders/{order.pk}"]
        access.assert_scoped(client, urls[:2], city.at_east, city.at_west)
        access.assert_scoped(client, [order.get_absolute_url(), urls[2]], city.dispatcher, city.at_west)

    def test_lists_show_only_what_is_theirs(self, city, client):
        give(city)
        access.sign_in(client, city.at_west)
        page = client.get("/command/received/").content.decode()
        rows = page.split("<tbody")[1]
        assert "West" in rows
        assert "East" not in rows


class TestAPlan:
    def test_starts_with_all_its_orders_at_once(self, city, plan):
        run = actions.start_plan(plan.levels.get(), city.chief, reason="Red warning", now=NOW)
        assert [order.targets.count() for order in run.orders.order_by("pk")] == [3, 2, 1]
        assert [order.due_at for order in run.orders.order_by("pk")] == [after(60), after(120), after(300)]
        with pytest.raises(errors.PlanRunning):
            actions.start_plan(plan.levels.get(), city.chief, reason="again")

    def test_a_drill_says_so_and_does_not_count(self, city, plan):
        run = actions.start_plan(plan.levels.get(), city.chief, reason="Exercise", drill=True)
        assert all(order.title.startswith("【演练】") for order in run.orders.all())
        today = timezone.localdate()
        assert evaluate("command.orders", Period(today, today)).value == 0

    def test_ends_with_a_report(self, city, plan):
        run = actions.start_plan(plan.levels.get(), city.chief, reason="Red warning", now=NOW)
        first = run.orders.order_by("pk").first()
        row = actions.receive_order(target(first, city.east), city.at_east, now=after(5))
        actions.finish_order(row, city.at_east, note="Ready.", now=after(30))
        run = actions.end_run(run, city.chief, conclusion="It went well.", now=after(600))
        assert set(run.orders.values_list("state", flat=True)) == {"recalled"}
        document = Document(io.BytesIO(exports.report(run)))
        text = "\n".join(paragraph.text for paragraph in document.paragraphs)
        assert "It went well." in text
        assert "Step 1" in text
        cells = [cell.text for table in document.tables for line in table.rows for cell in line.cells]
        assert "East" in cells
        with pytest.raises(errors.RunOver):
            actions.end_run(run, city.chief, conclusion="again")

    def test_a_step_that_reaches_nobody_stops_the_start(self, city, plan):
        plan.levels.get().steps.get(to="named").named.clear()
        with pytest.raises(errors.NoTarget):
            actions.start_plan(plan.levels.get(), city.chief, reason="x")
        assert not PlanRun.objects.exists()
        assert not Order.objects.exists()

    def test_only_command_starts_it(self, city, plan):
        with pytest.raises(NotFound):
            actions.start_plan(plan.levels.get(), city.at_east, reason="x")


class TestTheRota:
    def test_who_is_on_duty_gets_the_order(self, city):
        actions.add_shift(city.district, city.east, city.at_east, after(-60), after(600))
        row = target(give(city), city.east)
        assert row.holder == city.at_east
        assert target(row.order, city.west).holder is None

    def test_handing_over_takes_open_orders_along(self, city):
        shift = actions.add_shift(city.district, city.east, city.at_east, after(-60), after(600))
        row = target(give(city), city.east)
        actions.hand_over(shift, city.at_east, to=city.also_east, note="Two bridges are left.", now=after(20))
        row.refresh_from_db()
        assert row.holder == city.also_east
        with pytest.raises(errors.HandedOver):
            actions.hand_over(DutyShift.objects.get(), city.at_east, to=city.also_east, note="again")

    def test_the_form_says_which_orders_go_along(self, city, client):
        shift = actions.add_shift(city.district, city.east, city.at_east, after(-60), after(600))
        row = target(give(city), city.east)
        access.sign_in(client, city.at_east)
        shown = client.get(shift.get_absolute_url()).content.decode()
        assert row.order.title in shown
        assert row.get_absolute_url() in shown
        actions.hand_over(shift, city.at_east, to=city.also_east, note="x", now=after(20))
        assert row.order.title not in client.get(shift.get_absolute_url()).content.decode()

    def test_nobody_is_on_duty_twice(self, city):
        actions.add_shift(city.district, city.east, city.at_east, after(0), after(600))
        with pytest.raises(errors.TwoOnDuty):
            actions.add_shift(city.district, city.east, city.at_east, after(599), after(700))
        actions.add_shift(city.district, city.east, city.at_east, after(600), after(700))
        with pytest.raises(errors.WrongHours):
            actions.add_shift(city.district, city.east, city.also_east, after(1), after(0))
        with pytest.raises(NotFound):
            actions.add_shift(city.at_west, city.east, city.at_east, after(800), after(900))


class TestLinks:
    def test_the_verdict_follows_from_what_was_seen(self, city):
        site = Site.objects.get(organisation=city.east)
        assert actions.check_link(city.keeper, site, reached=True).result == "good"
        assert actions.check_link(city.keeper, site, reached=True, loss_percent=Decimal("1.5")).result == "poor"
        site.refresh_from_db()
        assert site.link_state == "poor"
        with pytest.raises(errors.NotServing):
            actions.check_link(city.keeper, site, reached=True, at=datetime(2023, 5, 1, tzinfo=UTC))
        with pytest.raises(NotFound):
            actions.check_link(city.at_east, site, reached=True)

    def test_a_round_marks_many(self, city, client):
        sites = list(Site.objects.exclude(kind="main"))
        access.sign_in(client, city.keeper)
        given = {f"site-{sites[0].pk}": "reached", f"site-{sites[1].pk}": "missed"}
        assert client.post("/command/sites/round/", given).status_code == 302
        assert sorted(LinkCheck.objects.values_list("result", flat=True)) == ["down", "good"]


class TestMeasures:
    def test_count_what_is_there(self, city):
        year = Period.year(2026)
        order = give(city)
        row = actions.receive_order(target(order, city.east), city.at_east, now=after(10))
        actions.finish_order(row, city.at_east, note="Cleared.", now=after(300))  # an hour late
        actions.receive_order(target(order, city.west), city.at_west, now=after(31))  # a minute late
        for reached in (True, True, True, False):
            actions.check_link(SYSTEM, Site.objects.get(organisation=city.east), reached=reached)
        assert evaluate("command.sites", year).value == 3
        assert evaluate("command.link_availability", year).value == 75
        assert evaluate("command.orders", year).value == 1
        assert evaluate("command.received_on_time", year).value == 50
        assert evaluate("command.finished_on_time", year).value == 0
        assert evaluate("command.received_on_time", year, Scope(user=city.at_west)).value == 0
        assert evaluate("command.received_on_time", Period.year(2025)).value is None

    def test_the_target_of_2024_finds_its_measure(self):
        assert suggest("各会场维护数量", "个")[0][0].code == "command.sites"


class TestApi:
    def test_an_order_is_given_once_and_carried_out(self, city, client):
        access.sign_in(client, city.dispatcher)
        body = {"client_id": str(uuid.uuid4()), "title": "Salt", "body": "Bring it.", "organisations": [city.east.code]}
        answers = [client.post("/api/v1/command/orders", json.dumps(body), "application/json") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert Order.objects.count() == 1
        access.sign_in(client, city.at_east)
        (row,) = client.get("/api/v1/command/received").json()
        for step in ("receive", "finish"):
            answer = client.post(
                f"/api/v1/command/received/{row['id']}/steps",
                json.dumps({"step": step, "note": "ok"}),
                "application/json",
            )
            assert answer.status_code == 200, answer.content
        assert answer.json()["state"] == "done"
        access.sign_in(client, city.at_west)
        assert client.get("/api/v1/command/received").json() == []
        assert client.get("/api/v1/command/orders").status_code == 403


class TestPages:
    def test_an_order_goes_to_a_whole_group(self, city, client):
        access.sign_in(client, city.dispatcher)
        given = {"title": "Salt", "body": "x", "priority": "routine", "receipt_minutes": 30, "finish_minutes": 60}
        assert client.post("/command/orders/new/", given | {"group": "districts"}).status_code == 302
        assert {row.organisation for row in Target.objects.all()} == {city.east, city.west}

    def test_all_open_for_the_commander(self, city, plan, client):
        order = give(city, lon=117.2, lat=39.1)
        run = actions.start_plan(plan.levels.get(), city.chief, reason="Red warning")
        shift = actions.add_shift(city.chief, city.east, city.at_east, after(-60), after(600))
        access.sign_in(client, city.chief)
        for url in (
            "/command/", "/command/orders/", "/command/orders/new/", order.get_absolute_url(), "/command/received/",
            target(order, city.east).get_absolute_url(), "/command/plans/", plan.get_absolute_url(),
            f"/command/plans/levels/{run.level_id}/start/", "/command/runs/", run.get_absolute_url(),
            f"{run.get_absolute_url()}end/", f"{run.get_absolute_url()}report.docx", "/command/sites/",
            "/command/sites/new/", "/command/sites/round/", Site.objects.first().get_absolute_url(), "/command/checks/",
            "/command/rota/", "/command/rota/new/", shift.get_absolute_url(), "/command/resources/",
            "/command/resources/new/", "/command/sites.geojson", "/command/orders.geojson", "/command/resources.geojson",
        ):  # fmt: skip
            assert client.get(url).status_code == 200, url
        assert len(client.get("/command/orders.geojson").json()["features"]) == 1

    def test_an_order_is_given_and_taken_by_forms(self, city, client):
        access.sign_in(client, city.dispatcher)
        given = {
            "title": "Salt", "body": "Bring it.", "priority": "urgent", "receipt_minutes": 30, "finish_minutes": 60,
            "organisations": [city.east.pk],
        }  # fmt: skip
        assert client.post("/command/orders/new/", given | {"finish_minutes": 5}).status_code == 422
        assert client.post("/command/orders/new/", given | {"organisations": []}).status_code == 422
        assert client.post("/command/orders/new/", given).status_code == 302
        row = Target.objects.get()
        access.sign_in(client, city.at_east)
        for step, answer in (("receive", {}), ("finish", {"note": "Done."})):
            assert client.post(f"/flow/command.target/{row.pk}/{step}/", answer).status_code == 302, step
        row.refresh_from_db()
        assert row.state == "done"


@given(st.integers(-10, 60000), st.integers(-10, 60000))
def test_limits_that_fit_are_ordered_and_positive(receipt, finish):
    if rules.limits_fit(receipt, finish):
        assert 0 < receipt <= finish <= rules.LONGEST_MINUTES
        assert rules.hours(receipt) > 0


@given(st.decimals(0, 100, places=2), st.decimals(0, 100, places=2))
def test_more_loss_never_makes_a_link_better(less, more):
    order = ["good", "poor", "down"]
    less, more = sorted((less, more))
    assert order.index(rules.judge_link(True, less)) <= order.index(rules.judge_link(True, more))
    assert rules.judge_link(False, less) == "down"


def test_the_demonstration_has_33_venues_and_is_built_once(db):
    from chengheng.command import demo
    from chengheng.common.demo import DemoCity
    from chengheng.simulate.city import build_base

    city = DemoCity()
    build_base(city)
    for _again in range(2):
        demo.build(city)
    year = Period.year(2024)
    assert evaluate("command.sites", year).value == 33
    assert evaluate("command.orders", year).value == 12 + 4
    for code in ("command.link_availability", "command.received_on_time", "command.finished_on_time"):
        assert 80 < evaluate(code, year).value <= 100
    assert Order.objects.count() == 12 + 4 + 1
