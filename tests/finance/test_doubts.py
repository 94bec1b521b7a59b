"""A doubt's way from candidate to closed, each step by the right person only; papers and pages."""

from __future__ import annotations

import io

import pytest
from django.urls import reverse
from django.utils import timezone
from docx import Document
from openpyxl import load_workbook

from chengheng.common import trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.measures import Period, Scope, evaluate
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import Duty
from chengheng.finance import actions, papers
from chengheng.finance.errors import AlreadyTakenUp, OwnUnit, SeparationOfDuties
from chengheng.finance.models import Doubt, Finding
from tests.access import assert_scoped, is_closed, sign_in
from tests.builders import holder
from tests.finance.planted import Y, d, paid, spent

pytestmark = pytest.mark.django_db


@pytest.fixture
def finding(unit):
    actions.store_batch(SYSTEM, unit, "lines", Y, 3, spent(d(3, 3), 60000, party="甲公司", number="1"), origin="a")
    return Finding.objects.get(rule="T07")


def issued(finding, people):
    return actions.issue_doubt(actions.raise_doubt(finding, people.issuer), people.issuer)


def test_from_finding_to_closed(finding, people):
    doubt = issued(finding, people)
    assert doubt.state == "issued"
    assert doubt.due_at
    doubt = actions.explain_doubt(doubt, people.accountant, note="合同付款")
    doubt = actions.confirm_doubt(doubt, people.reviewer, note="没有合同")
    assert doubt.rectify_due_at
    doubt = actions.rectify_doubt(doubt, people.accountant, note="已补签并追责")
    doubt = actions.return_doubt(doubt, people.reviewer, note="补凭据")
    doubt = actions.rectify_doubt(doubt, people.accountant, note="凭据已补")
    doubt = actions.verify_doubt(doubt, people.reviewer)
    doubt = actions.close_doubt(doubt, people.closer)
    assert doubt.state == "closed"
    assert doubt.closed_at
    month = Period(timezone.localdate(doubt.found_at), timezone.localdate(doubt.rectify_due_at))
    assert evaluate("finance.doubts_found", month, Scope()).value == 1
    assert evaluate("finance.doubts_confirmed", month, Scope()).value == 1
    assert evaluate("finance.rectified_on_time", month, Scope()).value == 100
    doubt = actions.reopen_doubt(doubt, people.closer, note="新线索")
    assert doubt.state == "explained"
    assert doubt.confirmed is None


def test_nobody_takes_a_step_that_is_not_theirs(finding, people):
    doubt = actions.raise_doubt(finding, people.issuer)
    with pytest.raises(AlreadyTakenUp):
        actions.raise_doubt(finding, people.issuer)
    for person in (people.accountant, people.reviewer, people.closer, people.importer):
        with pytest.raises((NotPermitted, NotFound, OwnUnit)):
            actions.issue_doubt(doubt, person)
    doubt = actions.issue_doubt(doubt, people.issuer)
    for person in (people.issuer, people.reviewer, people.stranger):
        with pytest.raises((NotPermitted, NotFound)):
            actions.explain_doubt(doubt, person, note="x")
    doubt = actions.explain_doubt(doubt, people.accountant, note="x")
    for person in (people.issuer, people.accountant, people.closer):
        with pytest.raises((NotPermitted, NotFound, OwnUnit, SeparationOfDuties)):
            actions.confirm_doubt(doubt, person, note="x")


def test_two_hats_do_not_help(finding, people):
    """Somebody given both roles by mistake still cannot decide what they issued."""
    Duty.objects.create(
        user=people.issuer, role="finance.reviewer", organisation=people.issuer.organisation, starts_on="2020-01-01"
    )
    doubt = actions.explain_doubt(issued(finding, people), people.accountant, note="x")
    with pytest.raises(SeparationOfDuties):
        actions.confirm_doubt(doubt, people.issuer, note="x")
    insider = holder("finance.reviewer", finding.unit.organisation)
    with pytest.raises(OwnUnit):
        actions.clear_doubt(doubt, insider, note="x")


def test_the_unit_sees_its_doubts_once_issued_and_nobody_elses(finding, people, client):
    doubt = actions.raise_doubt(finding, people.issuer)
    address = doubt.get_absolute_url()
    assert is_closed(sign_in(client, people.accountant).get(address))
    assert is_closed(sign_in(client, people.accountant).get(finding.get_absolute_url()))
    actions.issue_doubt(doubt, people.issuer)
    assert_scoped(client, [address], people.accountant, people.stranger)
    batch = finding.unit.batches.get()
    assert_scoped(
        client,
        [finding.unit.get_absolute_url(), batch.get_absolute_url(),
         f"{reverse('finance:voucher', args=[batch.pk])}?word=记&number=1"],
        people.accountant, people.stranger,
    )  # fmt: skip
    office = [reverse("finance:overview"), reverse("finance:aspect", args=["ledger"]), finding.get_absolute_url(),
              reverse("finance:working_paper", args=[doubt.pk]), reverse("finance:paper", args=["doubts"])]  # fmt: skip
    assert_scoped(client, office, people.issuer, people.accountant)


def test_every_page_opens_for_the_office(finding, people, client):
    doubt = issued(finding, people)
    sign_in(client, people.issuer)
    names = ("overview", "doubts", "findings", "rules", "units", "batches", "lines")
    addresses = [reverse(f"finance:{name}") for name in names]
    addresses += [reverse("finance:rule", args=[code]) for code in ("T07", "P10")] + [
        doubt.get_absolute_url(),
        finding.get_absolute_url(),
    ]
    for address in addresses:
        assert client.get(address).status_code == 200, address
    assert "尚不能执行" not in client.get(reverse("finance:rules")).content.decode()
    assert "尚不能执行" not in client.get(finding.unit.get_absolute_url()).content.decode()
    assert is_closed(client.get(reverse("finance:import")))
    paper = reverse("finance:paper", args=["doubts"])
    assert paper in client.get(reverse("finance:overview")).content.decode()
    sign_in(client, people.importer)
    assert paper not in client.get(reverse("finance:overview")).content.decode()
    assert sign_in(client, people.importer).get(reverse("finance:import")).status_code == 200


def test_private_data_are_masked_by_role_and_views_recorded(unit, people, client):
    actions.store_batch(SYSTEM, unit, "pay", Y, 3, [paid("120101199001011234"), paid("120101199001011234")], origin="a")
    finding = Finding.objects.get(rule="W01")
    text = sign_in(client, people.issuer).get(finding.get_absolute_url()).content.decode()
    assert "120101199001011234" not in text
    assert "12**************34" in text
    assert "8,000.00" not in text.split("<table")[1]
    text = sign_in(client, people.reviewer).get(finding.get_absolute_url()).content.decode()
    assert "120101199001011234" in text
    assert [(one.actor_label, one.data["masked"]) for one in trail.history(finding)] == [
        ("issuer", True),
        ("reviewer", False),
    ]


def test_papers_carry_the_data_the_hash_and_who_took_them(finding, people):
    Finding.objects.filter(pk=finding.pk).update(text="=cmd|' /C calc'!A0")
    finding.refresh_from_db()
    doubt = actions.raise_doubt(finding, people.issuer, title="=1+1")
    doubt = actions.issue_doubt(doubt, people.issuer)
    name, content = papers.book("doubts", people.issuer)
    sheet = load_workbook(io.BytesIO(content)).active
    assert name == "疑点清单.xlsx"
    assert sheet.cell(4, 1).value == doubt.number
    assert sheet.cell(4, 7).value == 60000
    assert sheet.cell(4, 6).data_type == "s"
    assert "issuer" in sheet.cell(2, 1).value
    head = trail.history(doubt).last().hash
    document = Document(io.BytesIO(papers.working_paper(doubt, people.issuer)))
    assert any(head in paragraph.text for paragraph in document.paragraphs)
    assert trail.history(doubt).last().act == "finance.paper.export"
    papers.book("public", people.issuer)
    papers.book("rectification", people.issuer)
    assert Doubt.objects.count() == 1
