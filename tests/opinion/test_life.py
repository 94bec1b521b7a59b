"""From words that arrive to alerts that people answer: nothing lost, nothing doubled, delays measured."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from chengheng.common.errors import NotPermitted
from chengheng.common.measures import Period, Scope, evaluate
from chengheng.common.notices.models import Notice
from chengheng.common.people.access import SYSTEM
from chengheng.common.tables import asking, exporting
from chengheng.opinion import actions, concordance, errors, partitions, queries, reader, reference, rules
from chengheng.opinion.models import (
    Alert,
    Arrival,
    Claim,
    Comment,
    DeadLetter,
    Event,
    Evidence,
    Item,
    ModelVersion,
    Rule,
    Source,
    SourceHour,
)
from chengheng.opinion.tables import ItemTable
from tests.builders import holder

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 11:00 in Tianjin


@pytest.fixture(autouse=True)
def fresh_reader():
    reader.forget()
    yield
    reader.forget()


def source(name: str = "示例新闻", **fields) -> Source:
    fields = {"channel": "news", "way": "feed", "url": "https://news.example.com/feed"} | fields
    return Source.objects.create(name=name, **fields)


def rule(name: str = "塌陷", notation: str = "塌陷", **fields) -> Rule:
    return Rule.objects.create(name=name, notation=notation, **({"cool_down_minutes": 0} | fields))


def said(title: str, body: str = "", number: int | str = 1, **more) -> dict:
    more.setdefault("published_at", (NOW - timedelta(minutes=10)).isoformat())
    return {"id": f"n-{number}", "url": f"https://news.example.com/{number}", "title": title, "body": body} | more


def bring(place: Source, *entries: dict, now: datetime = NOW) -> list[Item]:
    actions.arrive(place, entries, now)
    before = Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    actions.read_all(now)
    return list(Item.objects.filter(pk__gt=before).order_by("pk"))


class TestArriving:
    def test_what_arrives_is_stored_once_with_what_was_told_of_it(self):
        place = source()
        (item,) = bring(place, said("和平区和平路烧烤店油烟扰民", "每晚油烟很大", author="张三"))
        assert (item.title, item.channel, item.topic_name) == ("和平区和平路烧烤店油烟扰民", "news", "油烟污染")
        assert item.relevance > 0.5
        assert item.area_code == "120101"
        assert item.author not in (0, "张三")
        assert (item.sentiment, item.doubt) == ("", None)  # no trained model: no answer
        assert bring(place, said("和平区和平路烧烤店油烟扰民 改", number=1)) == []
        assert Arrival.objects.count() == 0

    def test_the_source_is_proved_alive(self):
        place = source()
        bring(place, said("垃圾成堆无人清运"))
        hour = SourceHour.objects.get()
        assert (hour.readings, hour.items) == (1, 1)
        place.refresh_from_db()
        assert (place.health, place.last_item_at) == ("alive", NOW)

    def test_repeats_point_at_the_first_across_a_restart(self):
        place, other = source(), source("论坛", channel="forum")
        words = (
            "昨天晚上和平路烧烤店油烟特别大，整栋楼的居民都睡不着，打了三次电话也没有人来管，希望城管部门尽快处理一下。"
        )
        (first,) = bring(place, said("油烟扰民", words))
        reader.forget()  # a new process
        (second,) = bring(other, said("转发：油烟扰民", "转发：" + words, 2))
        assert second.original == first.pk
        assert second.event_id == first.event_id
        assert Event.objects.get(pk=first.event_id).items == 2

    def test_a_failure_while_reading_leaves_everything_waiting(self, monkeypatch):
        place = source()
        actions.arrive(place, [said("路面塌陷")], NOW)
        from chengheng.opinion.actions import arriving

        def broken(*_):
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(arriving, "copy_rows", broken)
            with pytest.raises(RuntimeError):
                actions.read_arrivals()
        assert (Arrival.objects.count(), Item.objects.count(), Event.objects.count()) == (1, 0, 0)
        assert actions.read_all(NOW) == 1
        assert Item.objects.get().original == 0

    def test_partitions_are_made_before_they_are_needed(self):
        place = source()
        with connection.cursor() as cursor:
            cursor.execute("select setval('opinion_item_number', %s)", [partitions.SIZE * 3 - 2])
        items = bring(place, *(said(f"第{n}条不同的消息说井盖缺失{n * 7919}", number=n) for n in range(4)))
        assert items[0].pk < partitions.SIZE * 3 <= items[-1].pk
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from opinion_item_p3")
            assert cursor.fetchone()[0] > 0

    @pytest.mark.parametrize(
        "title", ["\x00", "a\x00b", "\ud800", "<script>alert(1)</script>", "&lt;img src=x onerror=y&gt;"]
    )
    def test_hostile_titles_are_plain_text(self, title):
        (item,) = bring(source(), said("好" + title, "正文"))
        assert "<" not in item.title
        assert "\x00" not in item.title


class TestSearch:
    def test_words_are_found_whole_newest_first(self):
        place = source()
        bring(
            place,
            said("和平路路面塌陷", number=1),
            said("和平路通车，平路不陷", number=2),
            said("路面塌陷又一处", number=3),
        )
        chief = holder("opinion.chief")
        assert [item.title for item in queries.search(chief, "路面塌陷")] == ["路面塌陷又一处", "和平路路面塌陷"]
        assert [item.title for item in queries.search(chief, "和平路 塌陷")] == ["和平路路面塌陷"]
        assert queries.search(chief, "陷") == []

    def test_full_segments_answer_like_the_items_themselves(self, monkeypatch):
        monkeypatch.setattr(concordance, "SEGMENT", 4)
        place, chief = source(), holder("opinion.chief")
        words = ["路面塌陷", "塌陷又一处", "和平路", "面塌", "路面平整"]
        bring(place, *(said(f"{words[n % 5]}，编号{n}", number=n) for n in range(23)))
        while concordance.seal(Item.objects.order_by("-pk").first().pk + 1):
            pass
        assert concordance.sealed_to() > Item.objects.order_by("-pk").first().pk - 4
        for asked in ("塌陷", "路面", "路面 塌陷", "编号1", "平整"):
            wanted = [one.pk for one in Item.objects.order_by("-pk") if all(w in one.whole for w in asked.split())]
            assert [one.pk for one in queries.search(chief, asked)] == wanted
            assert [one.pk for one in queries.search(chief, asked, before=wanted[1])] == wanted[2:]
        assert [one.pk for one in queries.search(chief, "塌陷", limit=3)] == [
            one.pk for one in queries.search(chief, "塌陷")
        ][:3]

    def test_the_concordance_narrows_a_list_as_the_query_alone_would(self, monkeypatch):
        monkeypatch.setattr(concordance, "SEGMENT", 4)
        channels = ("news", "weibo", "forum")
        for place, day in ((source(), 0), (source(name="二"), 1)):
            bring(
                place,
                *(said(f"和平区和平路烧烤店油烟扰民{number}", "每晚都有", number=number, channel=channels[number % 3])
                  for number in range(12)),
                now=NOW + timedelta(days=day),
            )  # fmt: skip
        while concordance.seal(Item.objects.order_by("-pk").first().pk + 1):
            pass
        early, late = timezone.localdate(NOW), timezone.localdate(NOW + timedelta(days=1))
        for asked, rows in (
            (queries.asked("油烟 扰民"), Item.objects.all()),
            (queries.asked(channels=["weibo"]), Item.objects.filter(channel="weibo")),
            (queries.asked("油烟", ["weibo", "news"], area="120101"), Item.objects.exclude(channel="forum")),
            (queries.asked(topic="油烟", first=late), Item.objects.filter(collected_at__gt=NOW)),
            (queries.asked("油烟", relevant=True, last=early), Item.objects.filter(collected_at__lte=NOW)),
            (queries.asked("没有"), Item.objects.none()),
        ):
            wanted = list(rows.order_by("-pk").values_list("pk", flat=True))
            found = [pk for some in concordance.holding(asked) for pk in some]
            assert found == sorted(found, reverse=True)
            assert [pk for pk in found if pk in set(wanted)] == wanted
            middle = Item.objects.order_by("pk")[11].pk
            down = [pk for some in concordance.holding(asked, before=middle) for pk in some]
            up = [pk for some in concordance.holding(asked, above=middle) for pk in some]
            assert down == [pk for pk in found if pk < middle]
            assert up == [pk for pk in reversed(found) if pk > middle]
        hits = queries.search(SYSTEM, "油烟", channels=["forum"], first=late, last=late)
        assert {item.channel for item in hits} == {"forum"}
        assert len(hits) == 4

    @pytest.mark.parametrize("sort", ["", "collected_at"])
    def test_an_export_by_words_takes_its_rows_from_the_concordance(self, monkeypatch, sort):
        monkeypatch.setattr(concordance, "SEGMENT", 4)
        bring(source(), *(said(f"路面{'塌陷' if n % 2 else '平整'}{n}", number=n) for n in range(11)))
        while concordance.seal(Item.objects.order_by("-pk").first().pk + 1):
            pass
        listing = asking.parse(ItemTable(), holder("opinion.chief"), QueryDict(f"q=塌陷&sort={sort}"))
        with CaptureQueriesContext(connection) as asked:
            assert exporting.count_for_export(listing) == 5
            rows = [row.title for row in exporting.rows_in_order(listing)]
        wanted = [f"路面塌陷{n}" for n in range(1, 11, 2)]
        assert rows == (wanted if sort else wanted[::-1])
        items = [one["sql"] for one in asked if 'FROM "opinion_item"' in one["sql"]]
        assert len(items) >= 2
        assert all('"opinion_item"."id" IN (' in sql for sql in items)
        assert len(list(exporting.csv_lines(listing))) == 6

    def test_a_sealed_item_whose_words_change_is_found_by_the_new_ones(self, monkeypatch):
        monkeypatch.setattr(concordance, "SEGMENT", 4)
        bring(source(), *(said(f"路面塌陷{n}", number=n) for n in range(9)))
        while concordance.seal(Item.objects.order_by("-pk").first().pk + 1):
            pass
        item = Item.objects.order_by("pk").first()
        item.body, item.grams = "图中有水管", rules.word_grams("图中有水管")
        item.save(update_fields=["body", "grams"])
        concordance.seal_again(item.pk)
        assert queries.search(holder("opinion.chief"), "水管") == [item]

    def test_the_plan_uses_the_index(self):
        bring(source(), said("和平路路面塌陷"))
        with connection.cursor() as cursor:
            cursor.execute("set local enable_seqscan = off")
            cursor.execute("explain select postings from opinion_concordance where bucket = 7 and segment >= 1")
            assert "opinion_concordance_pkey" in "".join(row[0] for row in cursor.fetchall())

    def test_marks_stand_in_the_original(self):
        assert queries.marked("路面*塌陷了", ["塌陷", "路面"]) == [
            ("路面", True),
            ("*", False),
            ("塌陷", True),
            ("了", False),
        ]

    def test_districts_see_their_own(self):
        place = source()
        bring(place, said("和平区路面塌陷", number=1), said("南开区路面塌陷", number=2))
        liaison = holder("opinion.district", area_code="120104")
        assert [item.title for item in queries.search(liaison, "塌陷")] == ["南开区路面塌陷"]


class TestAlerts:
    def test_an_alert_tells_its_delays_and_people(self):
        clerk = holder("opinion.clerk")
        rule(level="urgent")
        bring(source(), said("和平路路面塌陷"), now=NOW)
        alert = Alert.objects.get()
        assert (alert.from_publication, alert.from_collection) == (600, 0)
        assert alert.told_at == NOW
        assert Notice.objects.get(user=clerk).level == "urgent"
        assert alert.due_at is None  # no limit is set on this site

    def test_one_event_is_one_alert(self):
        holder("opinion.clerk")
        rule()
        bring(
            source(),
            said("和平路路面塌陷", number=1),
            said("和平路路面塌陷现场", number=2),
            said("图书馆附近塌陷了一棵树", number=3),
        )
        assert sorted(Alert.objects.values_list("items", flat=True)) == [1, 2]

    def test_quiet_hours_hold_and_urgent_breaks_them(self):
        clerk = holder("opinion.clerk")
        quiet = {"quiet_start": time(10), "quiet_stop": time(12)}
        rule(**quiet)
        rule("急", "井盖", level="urgent", **quiet)
        bring(source(), said("和平路路面塌陷", number=1), said("井盖缺失", number=2))
        assert {a.rule.name: a.told_at is not None for a in Alert.objects.all()} == {"塌陷": False, "急": True}
        assert actions.tell_held(NOW + timedelta(minutes=59)) == 0
        assert actions.tell_held(NOW + timedelta(minutes=60)) == 1
        assert Notice.objects.filter(user=clerk).count() == 2

    def test_a_cool_down_gathers(self):
        clerk = holder("opinion.clerk")
        rule(cool_down_minutes=30, merge=False)
        place = source()
        bring(place, said("和平路路面塌陷", number=1))
        bring(
            place,
            said("图书馆旁边楼板塌陷", number=2),
            said("地铁站口台阶塌陷", number=3),
            now=NOW + timedelta(minutes=5),
        )
        assert Notice.objects.filter(user=clerk).count() == 1
        assert actions.tell_held(NOW + timedelta(minutes=31)) == 2
        assert Notice.objects.filter(user=clerk).count() == 2  # the two held ones came as one

    def test_conditions_narrow(self):
        rule("官媒", "", channels=["news"], least_relevance=0.5)
        bring(source(), said("垃圾成堆无人清运", number=1), said("咨询公积金", number=2))
        bring(source("论坛", channel="forum"), said("渣土车遗撒扰民", number=3))
        assert [alert.title for alert in Alert.objects.all()] == ["垃圾成堆无人清运"]

    def test_a_rule_that_asks_nothing_is_refused(self):
        chief = holder("opinion.chief")
        with pytest.raises(errors.EmptyRule):
            actions.save_rule(chief, Rule(name="全部"))
        with pytest.raises(errors.BadNotation):
            actions.save_rule(chief, Rule(name="坏", notation="a ~ b"))
        with pytest.raises(NotPermitted):
            actions.save_rule(holder("opinion.clerk"), Rule(name="好", notation="塌陷"))

    def test_the_bench_says_what_would_have_fired(self):
        clerk = holder("opinion.clerk")
        bring(
            source(), said("和平路路面塌陷", number=1), said("和平路路面塌陷现场", number=2), said("垃圾成堆", number=3)
        )
        trial = actions.try_rule(clerk, Rule(name="试", notation="路面 ~4 塌陷"), now=NOW + timedelta(hours=1))
        assert (trial.looked_at, trial.count, trial.stories) == (3, 2, 1)
        item, spans = trial.hits[0]
        assert [item.whole[a:b] for a, b in spans] == ["路面", "塌陷"]
        assert Alert.objects.count() == 0

    def test_the_bench_says_how_far_it_came_when_the_time_is_up(self, monkeypatch):
        monkeypatch.setattr("chengheng.opinion.actions.rules._TOGETHER", 2)
        place = source()
        for hour in range(3):
            bring(
                place,
                *(said(f"和平路路面塌陷{hour}-{n}", number=f"{hour}-{n}") for n in range(2)),
                now=NOW + timedelta(hours=hour),
            )
        tried = Rule(name="试", notation="塌陷")
        whole = actions.try_rule(SYSTEM, tried, now=NOW + timedelta(hours=3))
        assert (whole.looked_at, whole.count, whole.complete, whole.reached) == (6, 6, True, None)
        part = actions.try_rule(SYSTEM, tried, now=NOW + timedelta(hours=3), seconds=0)
        assert (part.looked_at, part.count, part.complete) == (2, 2, False)
        assert part.reached == NOW + timedelta(hours=2)

    def test_a_burst_raises_the_level(self):
        holder("opinion.clerk")
        rule(level="warning")
        place = source()
        entries = [
            said(f"和平路路面塌陷{n}", number=n, published_at=(NOW - timedelta(minutes=n % 30)).isoformat())
            for n in range(12)
        ]
        bring(place, *entries)
        (event,) = actions.raise_bursts(NOW)
        assert event.items == 12
        assert Alert.objects.get(event=event).level == "urgent"
        assert actions.raise_bursts(NOW + timedelta(minutes=5)) == []

    def test_the_flow_of_an_alert(self):
        reference.load()
        Rule.objects.all().delete()
        rule()
        bring(source(), said("和平路路面塌陷"))
        clerk, chief = holder("opinion.clerk"), holder("opinion.chief")
        alert = Alert.objects.get()
        assert alert.due_at == NOW + timedelta(hours=1)
        alert = actions.take_alert_step(alert, "assign", clerk, data={"matter": "reply"}, holder=clerk)
        assert alert.state == "answering"
        assert timedelta(hours=47) < alert.due_at - timezone.now() <= timedelta(hours=48)
        alert = actions.answer_alert(alert, clerk, "已围挡抢修，答复网友")
        assert actions.take_alert_step(alert, "close", chief).state == "closed"


class TestFalseStories:
    def rumour(self, **more):
        reference.load()
        return bring(
            source(**more),
            said("网传城管打死小贩，速转", "听说昨天城管把一个摆摊的小贩打死了，紧急扩散！大家都转起来让更多的人看到"),
        )[0]

    def test_a_suspicion_is_pushed_at_once_and_judged_by_two(self):
        clerk, verifier, chief = holder("opinion.clerk"), holder("opinion.verifier"), holder("opinion.chief")
        item = self.rumour()
        claim = Claim.objects.get()
        assert (claim.item_id, claim.state, claim.pushed_at) == (item.pk, "suspected", NOW)
        assert claim.due_at == NOW + timedelta(hours=5)
        assert claim.evidence.get().kind == Evidence.Kind.SNAPSHOT
        claim = actions.take_up(claim, clerk)
        with pytest.raises(errors.NoEvidence):
            actions.first_verdict(claim, clerk, "没有此事", {"verdict": "false"})
        claim = actions.keep_evidence(
            claim, clerk, "当日执法记录仪显示无冲突", {"kind": "record", "title": "执法记录 2026-11-19"}
        )
        claim = actions.first_verdict(claim, chief, "执法记录与医院核实均无此事", {"verdict": "false"})
        with pytest.raises(errors.SecondPerson):
            actions.confirm_verdict(claim, chief, "", {"verdict": "false"})
        with pytest.raises(errors.VerdictsDiffer):
            actions.confirm_verdict(claim, verifier, "", {"verdict": "true"})
        claim = actions.confirm_verdict(claim, verifier, "", {"verdict": "false"})
        claim = actions.draft_statement(
            claim, chief, "", {"statement": "经核实，网传城管打死小贩系谣言。", "match": "城管 & 打死 & 小贩"}
        )
        with pytest.raises(errors.OtherSigner):
            actions.sign_statement(claim, chief)
        claim = actions.sign_statement(claim, holder("opinion.chief"))
        claim = actions.publish_statement(claim, chief, "", {"url": "https://gov.example.com/1"})
        assert claim.debunked
        review = queries.claim_review(claim, "https://x/")
        assert (review["@type"], review["reviewRating"]["ratingValue"]) == ("ClaimReview", 1)

        # told again, in other words and as a copy: both are flagged with the old verdict at once
        told = bring(
            source("贴吧", channel="tieba", way="push", url=""),
            said("南开区小贩被城管当街打死了？", "求真相", 2),
            said("转", "听说昨天城管把一个摆摊的小贩打死了，紧急扩散！大家都转起来让更多的人看到", 3),
            now=timezone.now(),
        )
        assert [item.debunked_id for item in told] == [claim.pk, claim.pk]
        assert Claim.objects.count() == 1
        assert (
            Notice.objects.filter(user=clerk, title__contains="再次").count()
            + Notice.objects.filter(user=clerk, title__contains="told again").count()
            == 2
        )
        assert queries.effect_of(claim)[1] == 2

    def test_one_story_is_one_claim(self):
        item = self.rumour()
        with pytest.raises(errors.AlreadyClaimed):
            actions.suspect(holder("opinion.clerk"), item)

    def test_comments_raise_the_suspicion(self):
        rule("求证", "", doubted=True, least_relevance=0.4, opens_claim=True)
        (item,) = bring(source(), said("和平路垃圾成堆", "城管不管"))
        assert not Claim.objects.exists()
        found = actions.comment(item, [{"at": NOW.isoformat(), "words": "这是谣言吧，求证"}], NOW)
        assert found.doubted
        assert Comment.objects.count() == 1
        assert Claim.objects.get().item_id == item.pk
        actions.comment(item, [{"at": NOW.isoformat(), "words": "这是谣言吧，求证"}], NOW)
        assert (Comment.objects.count(), Claim.objects.count()) == (1, 1)


class TestSources:
    def test_failures_back_off_and_end_aside(self):
        clerk = holder("opinion.clerk")
        place = source()
        waits = []
        for n in range(8):
            actions.note_failure(place, NOW + timedelta(hours=n), "http_500")
            place.refresh_from_db()
            waits.append(place.next_at - (NOW + timedelta(hours=n)))
        assert waits == sorted(waits)
        assert (place.health, DeadLetter.objects.count()) == ("dead", 8)
        assert Notice.objects.filter(user=clerk).count() == 1
        actions.wake_source(clerk, place)
        place.refresh_from_db()
        assert place.health == "waiting"

    def test_silence_is_a_fault_once(self):
        clerk = holder("opinion.clerk")
        place = source(quiet_hours=24)
        bring(place, said("垃圾"))
        assert actions.note_silence(NOW + timedelta(hours=23)) == []
        assert actions.note_silence(NOW + timedelta(hours=25)) == [place]
        assert actions.note_silence(NOW + timedelta(hours=26)) == []
        assert Notice.objects.filter(user=clerk).count() == 1
        bring(place, said("渣土", number=9), now=NOW + timedelta(hours=27))
        place.refresh_from_db()
        assert place.health == "alive"

    @pytest.mark.parametrize(
        "url", ["http://169.254.169.254/", "http://127.0.0.1/feed", "file:///etc/passwd", "http://a.example.com:22/"]
    )
    def test_inner_addresses_are_not_entered(self, url):
        with pytest.raises(errors.AddressRefused):
            actions.save_source(holder("opinion.chief"), name="坏", channel="news", way="feed", url=url)


class TestModels:
    def rows(self, count=200):
        good, bad = "干净整洁感谢点赞", "恶臭脏乱投诉没人管"
        return [
            json.dumps({"t": f"{(good, bad)[n % 2]}第{n}次", "y": ("1", "0")[n % 2]}, ensure_ascii=False)
            for n in range(count)
        ]

    def test_trained_put_to_use_corrected_and_replaced_only_by_no_worse(self):
        chief, clerk = holder("opinion.chief"), holder("opinion.clerk")
        version = actions.train(chief, "sentiment", self.rows())
        assert version.in_use
        assert version.marks["macro_f1"] > 0.9
        (item,) = bring(source(), said("小区恶臭脏乱投诉没人管"))
        assert item.sentiment == "negative"
        actions.correct(clerk, item, "sentiment", "1")
        item.refresh_from_db()
        assert item.sentiment == "positive"
        noise = [json.dumps({"t": f"干净整洁感谢点赞恶臭第{n}回", "y": str((n * 7919 // 13) % 2)}) for n in range(400)]
        with pytest.raises(errors.NotBetter):
            actions.train(chief, "sentiment", [*self.rows(60), *noise])
        assert ModelVersion.objects.get(in_use=True) == version
        assert ModelVersion.objects.count() == 2
        with pytest.raises(NotPermitted):
            actions.train(clerk, "sentiment", self.rows())

    def test_unreadable_rows_are_named(self):
        with pytest.raises(errors.BadTraining) as caught:
            actions.train(holder("opinion.chief"), "sentiment", ['{"t": "好", "y": 1}', "not json"])
        assert caught.value.row == 2


class TestMeasures:
    def test_no_evidence_is_no_value(self):
        for code in ("opinion.service_days", "opinion.alert_within_hour", "opinion.false_story_push", "opinion.items"):
            assert evaluate(code, Period.year(2026), Scope()).value is None

    def test_what_was_done_is_proved(self):
        rule()
        place = source()
        bring(place, said("和平路路面塌陷", number=1))
        bring(place, said("图书馆旁边楼板塌陷", number=2, published_at=(NOW - timedelta(hours=2)).isoformat()))
        bring(source("演示", is_demo=True), said("演示的塌陷消息不算数", number=3))
        year = Period.year(2026)
        assert evaluate("opinion.service_days", year, Scope()).value == 1
        assert evaluate("opinion.alert_within_hour", year, Scope()).value == 50
        assert evaluate("opinion.items", year, Scope()).value == 2
        assert evaluate("opinion.channels", year, Scope()).value == 1


class TestReports:
    def test_every_sentence_stands_on_items_and_nothing_is_written_of_nothing(self):
        import io

        from docx import Document

        from chengheng.opinion import exports

        chief = holder("opinion.chief")
        day = NOW.date()
        with pytest.raises(errors.NothingToReport):
            actions.compose_report(chief, "daily", day, day)
        rule()
        bring(source(), said("和平路路面塌陷", "路面出现大坑", number=1), said("垃圾成堆无人清运", number=2))
        report = actions.compose_report(chief, "daily", day, day)
        sentences = [sentence for section in report.sections for sentence in section["sentences"]]
        assert len(sentences) > 5
        known = set(Item.objects.values_list("pk", flat=True))
        assert all(sentence["items"] and set(sentence["items"]) <= known for sentence in sentences)
        document = Document(io.BytesIO(exports.docx(report, "https://site.example.com")))
        targets = [rel.target_ref for rel in document.part.rels.values() if "hyperlink" in rel.reltype]
        assert all(target.startswith("https://site.example.com/opinion/items/") for target in targets)
        assert len(document.element.body.xpath(".//w:hyperlink")) >= len(sentences)

    def test_pictures_are_drawn_of_the_same_items_or_left_out_with_the_reason(self, monkeypatch):
        from chengheng.opinion import pictures

        rule()
        bring(
            source(),
            said("和平区和平路路面塌陷", "路面出现大坑", number=1),
            said("南开区垃圾成堆无人清运", number=2),
            said("南开区垃圾堆积", number=3),
        )
        report = actions.compose_report(holder("opinion.chief"), "daily", NOW.date(), NOW.date())
        if pictures.chinese_font():
            drawn = list(pictures.pictures_of(report))
            assert [picture.png is not None for picture in drawn] == [True] * 4
        monkeypatch.setattr(pictures, "chinese_font", lambda: None)
        drawn = list(pictures.pictures_of(report))
        assert [(picture.png is None, bool(picture.note)) for picture in drawn] == [(False, False)] * 3 + [(True, True)]
        counted = pictures.words_of(["路面塌陷，路面塌陷", "我们的路面"])
        assert counted["路面"] == 2
        assert "我们" not in counted


class TestImports:
    def test_mail_and_channel_names(self):
        from chengheng.opinion import imports

        mail = "Subject: =?gb18030?B?wvu12Q==?=\r\nDate: Fri, 20 Nov 2026 10:00:00 +0800\r\n"
        mail += "Message-ID: <1@x>\r\nContent-Type: text/plain; charset=gbk\r\n\r\n"
        entry = imports.read_mail(mail.encode() + "和平路路面塌陷，无人处理".encode("gbk"))
        assert entry.body.startswith("和平路路面塌陷")
        assert entry.published_at == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
        assert imports.channel_of("微信公众号") == "wechat"
        with translation.override("en"), pytest.raises(ValueError, match="none of the nine"):
            imports.channel_of("报纸")


class TestDemonstration:
    def test_it_is_built_once_marked_and_not_counted(self):
        from chengheng.common.demo import DemoCity
        from chengheng.opinion import demo
        from chengheng.opinion.models import Report
        from tests.builders import organisation

        organisation("考核中心", code="326206")
        for name, code in (("和平区", "120101"), ("南开区", "120104")):
            organisation(f"{name}城市管理委员会", kind="district", district_code=code)
        city = DemoCity()
        demo.build(city)
        counts = Item.objects.count(), Alert.objects.count(), Claim.objects.count(), Report.objects.count()
        assert counts[0] == 181
        assert Claim.objects.get().debunked
        demo.build(DemoCity())
        assert (Item.objects.count(), Alert.objects.count(), Claim.objects.count(), Report.objects.count()) == counts
        assert evaluate("opinion.items", Period.year(timezone.localdate().year), Scope()).value is None


def test_the_keys_of_a_batch_are_the_keys_of_each_text():
    from chengheng.opinion.actions.arriving import _grams
    from chengheng.opinion.analyser import text
    from chengheng.opinion.rules import word_grams

    texts = ["和平路 路面塌陷", "", "a", "ab cd", "一二三一二三", "\U0001f600城管"]
    batch = text.normalise(texts)
    assert [found.tolist() for found in _grams(batch)] == [
        word_grams(batch.plain(index)) for index in range(len(texts))
    ]
