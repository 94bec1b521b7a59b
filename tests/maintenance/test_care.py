"""Around a repair: spare parts, what helps, what those who reported think of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from chengheng.common import measures, trail
from chengheng.common.errors import Invalid, NotFound
from chengheng.common.measures import Period, Scope
from chengheng.common.notices.models import Message, Notice
from chengheng.common.people.access import SYSTEM
from chengheng.maintenance import actions, queries
from chengheng.maintenance.care import actions as care
from chengheng.maintenance.care import queries as care_queries
from chengheng.maintenance.care.errors import NothingToRate, StockShort
from chengheng.maintenance.care.models import Article, Rating, Spare, SpareMove
from chengheng.maintenance.models import Fault, Part
from tests.access import sign_in

from .conftest import TIANJIN

START = datetime(2024, 6, 3, 9, 0, tzinfo=TIANJIN)


def reported(place, by=SYSTEM, device=None, title="no picture"):
    return actions.report_fault(by, device or place.device, source="user", title=title, now=START)[0]


def repaired(place, parts="", **more):
    fault = reported(place, **more)
    fault = actions.arrive(fault, place.engineer, now=START + timedelta(hours=1))
    data = {"cause": "hardware", "parts": parts}
    return actions.fix(fault, place.engineer, data=data, note="new power supply", now=START + timedelta(hours=2))


def spare(place, **more):
    return care.keep_spare(Spare(**{"name": "Power supply", "least": 2, "price_fen": 12_000} | more), place.manager)


def test_stock_is_the_sum_of_its_movements_and_a_repair_takes_from_it(place):
    row = spare(place)
    care.move_spare(row, place.manager, why="received", count=5, note="bought")
    fault = repaired(place, "Power supply ×2\nScrew")
    row.refresh_from_db()
    assert row.on_hand == 3
    assert [(p.name, p.count, p.spare_id, p.price_fen) for p in Part.objects.order_by("pk")] == [
        ("Power supply", 2, row.pk, 24_000), ("Screw", 1, None, 0),
    ]  # fmt: skip
    care.move_spare(row, place.manager, why="counted", count=2)
    care.move_spare(row, place.manager, why="scrapped", count=1)
    moves = list(row.moves.order_by("pk"))
    assert [(m.why, m.count, m.left) for m in moves] == [
        ("received", 5, 5), ("used", -2, 3), ("counted", -1, 2), ("scrapped", -1, 1),
    ]  # fmt: skip
    assert moves[1].fault == fault
    row.refresh_from_db()
    assert row.on_hand == sum(m.count for m in moves) == 1
    assert Message.objects.filter(title__contains="Power supply").count() == 1, "told once, when it became too few"
    assert trail.history(row).count() == 5


def test_stock_is_never_below_nothing_and_a_repair_is_not_held_up(place):
    row = spare(place, least=0)
    care.move_spare(row, place.manager, why="received", count=1)
    with pytest.raises(StockShort):
        care.move_spare(row, place.manager, why="scrapped", count=2)
    for why, count in (("received", 0), ("received", -3), ("used", 1), ("counted", 1)):
        with pytest.raises(Invalid):
            care.move_spare(row, place.manager, why=why, count=count)
    repaired(place, "Power supply ×3")
    row.refresh_from_db()
    assert row.on_hand == 0
    assert row.moves.filter(why="used").get().count == -1
    assert Part.objects.get().count == 3, "what was used is what the repair says"
    assert Message.objects.filter(subject_type="maintenance.spare").exists()


def test_another_systems_part_is_not_taken(place):
    from chengheng.maintenance.models import System

    row = spare(place, system=System.objects.get(code="finance"))
    care.move_spare(row, place.manager, why="received", count=2)
    repaired(place, "Power supply ×1")
    row.refresh_from_db()
    assert row.on_hand == 2
    assert Part.objects.get().spare is None


def test_engineers_see_parts_and_book_none(place, client):
    row = spare(place)
    with pytest.raises(NotFound):
        care.move_spare(row, place.engineer, why="received", count=5)
    sign_in(client, place.engineer)
    assert client.get(row.get_absolute_url()).status_code == 200
    assert client.post(row.get_absolute_url(), {"why": "received", "count": 5}).status_code == 200
    assert SpareMove.objects.count() == 0
    assert "/maintenance/spares/new/" not in client.get("/maintenance/spares/").text
    sign_in(client, place.manager)
    assert "/maintenance/spares/new/" in client.get("/maintenance/spares/").text
    assert client.post("/maintenance/spares/new/", {"name": "Fan", "least": "1", "price": "35.50"}).status_code == 302
    fan = Spare.objects.get(name="Fan")
    assert fan.price_fen == 3550
    assert client.post(fan.get_absolute_url(), {"why": "received", "count": "4"}).status_code == 302
    assert client.post(fan.get_absolute_url(), {"why": "scrapped", "count": "9"}).status_code == 422
    edit = {"name": "Fan 12 cm", "least": "1", "price": "36", "active": "on"}
    assert client.post(reverse("maintenance:spare_change", args=[fan.pk]), edit).status_code == 302
    fan.refresh_from_db()
    assert (fan.name, fan.on_hand, fan.price_fen) == ("Fan 12 cm", 4, 3600)


def test_a_repair_becomes_an_article_that_the_next_fault_shows(place, client):
    fault = repaired(place)
    sign_in(client, place.engineer)
    assert f"fault={fault.pk}" in client.get(fault.get_absolute_url()).text
    new = f"{reverse('maintenance:article_new')}?fault={fault.pk}"
    form = client.get(new)
    assert "new power supply" in form.text
    said = {
        "title": "No picture on a switch",
        "kind": "switch",
        "symptom": "no picture",
        "solution": "Change the power supply.",
    }
    assert client.post(new, said).status_code == 302
    article = Article.objects.get()
    assert (article.by, article.fault) == (place.engineer, fault)
    other = reported(place, device=place.devices[1], title="no picture again")
    assert article.title in client.get(other.get_absolute_url()).text
    assert [hit.title for hit in care_queries.find(place.desk, "power supply", 5)] == [article.title]
    far = Article(title="For cameras only", kind="camera", symptom="x", solution="y")
    care.keep_article(far, place.manager)
    assert care_queries.articles_for(place.desk, other) == [article]
    sign_in(client, place.stranger)
    assert client.get(article.get_absolute_url()).status_code == 200, "experience is for every vendor"
    assert client.get(reverse("maintenance:article_change", args=[article.pk])).status_code == 404
    sign_in(client, place.manager)
    gone = said | {"active": ""}
    assert client.post(reverse("maintenance:article_change", args=[article.pk]), gone).status_code == 302
    assert care_queries.articles_for(place.desk, other) == []


def test_who_reported_follows_the_fault_and_says_how_the_repair_was(place):
    stranger = Client()
    page = stranger.post(place.device.label_url(), {"title": "no picture", "name": "Li"})
    fault = Fault.objects.get()
    address = fault.report_rows.get().follow_url()
    assert address in page.text
    assert stranger.post(address, {"score": "5"}).status_code == 200
    assert Rating.objects.count() == 0, "there is nothing to rate yet"
    with pytest.raises(NothingToRate):
        care.rate(fault.report_rows.get(), score=5)
    fault = actions.arrive(fault, place.engineer)
    fault = actions.fix(fault, place.engineer, data={"cause": "hardware"}, note="done")
    assert 'name="score"' in stranger.get(address).text
    assert stranger.post(address, {"score": "7"}).status_code == 422
    assert stranger.post(address, {"score": "2", "words": "took long"}).status_code == 200
    assert Message.objects.filter(title__contains=fault.number, level="warning", body="took long").exists()
    assert stranger.post(address, {"score": "4"}).status_code == 200
    assert (Rating.objects.get().score, Rating.objects.get().fault) == (4, fault)
    assert stranger.get("/maintenance/r/nobodys-token/").status_code == 404
    assert stranger.get("/maintenance/r//").status_code == 404
    fault = actions.verify(fault, place.desk)
    actions.void(reported(place, device=place.devices[1]), place.desk, note="nothing")
    with pytest.raises(NothingToRate):
        care.rate(place.devices[1].faults.get().report_rows.get(), score=1)


def test_those_with_an_account_are_asked_once_when_it_is_verified(place):
    fault = reported(place, by=place.desk)
    actions.report_fault(SYSTEM, place.device, source="user", title="me too", now=START)
    fault = actions.fix(
        actions.arrive(fault, place.engineer, now=START), place.engineer, data={"cause": "power"}, note="x", now=START
    )
    asked = Message.objects.filter(body__contains="/maintenance/r/")
    assert not asked.exists()
    actions.verify(fault, place.desk, now=START)
    assert list(Notice.objects.filter(message__in=asked).values_list("user", flat=True)) == [place.desk.pk]


def test_the_measure_counts_the_satisfied_by_system_and_the_vendor_reads_it(place):
    period, scope = Period.month(2024, 6), Scope().with_options({"system": "video"})
    assert measures.evaluate("maintenance.satisfaction", period, scope).value is None
    for device, score in zip(place.devices, (5, 4, 1), strict=True):
        fault = repaired(place, device=device)
        care.rate(fault.report_rows.get(), score=score, now=START + timedelta(hours=3))
    found = measures.evaluate("maintenance.satisfaction", period, scope)
    assert (found.numerator, found.denominator, str(found.value)) == (2, 3, "66.6667")
    other = measures.evaluate("maintenance.satisfaction", period, Scope().with_options({"system": "finance"}))
    assert other.value is None
    report = queries.service_report(place.contract, period.starts_at, period.ends_before)
    assert (report["satisfied"], report["ratings"]) == (2, 3)
