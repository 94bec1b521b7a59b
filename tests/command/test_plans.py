"""Plans are written, adopted, revised; orders go to people, areas and whoever is on duty; checklists must be ticked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chengheng.command import actions, errors, planning, queries, rules
from chengheng.command.models import (
    Order,
    OrderPapers,
    OrderTemplate,
    Plan,
    PlanLevel,
    PlanNeed,
    PlanStep,
    Resource,
    Site,
    Target,
)
from chengheng.common import files, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.notices.models import Notice
from chengheng.common.people.models import Duty
from tests import access, builders

pytestmark = pytest.mark.django_db
LIMITS = {"receipt_minutes": 15, "finish_minutes": 60}


def give(city, **fields) -> Order:
    return actions.give_order(city.dispatcher, **({"title": "Salt", "body": "Bring it."} | LIMITS | fields))


class TestThePlanEditor:
    def write(self, city) -> Plan:
        plan = planning.save_plan(
            city.chief, Plan(code="FLOOD", name="Flood", kind="flood", organisation=city.commission, source="a test")
        )
        level = planning.save_level(city.chief, PlanLevel(plan=plan, rank=1, name="One", trigger="red"))
        for title, offset in (("Pumps", 60), ("Posts", 0)):
            planning.save_step(
                city.chief,
                PlanStep(level=level, phase="during", offset_minutes=offset, title=title, body="x", to="districts", **LIMITS),
            )  # fmt: skip
        return plan

    def test_orders_stand_by_their_offsets(self, city):
        plan = self.write(city)
        steps = plan.levels.get().steps.order_by("position")
        assert [(step.position, step.title) for step in steps] == [(1, "Posts"), (2, "Pumps")]

    def test_a_draft_cannot_be_started_and_an_adopted_one_not_be_changed(self, city):
        plan = self.write(city)
        level = plan.levels.get()
        with pytest.raises(errors.PlanOff):
            actions.start_plan(level, city.chief, reason="x")
        planning.adopt_plan(city.chief, plan)
        assert actions.start_plan(level, city.chief, reason="x").orders.count() == 2
        for change in (
            lambda: planning.save_level(city.chief, level),
            lambda: planning.remove_part(city.chief, level.steps.first()),
            lambda: planning.save_need(city.chief, PlanNeed(level=level, kind="salt", amount=1, unit="t")),
            lambda: planning.save_plan(city.chief, Plan.objects.get(pk=plan.pk)),
        ):
            with pytest.raises(errors.NotADraft):
                change()

    def test_a_new_edition_has_all_of_the_old_and_replaces_it_when_adopted(self, city, plan):
        planning_level = plan.levels.get()
        PlanNeed.objects.create(level=planning_level, kind="salt", amount=10, unit="t")
        run = actions.start_plan(planning_level, city.chief, reason="x")
        draft = planning.revise_plan(city.chief, plan)
        assert (draft.edition, draft.state) == (2, "draft")
        assert planning.differences(draft, plan) == []
        assert list(draft.levels.get().steps.get(to="named").named.all()) == [city.unit]
        with pytest.raises(errors.DraftThere):
            planning.revise_plan(city.chief, plan)
        step = draft.levels.get().steps.first()
        step.title = "Other words"
        planning.save_step(city.chief, step)
        assert {how for _level, _part, how in planning.differences(draft, plan)} == {"added", "removed"}
        planning.adopt_plan(city.chief, draft)
        plan.refresh_from_db()
        run.refresh_from_db()
        assert (plan.state, run.level.plan.edition) == ("retired", 1)
        with pytest.raises(errors.PlanOff):
            actions.start_plan(planning_level, city.chief, reason="x", drill=True)
        with pytest.raises(errors.PlanRunning):  # the run of the old edition is still this level's
            actions.start_plan(draft.levels.get(), city.chief, reason="x")

    def test_an_incomplete_plan_is_not_adopted(self, city):
        plan = planning.save_plan(
            city.chief, Plan(code="X", name="X", kind="other", organisation=city.commission, source="x")
        )
        with pytest.raises(errors.NoLevel):
            planning.adopt_plan(city.chief, plan)
        planning.save_level(city.chief, PlanLevel(plan=plan, rank=1, name="One", trigger="x"))
        with pytest.raises(errors.PlanIncomplete):
            planning.adopt_plan(city.chief, plan)

    def test_what_does_not_fit_is_refused(self, city):
        plan = self.write(city)
        level = plan.levels.get()
        with pytest.raises(errors.CodeTaken):
            planning.save_plan(
                city.chief, Plan(code="FLOOD", name="x", kind="flood", organisation=city.commission, source="x")
            )
        with pytest.raises(errors.RankTaken):
            planning.save_level(city.chief, PlanLevel(plan=plan, rank=1, name="Two", trigger="x"))
        for fields, refusal in (
            ({"to": "named"}, errors.StepNeeds), ({"to": "area"}, errors.StepNeeds),
            ({"to": "sites", "checklist": ["a", "a"]}, errors.BadChecklist),
            ({"to": "sites", "finish_minutes": 99999}, errors.BadLimits),
        ):  # fmt: skip
            with pytest.raises(refusal):
                planning.save_step(
                    city.chief, PlanStep(level=level, phase="x", title="x", body="x", **(LIMITS | fields))
                )

    def test_only_the_commander_puts_it_in_force(self, city):
        plan = self.write(city)
        assert planning.save_level(city.dispatcher, plan.levels.get())
        with pytest.raises((NotPermitted, NotFound)):
            planning.adopt_plan(city.dispatcher, plan)
        with pytest.raises((NotPermitted, NotFound)):
            planning.save_level(city.at_east, plan.levels.get())

    def test_needs_are_shown_beside_what_is_free(self, city, plan):
        level = plan.levels.get()
        PlanNeed.objects.create(level=level, kind="salt", amount=10, unit="t")
        Resource.objects.create(name="A", kind="salt", organisation=city.east, amount=4, unit="t")
        Resource.objects.create(name="B", kind="salt", organisation=city.west, amount=99, unit="t", state="busy")
        (line,) = queries.needs(level)
        assert (line["free"], line["missing"]) == (4, 6)

    def test_it_is_written_adopted_and_started_by_the_pages(self, city, client):
        access.sign_in(client, city.chief)
        heading = {
            "code": "EV",
            "name": "Event",
            "kind": "event",
            "organisation": city.commission.pk,
            "source": "x",
            "about": "",
        }
        plan_url = client.post("/command/plans/new/", heading).url
        plan = Plan.objects.get(code="EV")
        assert plan_url == plan.get_absolute_url()
        client.post(f"/command/plans/{plan.pk}/levels/new/", {"rank": 1, "name": "One", "trigger": "x"})
        level = plan.levels.get()
        step = {
            "phase": "before", "offset_minutes": 0, "title": "Sweep", "body": "x", "to": "named", "area_code": "",
            "priority": "urgent", "checklist": "One\n\nTwo\n", **LIMITS,
        }  # fmt: skip
        new = f"/command/plans/levels/{level.pk}/orders/new/"
        assert client.post(new, step).status_code == 422  # nobody named
        assert client.post(new, step | {"named": [city.unit.pk]}).status_code == 302
        assert level.steps.get().checklist == ["One", "Two"]
        client.post(
            f"/command/plans/levels/{level.pk}/needs/new/", {"kind": "team", "amount": 3, "unit": "p", "note": ""}
        )
        for url in (
            plan_url, "/command/plans/", f"/command/plans/{plan.pk}/change/", f"/command/plans/levels/{level.pk}/",
            f"/command/plans/orders/{level.steps.get().pk}/", f"/command/plans/levels/{level.pk}/needs/new/",
        ):  # fmt: skip
            assert client.get(url).status_code == 200, url
        assert client.post(f"/command/plans/{plan.pk}/adopt/").status_code == 302
        assert client.post(f"/command/plans/levels/{level.pk}/start/", {"reason": "x"}).status_code == 302
        run = level.runs.get()
        assert re.search(r'<rect class="run-bar"', client.get(run.get_absolute_url()).content.decode())
        assert client.post(f"/command/plans/{plan.pk}/revise/").status_code == 302
        draft = Plan.objects.get(code="EV", edition=2)
        assert client.get(draft.get_absolute_url()).status_code == 200
        assert client.post(f"/command/plans/orders/{level.steps.get().pk}/delete/").status_code == 404  # not a draft's
        assert client.post(f"/command/plans/levels/{draft.levels.get().pk}/delete/").status_code == 302
        client.post(f"/command/plans/{draft.pk}/adopt/")
        assert Plan.objects.get(pk=draft.pk).state == "draft"  # it has no level any more
        client.post(f"/command/plans/{draft.pk}/retire/")
        assert not Plan.objects.filter(pk=draft.pk).exists()


class TestWhoGetsAnOrder:
    def test_a_person_by_name_and_nobody_else_receives_it(self, city):
        order = give(city, organisations=[], people=[city.at_east])
        row = order.targets.get()
        assert (row.person, row.holder, row.organisation) == (city.at_east, city.at_east, city.east)
        assert Notice.objects.filter(user=city.at_east).exists()
        assert not Notice.objects.filter(user=city.also_east).exists()
        with pytest.raises(errors.NotForYou):
            actions.receive_order(row, city.also_east)
        row = actions.receive_order(row, city.at_east)
        with pytest.raises(errors.NotForYou):
            actions.finish_order(row, city.also_east, note="x")
        assert actions.finish_order(row, city.at_east, note="Done.").state == "done"

    def test_an_organisation_and_one_of_its_people_have_one_each(self, city):
        order = give(city, organisations=[city.east], people=[city.at_east])
        assert order.targets.filter(organisation=city.east).count() == 2

    def test_who_cannot_receive_orders_is_not_given_one(self, city):
        with pytest.raises(NotFound):
            give(city, organisations=[], people=[city.keeper])
        with pytest.raises(NotFound):  # a district orders its own people only
            actions.give_order(city.district, title="x", body="x", organisations=[], people=[city.at_west], **LIMITS)

    def test_everybody_in_an_area(self, city):
        Site.objects.filter(organisation=city.unit).update(area_code="120102")
        assert set(queries.organisations_in("120102")) == {city.east, city.unit}
        assert set(queries.organisations_in("12")) == {city.east, city.west, city.unit}
        assert not queries.organisations_in("")

    def test_whoever_is_on_duty_at_that_moment(self, city):
        now = timezone.now()
        actions.add_shift(city.chief, city.west, city.at_west, now - timedelta(hours=1), now + timedelta(hours=1))
        actions.add_shift(city.chief, city.east, city.at_east, now + timedelta(hours=1), now + timedelta(hours=2))
        assert list(queries.organisations_on_duty(now)) == [city.west]
        assert list(queries.organisations_on_duty(now + timedelta(minutes=90))) == [city.east]

    def test_all_are_told_when_the_order_says_so(self, city):
        now = timezone.now()
        actions.add_shift(city.chief, city.east, city.at_east, now - timedelta(hours=1), now + timedelta(hours=1))
        give(city, organisations=[city.east])
        assert not Notice.objects.filter(user=city.also_east).exists()
        give(city, organisations=[city.east], tell_all=True)
        assert Notice.objects.filter(user=city.also_east).exists()

    def test_groups_areas_and_people_by_the_form(self, city, client):
        access.sign_in(client, city.dispatcher)
        paper = SimpleUploadedFile("route.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")
        given = {"title": "Salt", "body": "x", "priority": "urgent", "area": "120102", "people": [city.at_unit.pk],
                 "checklist": "Load\nSpread", "papers": paper, **LIMITS}  # fmt: skip
        assert client.post("/command/orders/new/", given).status_code == 302
        order = Order.objects.get()
        assert {(row.organisation, row.person) for row in order.targets.all()} == {
            (city.east, None),
            (city.unit, city.at_unit),
        }
        (kept,) = files.of(OrderPapers.objects.get(pk=order.pk), "paper")
        for person, status in ((city.dispatcher, 200), (city.at_east, 200), (city.at_unit, 200), (city.at_west, 404)):
            access.sign_in(client, person)
            assert client.get(kept.get_absolute_url()).status_code == status, person


class TestAChecklist:
    def test_must_be_ticked_before_the_finish(self, city):
        order = give(city, organisations=[city.east], checklist=["Load", "Spread"])
        row = order.targets.get()
        with pytest.raises(errors.NotOpen):
            actions.tick_item(row, city.at_east, 0)
        row = actions.receive_order(row, city.at_east)
        actions.tick_item(row, city.at_east, 0)
        actions.tick_item(row, city.at_east, 0)  # again is no second tick
        with pytest.raises(errors.ItemsOpen):
            actions.finish_order(row, city.at_east, note="x")
        actions.tick_item(row, city.at_east, 1)
        actions.tick_item(row, city.at_east, 1, done=False)
        assert row.ticks.count() == 1
        with pytest.raises(NotFound):
            actions.tick_item(row, city.at_east, 2)
        with pytest.raises(NotFound):
            actions.tick_item(row, city.at_west, 1)
        actions.tick_item(row, city.at_east, 1)
        assert actions.finish_order(row, city.at_east, note="x").state == "done"
        assert sum("item" in entry.data for entry in trail.history(row)) == 4

    def test_is_ticked_on_the_page(self, city, client):
        row = give(city, organisations=[city.east], checklist=["Load"]).targets.get()
        access.sign_in(client, city.at_east)
        client.post(f"/command/received/{row.pk}/tick/", {"item": "0", "done": "1"})
        assert not row.ticks.exists()  # not received yet
        actions.receive_order(row, city.at_east)
        client.post(f"/command/received/{row.pk}/tick/", {"item": "0", "done": "1"})
        assert row.ticks.get().by == city.at_east
        assert client.get(row.get_absolute_url()).status_code == 200

    @given(st.lists(st.text(min_size=1, max_size=130), max_size=35))
    def test_fits_only_when_it_can_be_ticked(self, items):
        if rules.checklist_fits(items):
            assert len(items) <= rules.MOST_ITEMS
            assert len(set(items)) == len(items)
            assert all(0 < len(item) <= 120 and item.strip() == item for item in items)


def test_a_template_fills_the_form(city, client):
    access.sign_in(client, city.dispatcher)
    values = {
        "name": "Spill",
        "title": "Clear a spill",
        "body": "At once.",
        "priority": "urgent",
        "checklist": "Sign\nSweep",
        **LIMITS,
    }
    assert client.post("/command/orders/templates/new/", values | {"finish_minutes": 1}).status_code == 422
    assert client.post("/command/orders/templates/new/", values).status_code == 302
    row = OrderTemplate.objects.get()
    filled = client.get(f"/command/orders/new/?template={row.pk}").content.decode()
    assert "Clear a spill" in filled
    assert "Sign\nSweep" in filled
    assert client.get("/command/orders/templates/").status_code == 200
    assert client.get(row.get_absolute_url()).status_code == 200
    assert client.post(f"{row.get_absolute_url()}delete/").status_code == 302
    assert not OrderTemplate.objects.exists()


def test_the_timeline_keeps_its_marks_inside(city, plan):
    run = actions.start_plan(plan.levels.get(), city.chief, reason="x")
    row = Target.objects.filter(order__run=run, organisation=city.east).first()
    row = actions.receive_order(row, city.at_east)
    actions.finish_order(row, city.at_east, note="x", now=run.started_at + timedelta(days=2))
    drawn = queries.timeline(run, queries.run_figures(run))
    assert drawn["days"]
    for line in drawn["rows"]:
        assert 0 <= line["x"] <= line["x"] + line["width"] <= 100.5
        assert all(0 <= at < 99 for at in [*line["received"], *(at for at, _late in line["finished"])])
    assert any(late for line in drawn["rows"] for _at, late in line["finished"])


class TestAStepForARole:
    def by_role(self, city, plan, role: str) -> PlanStep:
        level = plan.levels.get()
        return PlanStep.objects.create(
            level=level, position=9, phase="before", title="Report", body="x", to="role", role=role, **LIMITS
        )

    def test_goes_to_everybody_who_holds_it_by_name(self, city, plan):
        self.by_role(city, plan, "command.site")
        run = actions.start_plan(plan.levels.get(), city.chief, reason="x")
        rows = Target.objects.filter(order__run=run, order__title="Report")
        assert {row.person for row in rows} == {city.at_east, city.also_east, city.at_west, city.at_unit}
        assert all(row.holder == row.person for row in rows)
        actions.receive_order(rows.get(person=city.at_west), city.at_west)
        with pytest.raises(errors.NotForYou):
            actions.receive_order(rows.get(person=city.at_east), city.also_east)

    def test_reaches_a_role_of_another_system_with_the_right_to_receive(self, city, plan, client):
        step = self.by_role(city, plan, "maintenance.desk")
        engineer = builders.holder("maintenance.desk", city.unit)
        assert actions.people_of(step) == []
        assert queries.cannot_receive(step.role, city.commission) == 1
        with pytest.raises(errors.NoTarget):
            actions.start_plan(plan.levels.get(), city.chief, reason="x")
        client.force_login(city.chief)
        assert "1 人无接收指令权限" in client.get(f"/command/plans/levels/{step.level_id}/start/").content.decode()
        Duty.objects.create(user=engineer, role="command.receiver", organisation=city.unit, starts_on="2024-01-01")
        actions.start_plan(plan.levels.get(), city.chief, reason="x")
        row = Target.objects.get(order__title="Report")
        client.force_login(engineer)
        assert client.get(row.get_absolute_url()).status_code == 200
        assert client.get(Target.objects.exclude(pk=row.pk).first().get_absolute_url()).status_code == 404
        actions.finish_order(actions.receive_order(row, engineer), engineer, note="done")
        assert Order.objects.get(title="Report").state == "done"

    def test_is_written_by_the_form_and_kept_by_a_new_edition(self, city, plan, client):
        draft = planning.revise_plan(city.chief, plan)
        client.force_login(city.chief)
        level = draft.levels.get()
        form = {"phase": "before", "offset_minutes": 0, "title": "Report", "body": "x", "to": "role", "priority": "urgent",
                **LIMITS}  # fmt: skip
        assert client.post(f"/command/plans/levels/{level.pk}/orders/new/", form).status_code == 422
        answer = client.post(f"/command/plans/levels/{level.pk}/orders/new/", form | {"role": "command.keeper"})
        assert answer.status_code == 302
        step = level.steps.get(title="Report")
        assert (step.role, step.role_name) == ("command.keeper", "会场管理员") or step.role_name
        assert planning.differences(draft, plan) == [(level.name, "Report", "added")]
