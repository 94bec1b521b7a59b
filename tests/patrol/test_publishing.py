"""Bulletins are frozen, rewards are worked out to the fen and signed by two persons."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import docx
import openpyxl
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, InternalError, transaction
from django.urls import reverse

from chengheng.common import flow, trail
from chengheng.common.errors import NotPermitted
from chengheng.patrol import bulletins, publishing, queries, reference
from chengheng.patrol.errors import MonthNotOver, NoReason, NoScores, SamePerson, WrongParameters
from chengheng.patrol.models import AllocationRun, Bulletin, Case, ScoreRuleSet
from tests import access, builders
from tests.patrol.test_figures import AT, made

NOW = datetime(2024, 6, 3, 1, tzinfo=UTC)
FROZEN = (IntegrityError, InternalError)


@pytest.fixture
def people(posts):
    posts.manager = builders.holder("patrol.manager", builders.organisation("Centre"), name="manager")
    return posts


@pytest.fixture
def may(people):
    """May 2024: Heping handled three of four in time, Hedong one of two."""
    done = {"filed": True, "filed_at": AT, "dispatched_at": AT, "handled_at": AT, "state": "handled"}
    made(3, **done, department=people.department, reported_by=people.collector)
    made(1, filed=True, filed_at=AT, handle_due_at=AT)
    made(1, **done, district_code="120102")
    made(1, filed=True, filed_at=AT, handle_due_at=AT, district_code="120102")
    return people


def score_of(bulletin, key):
    return next(Decimal(row["score"]) for row in bulletin.rows["district"] if row["key"] == key)


def test_a_bulletin_scores_by_the_rule_set_in_force_and_keeps_its_hash(may):
    bulletin = publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    # handled 75, in time 75, unhandled 25, extended 0; no closing, so the rework rate has no base
    expected = Decimal("78.13")  # (30·75 + 20·75 + 20·75 + 10·100) ÷ 80, half up
    assert score_of(bulletin, "120101") == expected
    bulletin.refresh_from_db()
    assert bulletins.is_whole(bulletin)
    assert trail.history(bulletin).get().data["sha256"] == bulletin.sha256
    (collector,) = bulletin.rows["collector"]
    assert ["missed", "20", None] in collector["parts"], "nobody re-inspected: no evidence, not zero"


def test_the_database_refuses_to_change_or_delete_what_was_published(may):
    bulletin = publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    for change in (lambda: Bulletin.objects.update(note="x"), bulletin.delete):
        with pytest.raises(FROZEN), transaction.atomic():
            change()


def test_later_changes_stand_beside_the_frozen_rows_and_a_correction_is_a_new_edition(may, client):
    bulletin = publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    late = Case.objects.get(district_code="120101", handled_at=None)
    Case.objects.filter(pk=late.pk).update(exempt=True)
    row = next(row for row in bulletins.compared(bulletin, "district") if row["key"] == "120101")
    unhandled = bulletins.SHOWN_COUNTS.index("unhandled")
    assert row["cells"][unhandled] == (1, 0)
    access.sign_in(client, may.supervisor)
    assert client.get(bulletin.get_absolute_url()).status_code == 200
    with pytest.raises(NoReason):
        publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    again = publishing.publish_bulletin(may.supervisor, 202405, note="申诉成立", now=NOW)
    assert (again.edition, Bulletin.objects.count()) == (2, 2)


def test_a_month_that_is_not_over_is_not_published(may):
    for month in (202406, 202413, 209901):
        with pytest.raises(MonthNotOver):
            publishing.publish_bulletin(may.supervisor, month, now=NOW)
    with pytest.raises(NotPermitted):
        publishing.publish_bulletin(may.chief, 202405, now=NOW)


def test_a_bulletin_leaves_the_house_as_a_document_and_a_workbook(may, client):
    may.department.name = "=HYPERLINK(1)"
    may.department.save()
    bulletin = publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    access.sign_in(client, may.supervisor)
    paper = docx.Document(io.BytesIO(client.get(reverse("patrol:bulletin_file", args=[bulletin.pk, "docx"])).content))
    assert bulletin.sha256 in "".join(paragraph.text for paragraph in paper.paragraphs)
    book = openpyxl.load_workbook(
        io.BytesIO(client.get(reverse("patrol:bulletin_file", args=[bulletin.pk, "xlsx"])).content)
    )
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line]
    assert any(cell.value == "=HYPERLINK(1)" and cell.data_type == "s" for cell in cells)
    assert not any(cell.data_type == "f" for cell in cells)
    assert trail.history(bulletin).filter(act="patrol.bulletin.export").count() == 2


def test_a_department_sees_no_collector_by_name(may, client):
    bulletin = publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    access.sign_in(client, may.handler)
    assert client.get(f"{bulletin.get_absolute_url()}?of=collector").status_code == 403
    book = openpyxl.load_workbook(
        io.BytesIO(client.get(reverse("patrol:bulletin_file", args=[bulletin.pk, "xlsx"])).content)
    )
    assert len(book.sheetnames) == 2
    access.assert_scoped(client, [bulletin.get_absolute_url()], may.handler, may.collector)


def run(actor, **more):
    given = {
        "title": "5月", "start_month": 202405, "end_month": 202405, "method": "proportional", "pool_fen": 100_000_01,
        "parameters": {}, **more,
    }  # fmt: skip
    return publishing.run_allocation(actor, **given)


def test_a_reward_is_shared_to_the_fen_and_signed_by_two_persons(may):
    publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    made = run(may.supervisor)
    assert sum(share["amount_fen"] for share in made.shares) + made.remainder_fen == 100_000_01
    assert made.inputs[0]["bulletins"][0][2] == Bulletin.objects.get().sha256
    with pytest.raises(NotPermitted):
        publishing.approve_allocation(made, may.supervisor)
    made = publishing.approve_allocation(made, may.manager)
    with pytest.raises(SamePerson):
        publishing.publish_allocation(made, may.manager)
    made = publishing.publish_allocation(made, may.supervisor)
    assert (made.state, made.approved_by) == ("published", may.manager)
    assert flow.timeline(made).count() == 3


def test_who_holds_both_posts_still_needs_another_person(may):
    from chengheng.common.people.models import Duty, User

    publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    Duty.objects.create(
        user=may.supervisor, role="patrol.manager", organisation=may.supervisor.organisation, starts_on="2020-01-01"
    )
    both = User.objects.get(pk=may.supervisor.pk)
    with pytest.raises(SamePerson):
        publishing.approve_allocation(run(both), both)


def test_what_went_in_is_never_changed(may):
    publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    made = run(may.supervisor)
    with pytest.raises(FROZEN), transaction.atomic():
        AllocationRun.objects.filter(pk=made.pk).update(pool_fen=1)


def test_a_reward_needs_published_scores_and_parameters_that_can_be_worked_out(may):
    with pytest.raises(NoScores):
        run(may.supervisor)
    publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    for wrong in ({"method": "points"}, {"method": "points", "parameters": {"points": []}}):
        with pytest.raises(WrongParameters):
            run(may.supervisor, **wrong)


def test_the_what_if_page_shows_shares_and_keeps_a_draft(may, client):
    publishing.publish_bulletin(may.supervisor, 202405, now=NOW)
    access.sign_in(client, may.supervisor)
    asked = {
        "title": "试算", "start": "2024-05", "end": "2024-05", "method": "bands", "pool": "1000", "bands": "1:1.2 *:0.8",
        "units": "one",
    }  # fmt: skip
    answer = client.get(reverse("patrol:what_if"), asked)
    assert [share["amount_fen"] for share in answer.context["shares"]] == [60_000, 40_000]
    assert not AllocationRun.objects.exists()
    kept = client.post(reverse("patrol:what_if"), asked)
    made = AllocationRun.objects.get()
    assert kept["Location"] == made.get_absolute_url()
    assert client.get(made.get_absolute_url()).status_code == 200
    assert client.get(reverse("patrol:what_if"), {**asked, "bands": "1:x"}).status_code == 422
    urls = [made.get_absolute_url(), reverse("patrol:allocations"), reverse("patrol:what_if")]
    access.assert_scoped(client, urls, may.supervisor, may.chief)


def test_a_rule_set_whose_weights_do_not_sum_is_refused(db):
    wrong = ScoreRuleSet(name="x", parts={"district": [{"code": "a", "weight": 30, "ratio": "handle_rate"}]}, grades=[])
    with pytest.raises(ValidationError, match="sum to 30"):
        wrong.clean()
    reference.load()
    ScoreRuleSet.objects.get().clean()


def test_posts_are_scored_by_what_each_person_did(posts):
    from datetime import timedelta

    from chengheng.patrol import actions
    from tests.patrol.conftest import IN_HEPING

    at = AT

    def later(minutes):
        return at + timedelta(minutes=minutes)

    def filed(asked_after):
        case = actions.report_case(
            posts.collector, source="collector", kind="event", code="0110", lon=IN_HEPING[0], lat=IN_HEPING[1], now=at
        )
        case = actions.accept_case(case, posts.receptionist, now=later(1))
        case = actions.ask_to_verify(
            case, posts.receptionist, data={"collector": posts.collector}, now=later(asked_after)
        )
        case = actions.verify_case(case, posts.collector, data={"result": "true"}, now=later(asked_after + 1))
        standard = queries.standards_for(case, at.date()).first()
        return actions.file_case(case, posts.chief, data={"standard": standard.pk}, now=later(asked_after + 2))

    case, _late = filed(2), filed(600)
    actions.dispatch_case(case, posts.dispatcher, data={"department": posts.department}, now=later(5))
    rows = bulletins.figures(202405, bulletins.rules_of(bulletins.rule_set_on(AT.date())), NOW)
    (reception,), (chief,), (dispatcher,) = (rows[post] for post in bulletins.POSTS)
    assert (reception["label"], reception["counts"]["accepted"]) == ("district_receptionist", 2)
    # accepted 2: 0 points of weight 25; asked in time 1 of 2: 50 of weight 40; nothing to check: left out
    assert Decimal(reception["score"]) == (Decimal(40) * 50 / 65).quantize(Decimal("0.01"))
    assert reception["ratios"]["ask_verify_rate"] == "50.00"
    assert (chief["counts"]["filed"], chief["ratios"]["file_right_rate"]) == (2, "100.00")
    assert (dispatcher["counts"]["dispatched"], dispatcher["ratios"]["dispatch_right_rate"]) == (1, "100.00")
