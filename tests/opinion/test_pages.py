"""The pages and the API answer those who may, and nobody else; deliveries are signed."""

from __future__ import annotations

import json
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from chengheng.opinion import actions, rules
from chengheng.opinion.models import Alert, Arrival, Claim, Item, ModelVersion, Report, Rule, Source
from tests.access import assert_scoped, sign_in
from tests.builders import holder, user
from tests.opinion.test_life import NOW, bring, fresh_reader, rule, said, source

pytestmark = pytest.mark.django_db
__all__ = ["fresh_reader"]


@pytest.fixture
def chief():
    return holder("opinion.chief")


@pytest.fixture
def story(chief):
    """An item with an alert and a claim."""
    rule(opens_claim=True)
    (item,) = bring(source(), said("网传和平路路面塌陷", "<b>路面塌陷</b>，据说有人受伤，求证"))
    return item


def test_pages_are_for_those_who_may(client, story, chief):
    today = timezone.localtime(NOW).date()
    report = actions.compose_report(chief, "daily", today, today)
    urls = [
        "/opinion/", "/opinion/search/?q=塌陷", "/opinion/items/", story.get_absolute_url(), "/opinion/events/",
        story.event.get_absolute_url(), "/opinion/alerts/", Alert.objects.get().get_absolute_url(), "/opinion/claims/",
        Claim.objects.get().get_absolute_url(), "/opinion/rules/", Rule.objects.get().get_absolute_url(),
        "/opinion/rules/new/", "/opinion/sources/", story.source.get_absolute_url(), "/opinion/sources/new/",
        f"/opinion/sources/{story.source_id}/change/", "/opinion/models/", "/opinion/reports/",
        report.get_absolute_url(), f"/opinion/reports/{report.pk}/docx/", "/opinion/items/mail/",
    ]  # fmt: skip
    assert_scoped(client, urls, chief, user())


def test_the_item_page_marks_words_and_says_what_no_model_answers(client, story, chief):
    body = sign_in(client, chief).get(story.get_absolute_url()).content.decode()
    assert "<mark>塌陷</mark>" in body
    assert "<b>路面" not in body


def test_search_marks_its_words(client, story, chief):
    body = sign_in(client, chief).get("/opinion/search/", {"q": "塌陷"}).content.decode()
    assert "<mark>塌陷</mark>" in body
    assert "<mark>" not in client.get("/opinion/search/", {"q": "陷"}).content.decode()


def test_lists_ask_few_questions(client, story, chief, django_assert_max_num_queries):
    place = story.source
    bring(place, *(said(f"第{n}处井盖缺失{n * 7919}", number=n + 10) for n in range(30)))
    sign_in(client, chief).get("/opinion/items/")
    with django_assert_max_num_queries(20):
        assert client.get("/opinion/items/", {"q": "井盖"}).status_code == 200


def test_a_rule_is_tried_then_saved(client, story, chief):
    form = {
        "name": "井盖", "notation": "塌陷", "least_relevance": 0, "least_doubt": 0, "least_reach": 0, "level": "info",
        "cool_down_minutes": 5, "merge": "on", "active": "on",
    }  # fmt: skip
    Item.objects.update(collected_at=timezone.now())
    answer = sign_in(client, chief).post("/opinion/rules/new/", form | {"do": "try"})
    assert "data-trial" in answer.content.decode()
    assert Rule.objects.count() == 1
    assert client.post("/opinion/rules/new/", form | {"do": "save"}).status_code == 302
    assert (
        client.post("/opinion/rules/new/", form | {"name": "坏", "notation": "a ~ b", "do": "save"}).status_code == 422
    )
    assert Rule.objects.count() == 2


def test_a_source_is_entered_and_inner_addresses_are_not(client, chief):
    form = {
        "name": "示例", "channel": "news", "way": "feed", "url": "https://news.example.com/feed", "tier": 1,
        "interval_minutes": 15, "quiet_hours": 24, "active": "on",
    }  # fmt: skip
    assert sign_in(client, chief).post("/opinion/sources/new/", form).status_code == 302
    assert (
        client.post("/opinion/sources/new/", form | {"name": "坏", "url": "http://169.254.169.254/x"}).status_code
        == 422
    )
    assert [one.name for one in Source.objects.all()] == ["示例"]


def test_a_model_is_trained_on_the_page(client, chief):
    rows = "\n".join(json.dumps({"t": f"{('干净感谢', '恶臭投诉')[n % 2]}{n}", "y": n % 2}) for n in range(120))
    upload = SimpleUploadedFile("rows.jsonl", rows.encode())
    answer = sign_in(client, chief).post("/opinion/models/", {"head": "relevance", "file": upload})
    assert answer.status_code == 302
    assert ModelVersion.objects.get().in_use
    bad = SimpleUploadedFile("rows.jsonl", b"\xff\xfe nonsense")
    assert client.post("/opinion/models/", {"head": "relevance", "file": bad}).status_code == 422


def test_a_report_is_composed_on_the_page(client, story, chief):
    day = timezone.localtime(NOW).date().isoformat()
    answer = sign_in(client, chief).post("/opinion/reports/", {"kind": "daily", "starts_on": day, "ends_on": day})
    assert answer.status_code == 302
    report = Report.objects.get()
    assert client.get(f"/opinion/reports/{report.pk}/docx/").content[:2] == b"PK"


class TestDeliveries:
    SECRET_BODY = {
        "items": [{"id": "w-1", "title": "微博：和平路塌陷", "body": "现场", "channel": "weibo", "reach": 9000}]
    }

    @pytest.fixture
    def service(self, chief):
        place = source("数据服务", channel="weibo", way="push", url="", licence="合同 2026-1")
        return place, actions.new_secret(chief, place), holder("opinion.deliverer")

    def send(self, client, service, body=None, *, secret=None, at=None, raw=None):
        place, known, machine = service
        sign_in(client, machine)
        payload = raw if raw is not None else json.dumps(body or self.SECRET_BODY).encode()
        stamp = str(int(time.time() if at is None else at))
        return client.post(
            f"/api/v1/opinion/sources/{place.pk}/items", payload, content_type="application/json",
            headers={"X-Timestamp": stamp, "X-Signature": rules.signature(secret or known, stamp, payload)},
        )  # fmt: skip

    def test_signed_items_are_kept_once(self, client, service):
        assert self.send(client, service).json() == {"received": 1, "new": 1}
        assert self.send(client, service).json() == {"received": 1, "new": 0}
        assert Arrival.objects.count() == 1
        actions.read_all()
        item = Item.objects.get()
        assert (item.channel, item.reach, item.source.name) == ("weibo", 9000, "数据服务")

    @pytest.mark.parametrize(
        "how", [{"secret": "wrong"}, {"at": 0}, {"at": time.time() - 3600}, {"at": time.time() + 3600}]
    )
    def test_other_signatures_and_old_ones_are_refused(self, client, service, how):
        assert self.send(client, service, **how).status_code == 401
        assert Arrival.objects.count() == 0

    def test_strange_bodies_are_refused(self, client, service):
        for body in (
            {"items": []},
            {"items": [{"id": ""}]},
            {"items": [{"id": "1", "evil": 1}]},
            {"items": [{"id": "1"}] * 1001},
        ):
            assert self.send(client, service, body).status_code == 422
        assert self.send(client, service, raw=b"{").status_code in (400, 422)

    def test_people_who_do_not_deliver_are_refused(self, client, service, chief):
        place, secret, _machine = service
        assert self.send(client, (place, secret, chief)).status_code == 403

    def test_comments_follow_their_item(self, client, service):
        place, secret, _machine = service
        self.send(client, service)
        actions.read_all()
        body = {"id": "w-1", "comments": [{"at": timezone.now().isoformat(), "words": "谣言，求证"}]}
        payload, stamp = json.dumps(body).encode(), str(int(time.time()))
        answer = client.post(
            f"/api/v1/opinion/sources/{place.pk}/comments", payload, content_type="application/json",
            headers={"X-Timestamp": stamp, "X-Signature": rules.signature(secret, stamp, payload)},
        )  # fmt: skip
        assert (answer.status_code, answer.json()["doubted"]) == (202, True)


def test_the_api_reads_within_what_one_may_see(client, story):
    bring(story.source, said("南开区井盖缺失", number=77))
    liaison = holder("opinion.district", area_code="120104")
    sign_in(client, liaison)
    assert [one["title"] for one in client.get("/api/v1/opinion/items").json()] == ["南开区井盖缺失"]
    assert client.get(f"/api/v1/opinion/items/{story.pk}").status_code == 404
    assert client.get("/api/v1/opinion/items?q=塌陷").json() == []


def test_a_spreadsheet_is_imported_and_taken_back(chief, transactional_db):
    from chengheng.common.intake import actions as intake

    rows = "渠道,标题,正文,链接,发布时间\n微博,和平路塌陷,现场,https://w.example.com/1,2026-11-20 10:00\n抖音,垃圾成堆,没人清运,,\n"
    batch = intake.receive(chief, "opinion.item", "items.csv", rows.encode("gb18030"))
    batch = intake.check_batch(chief, batch.pk)
    batch = intake.commit_batch(chief, batch.pk)
    assert actions.read_all() == 2
    assert sorted(Item.objects.values_list("channel", flat=True)) == ["video", "weibo"]
    intake.undo_batch(chief, batch.pk, "错了")
    assert Item.objects.count() == 0


def test_why_a_source_is_not_read_stands_in_words(client, chief):
    place = source()
    for reason in ("robots", "http_503", "refused_scheme", "medium_too_large"):
        actions.note_failure(place, NOW, reason)
    with translation.override("zh-hans"):
        body = (
            sign_in(client, chief)
            .get(place.get_absolute_url(), headers={"accept-language": "zh-hans"})
            .content.decode()
        )
    for words in (
        "网站的 robots.txt 不允许读取该地址",
        "网站应答状态 503",
        "不访问该地址 (scheme)",
        "(超过可读取的大小)",
    ):
        assert words in body
    assert "robots</code>" not in body
