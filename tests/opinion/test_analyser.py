"""The analyser tells the truth about words: normal form, keywords, rules, duplicates, places, bursts, models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.opinion.analyser import bursts, doubt, features, heads, kernel, lexicon, nearness, text, training, words
from chengheng.opinion.analyser.events import Clusters
from chengheng.opinion.analyser.places import Gazetteer, Place, area_of
from chengheng.opinion.analyser.wording import BadWording, Near, RuleSet, Wording, parse

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

anything = st.text(max_size=60)
chinese = st.text(alphabet="城管打人垃圾堆满小区道路违停ab1，。 *", max_size=40)


def fired(notation: str, whole: str, pure: bool = False, title_end: int | None = None) -> bool:
    rules = RuleSet([parse(notation)], pure=pure)
    batch = text.normalise([whole])
    hits = rules.find(batch)
    return bool(rules.matches(hits.of(0), batch.joined(), 0, int(batch.starts[1]) - 1, title_end))


class TestNormalForm:
    def test_width_case_script_and_evasion_are_levelled(self):
        assert text.plain("ＡＢＣ城　管１２") == "abc城管12"
        assert text.plain("違章建築，垃圾") == "违章建筑,垃圾"
        assert text.plain("城*管·打\u200b人") == "城管打人"
        assert text.plain("open ai 公司") == "open ai公司"

    @given(st.lists(anything, max_size=6))
    def test_any_text_is_taken_and_found_again(self, texts):
        batch = text.normalise(texts)
        assert len(batch) == len(texts)
        for index, original in enumerate(texts):
            cut = slice(batch.starts[index], batch.starts[index + 1] - 1)
            assert len(batch.plain(index)) == cut.stop - cut.start
            places = batch.origin[cut]
            assert (np.diff(places) > 0).all()
            assert all(0 <= place < len(original) for place in places)

    @given(anything)
    def test_plain_is_a_fixed_point_for_letters(self, original):
        stripped = text.letters(text.normalise([original])).plain(0)
        assert text.letters(text.normalise([stripped])).plain(0) == stripped


class TestWords:
    @settings(max_examples=150)
    @given(
        st.lists(st.text(alphabet="城管打人垃圾ab1 ", min_size=1, max_size=4), max_size=8),
        st.lists(chinese, max_size=5),
    )
    def test_hyperscan_and_the_pure_matcher_and_plain_search_agree(self, keywords, texts):
        batch = text.normalise(texts)
        pure = words.PureMatcher(keywords)
        found = [pure.find(batch).of(index) for index in range(len(texts))]
        if words.hyperscan is not None:
            scan = words.HyperscanMatcher(keywords)
            assert scan.words == pure.words
            assert [scan.find(batch).of(index) for index in range(len(texts))] == found
        for index in range(len(texts)):
            plain, start = batch.plain(index), int(batch.starts[index])
            expected = {
                (number, start + at, start + at + len(word))
                for number, word in enumerate(pure.words)
                for at in range(len(plain))
                if plain.startswith(word, at)
            }
            assert set(found[index]) == expected

    def test_the_longest_hides_the_shorter(self):
        assert words.longest([(0, 0, 2), (1, 0, 3), (2, 5, 6)]) == [(1, 0, 3), (2, 5, 6)]


class TestWording:
    @pytest.mark.parametrize(
        ("notation", "whole", "expected"),
        [
            ("垃圾|废品 & 小区", "小区门口堆满垃圾", True),
            ("垃圾|废品 & 小区", "路边堆满垃圾", False),
            ("垃圾 ! 垃圾分类", "垃圾分类做得好", False),
            ("城管 >4 打人", "城管又打人了", True),
            ("城管 >4 打人", "打人的不是城管", False),
            ("城管 ~4 打人", "打人的是城管", True),
            ("城管 ~2 打人", "打人的那些都是城管", False),
            ("違建", "违建没人管", True),
            ("城管", "城 管 来 了", True),
        ],
    )
    def test_the_notation_means_what_it_says(self, notation, whole, expected):
        assert fired(notation, whole) is expected
        assert fired(notation, whole, pure=True) is expected

    def test_title_only_looks_at_the_title(self):
        rules = RuleSet([parse("垃圾", title_only=True)])
        batch = text.normalise(["好天气\n垃圾"])
        hits = rules.find(batch).of(0)
        assert not rules.matches(hits, batch.joined(), 0, len(batch.plain(0)), 3)
        assert rules.matches(hits, batch.joined(), 0, len(batch.plain(0)), 6)

    @pytest.mark.parametrize("notation", ["", "  ", "! 只有否定", "a & ", "a ~ b", "a ~999 b", "|", "&"])
    def test_what_says_nothing_is_refused(self, notation):
        with pytest.raises(BadWording):
            parse(notation)

    @given(st.text(alphabet="城管打人 &!|~>0123456789", max_size=30))
    def test_any_notation_is_read_or_refused(self, notation):
        try:
            wording = parse(notation)
        except BadWording:
            return
        assert wording.words()
        RuleSet([wording])

    @settings(max_examples=200)
    @given(
        st.lists(
            st.lists(st.sampled_from(["城", "管", "城管", "打人", "人", "垃圾"]), min_size=1, max_size=2),
            min_size=1,
            max_size=2,
        ),
        st.lists(st.sampled_from(["小区", "道路"]), max_size=1),
        st.integers(0, 5),
        st.booleans(),
        chinese,
    )
    def test_rules_agree_with_their_definition(self, every, none, within, ordered, whole):
        near = Near(("垃圾",), ("小区", "人"), within, ordered)
        wording = Wording(tuple(map(tuple, every)), tuple(none), (near,))
        rules = RuleSet([wording])
        batch = text.normalise([whole])
        plain = batch.plain(0)
        places = {w: [i for i in range(len(plain)) if plain.startswith(w, i)] for w in wording.words()}
        close = any(
            (0 <= b - (a + 2) <= within) or (not ordered and 0 <= a - (b + len(r)) <= within)
            for a in places["垃圾"]
            for r in near.right
            for b in places[r]
        )
        expected = (
            all(any(places[word] for word in group) for group in every) and not any(places[w] for w in none) and close
        )
        found = rules.matches(rules.find(batch).of(0), batch.joined(), 0, len(plain))
        assert bool(found) is expected


class TestNearness:
    ORIGINAL = "昨天晚上和平路烧烤店油烟特别大，整栋楼的居民都睡不着，打了三次电话也没有人来管，希望城管部门尽快处理一下这个问题。"

    @pytest.mark.parametrize(
        "copy",
        [
            ORIGINAL,
            "转发：" + ORIGINAL,
            ORIGINAL.replace("，", " ").replace("。", "!!"),
            ORIGINAL[: int(len(ORIGINAL) * 0.85)],
            ORIGINAL.replace("特别", "非常"),
        ],
    )
    def test_re_posts_point_at_the_first(self, copy):
        index = nearness.NearIndex()
        for key, one in ((7, self.ORIGINAL), (8, copy)):
            stripped = text.letters(text.normalise([one]))
            answer = index.add([key], nearness.exact(stripped), nearness.signatures(stripped))
        assert answer == [7]

    def test_another_story_is_new(self):
        index = nearness.NearIndex()
        texts = [self.ORIGINAL, "解放南路的路灯坏了一个多月，晚上走路看不见，老人摔了一跤，请有关部门来修一下。"]
        assert index.add([1, 2], *nearness.fingerprint(text.normalise(texts))) == [0, 0]

    def test_old_generations_fall(self):
        index = nearness.NearIndex(capacity=10)
        for key in range(1, 60):
            index.add([key], *nearness.fingerprint(text.normalise([f"第{key}号消息说了{key * 7919}件不同的事情"])))
        assert len(index._young) + len(index._old) <= 2 * 10 * nearness.BANDS

    @given(anything)
    def test_any_text_has_a_signature_and_equals_itself(self, one):
        _, table = nearness.fingerprint(text.normalise([one, one]))
        assert nearness.likeness(table[0], table[1]) == 1.0

    @settings(max_examples=60)
    @given(st.text(alphabet="城市管理道路清洁一二三四五", min_size=3, max_size=40))
    def test_an_empty_bin_borrows_from_the_next_filled_one_step_by_step(self, words: str) -> None:
        batch = text.letters(text.normalise([words, "城市" * 200]))
        found = features.grams(batch)
        own = found.hashes[2][found.valid[2] & (batch.documents() == 0)]
        bins: list[int | None] = [None] * nearness.BINS
        for gram in own.tolist():
            at, value = gram >> 27, gram & 0x07FFFFFF
            bins[at] = min(value, bins[at] if bins[at] is not None else value)
        while None in bins:
            after = [*bins[1:], bins[0]]
            bins = [
                own if own is not None else None if lender is None else (lender * 5 + 0x9E3779B1) & 0xFFFFFFFF
                for own, lender in zip(bins, after, strict=True)
            ]
        assert nearness.signatures(batch)[0].tolist() == bins


class TestFeatures:
    @given(st.lists(anything, min_size=1, max_size=5))
    def test_rows_have_length_one_and_do_not_depend_on_the_batch(self, texts):
        whole = features.matrix(text.normalise(texts))
        for index, one in enumerate(texts):
            cut = slice(whole.indptr[index], whole.indptr[index + 1])
            alone = features.matrix(text.normalise([one]))
            assert (alone.indices == whole.indices[cut]).all()
            if len(alone.indices):
                assert float((whole.data[cut] ** 2).sum()) == pytest.approx(1.0, abs=1e-4)


def labelled(count: int = 200) -> list[training.Row]:
    good, bad = ["满意", "干净", "整洁", "感谢", "点赞", "很好"], ["投诉", "脏乱", "恶臭", "没人管", "愤怒", "太差"]
    rng = np.random.default_rng(3)
    return [
        training.Row(
            f"{rng.choice(good if i % 2 else bad)}第{rng.integers(999)}次{rng.choice(good if i % 2 else bad)}",
            str(i % 2),
        )
        for i in range(count)
    ]


class TestModels:
    def test_a_head_learns_explains_keeps_and_abstains(self, scratch):
        head = training.fit("sentiment", labelled())
        assert training.marks(head, labelled(50)).accuracy > 0.95
        path = scratch / "sentiment.npz"
        head.save(path)
        again = heads.Heads([heads.Head.load(path)])
        verdict = again.score_texts(["环境干净整洁，点赞", "恶臭没人管，投诉"])["sentiment"]
        assert [head.labels[i] for i in verdict.best] == ["1", "0"]
        reasons = heads.explain(head, "恶臭没人管", "0")
        assert any(r.words in "恶臭没人管" and r.weight > 0 for r in reasons[:3])

    def test_explanations_sum_to_the_score(self):
        head = training.fit("sentiment", labelled())
        whole = "很好，点赞"
        rows = features.matrix(text.normalise([whole]))
        distance = float((rows.data * head.weights[rows.indices, 0]).sum())
        assert sum(r.weight for r in heads.explain(head, whole, "1", top=999)) == pytest.approx(distance, rel=1e-4)

    def test_a_worse_candidate_does_not_replace(self):
        rows = labelled(400)
        old = training.fit("sentiment", rows[:300])
        rng = np.random.default_rng(0)
        noise = [training.Row(row.text, str(rng.integers(2))) for row in labelled(300)]
        worse = training.fit("sentiment", noise)
        assert training.marks(worse, rows[300:]).macro_f1 < training.marks(old, rows[300:]).macro_f1
        better = training.compare("sentiment", rows)
        assert better.better
        assert better.new.rows == better.fresh_rows

    def test_pickles_and_strange_files_are_refused(self, scratch):
        path = scratch / "model.npz"
        with path.open("wb") as out:
            np.savez(out, scheme=np.array(features.SCHEME), name=np.array({"a": 1}, dtype=object))
        with pytest.raises(heads.BadModel):
            heads.Head.load(path)
        path.write_bytes(b"not a model")
        with pytest.raises(heads.BadModel):
            heads.Head.load(path)

    def test_too_few_rows_are_refused(self):
        with pytest.raises(training.TooFewRows):
            training.fit("sentiment", labelled(10))

    def test_comments_move_the_doubt(self, scratch):
        rng = np.random.default_rng(1)
        stories = []
        for i in range(240):
            false = i % 2
            said = f"{'紧急扩散震惊' if false and rng.random() < 0.7 else '通报会议'}第{rng.integers(9999)}号消息"
            reply = "这是谣言吧求证" if false else "支持一下"
            stories.append(
                doubt.Story(said, doubt.Teller(not false, 1000, 10, 50), ((60.0, reply),), str(false), float(i))
            )
        trained = doubt.fit(stories)
        trained.save(scratch / "doubt.npz")
        trained = doubt.Doubt.load(scratch / "doubt.npz")
        quiet = doubt.Story("第一号消息", doubt.Teller(), ())
        asked = doubt.Story("第一号消息", doubt.Teller(), ((30.0, "谣言，求证"), (40.0, "假的吧，谣言")))
        before, after = trained.risk([quiet])[0], trained.risk([asked])[0]
        assert after > before
        assert trained.risk([asked], age=10.0)[0] == pytest.approx(before)
        shares, _ = trained.explain(asked)
        assert {name for name, _ in shares} >= {"text", "comments", "doubts"}


class TestPlaces:
    GAZETTEER = Gazetteer(
        [
            Place("120101", "和平区"), Place("120104", "南开区"), Place("120101001", "劝业场街道"),
            Place("120104003", "兴南街道"), Place("120101900", "和平路"), Place("120101901", "新华路"),
            Place("120104901", "新华路"),
        ]
    )  # fmt: skip

    def areas(self, whole: str) -> list[str]:
        analyser = kernel.Analyser(gazetteer=self.GAZETTEER)
        return [mention.code for mention in analyser.read([kernel.Document("", whole, 0)]).readings[0].mentions]

    def test_the_longest_name_wins(self):
        assert self.areas("和平路太脏了") == ["120101900"]

    def test_a_short_form_of_a_subdistrict_is_known(self):
        assert self.areas("南开区兴南街的垃圾") == ["120104", "120104003"]

    def test_a_shared_name_needs_its_district(self):
        assert self.areas("新华路停车乱") == []
        assert self.areas("南开区新华路停车乱") == ["120104", "120104901"]

    def test_the_deepest_area_of_the_most_named_line(self):
        mentions = self.GAZETTEER.mentions([("南开区", 0, 3), ("兴南街", 3, 6)])
        assert area_of(mentions) == "120104003"
        tie = self.GAZETTEER.mentions([("南开区", 0, 3), ("和平区", 5, 8)])
        assert area_of(tie) == ""


class TestEvents:
    def test_titles_of_one_event_meet_and_others_do_not(self):
        clusters = Clusters()
        titles = [
            "和平路一处路面塌陷 无人员伤亡", "滨江道商户占道经营被查处", "突发！和平路路面塌陷现场",
            "市图书馆周末延长开放时间", "和平路路面发生塌陷，暂无伤亡", "",
        ]  # fmt: skip
        found = clusters.add(titles, [float(i) for i in range(len(titles))])
        assert found[0] == found[2] == found[4]
        assert len({found[0], found[1], found[3]}) == 3
        assert found[5] == 0

    def test_dead_events_are_forgotten(self):
        clusters = Clusters(live_seconds=100)
        first = clusters.add(["和平路路面塌陷"], [0.0])
        assert clusters.add(["和平路路面塌陷"], [50.0]) == first
        assert clusters.add(["和平路路面塌陷"], [500.0]) != first


class TestBursts:
    def test_the_tail_is_poissons(self):
        assert bursts.tail(3, 1.0) == pytest.approx(1 - np.exp(-1) * (1 + 1 + 0.5))
        assert bursts.tail(0, 5.0) == 1.0

    def test_a_habit_is_no_burst_and_a_jump_is(self):
        rng = np.random.default_rng(0)
        bins = np.arange(14 * bursts.BINS_A_DAY)
        evening = np.where((bins % 96) // 4 == 20, 5.0, 0.1)
        history = rng.poisson(evening)[None, :]
        history = history[:, : 13 * 96 + 80]  # now is 20:00, the evening hour begins
        assert not bursts.judge(history, np.array([20]))[0].burst
        assert bursts.judge(history[:, :-48], np.array([20]))[0].burst

    @given(st.integers(0, 500), st.floats(0.01, 400))
    def test_tails_are_chances_and_fall_with_the_count(self, count, base):
        assert 0.0 <= float(bursts.tail(count + 1, base)) <= float(bursts.tail(count, base)) <= 1.0


class TestLexicon:
    def test_the_built_in_lexicon_reads_and_knows_its_duties(self):
        assert len(lexicon.built_in()) > 60
        analyser = kernel.Analyser()
        reading = analyser.read([kernel.Document("和平路烧烤店油烟扰民", "楼下烧烤店每晚油烟很大", 1)]).readings[0]
        assert reading.relevant
        assert reading.topics[0][1] in ("油烟污染", "露天烧烤")
        assert not analyser.read([kernel.Document("咨询公积金缴存比例", "请问怎么办理", 2)]).readings[0].relevant

    def test_no_model_gives_no_labels(self):
        reading = kernel.Analyser().read([kernel.Document("", "垃圾", 1)]).readings[0]
        assert reading.labels == {}
        assert heads.Heads().missing("sentiment")


class TestKernel:
    def test_spans_point_into_the_original(self):
        analyser = kernel.Analyser([parse("城管 ~6 打人")])
        document = kernel.Document("网传：城*管在街头打人", "", 1)
        spans = analyser.read([document]).readings[0].rules[0][1]
        assert [document.whole[a:b] for a, b in spans] == ["城*管", "打人"]

    @settings(max_examples=20)
    @given(st.lists(st.tuples(anything, anything), max_size=12))
    def test_pure_and_fast_read_alike(self, pairs):
        documents = [kernel.Document(title, body, number + 1) for number, (title, body) in enumerate(pairs)]
        rules = [parse("垃圾|a & b ! c"), parse("城管")]
        fast = kernel.Analyser(rules, index=nearness.NearIndex()).read(documents)
        pure = kernel.Analyser(rules, index=nearness.NearIndex(), pure=True).read(documents)
        assert fast.readings == pure.readings
