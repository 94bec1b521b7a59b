"""Public opinion: accuracy beside SnowNLP, speed beside a pyahocorasick + datasketch + jieba + SVM stack, in one run.

The texts are not part of the product: without the shared folder this benchmark says so and measures nothing. A file
`<set>_test.jsonl.gz` beside a training file is the test part; without it, a part held out by the texts' own hash is.
Processor time is measured, on one core, because the machine may be shared.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from benchmarks.report import Report  # noqa: E402 - the environment comes first

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("CHENGHENG_SHARED", ROOT.parent / "shared")) / "data" / "opinion"
SNOW_ROWS = 400
PEER_ROWS = 400


def _load(name: str) -> list[dict[str, Any]]:
    path = FOLDER / f"{name}.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _parts(name: str, words: str = "t") -> tuple[list[Any], list[Any]]:
    from chengheng.opinion.analyser import training

    def rows(found: list[dict[str, Any]]) -> list[training.Row]:
        return [training.Row(row.get(words) or row["t"], str(row["y"])) for row in found]

    apart = rows(_load(name.replace("_train", "") + "_test"))
    known = rows(_load(name))
    return (known, apart) if apart else training.held_out(known)


def accuracy(report: Report) -> None:
    """Heads on texts that they were not fitted on, and SnowNLP on the first rows of the same."""
    from chengheng.opinion.analyser import training

    for name, words in (
        ("weibo2018_train", "t"),
        ("chnsenti_train", "t"),
        ("checked_train", "t"),
        ("teddy_seg9k", "seg"),
    ):
        inside, outside = _parts(name, words)
        if not inside:
            continue
        head = training.fit(name, inside)
        found = training.marks(head, outside)
        report.line(
            f"{name}: accuracy", found.accuracy, "", f"macro-F1 {found.macro_f1:.3f}, {found.rows} rows held out"
        )
        report.line(f"{name}: accuracy where sure", found.sure_accuracy, "", f"sure of {found.sure_share:.0%}")
        if name in ("weibo2018_train", "chnsenti_train"):
            from snownlp import SnowNLP

            some = outside[:SNOW_ROWS]
            right = sum((SnowNLP(row.text or " ").sentiments > 0.5) == (row.label == "1") for row in some) / len(some)
            same = training.marks(head, some).accuracy
            report.line(f"{name}: SnowNLP, first {len(some)} rows", right, "", f"ours on the same rows {same:.3f}")


def relevance(report: Report) -> None:
    """The built-in lexicon on labelled titles. It was written with these at hand: an optimistic figure."""
    from chengheng.opinion.analyser import kernel, training

    rows = _load("gold_relevance_test") or _load("gold_relevance_356")
    if not rows:
        return
    import numpy as np

    found = kernel.Analyser().read([kernel.Document(row["title"], "") for row in rows]).readings
    truth = np.array([int(row["y"]) for row in rows])
    answer = np.array([int(reading.relevant) for reading in found])
    seen = "" if _load("gold_relevance_test") else "; the lexicon's author had seen them"
    report.line("relevance by lexicon: macro-F1", training.macro_f1(truth, answer, 2), "", f"{len(rows)} titles{seen}")


def doubt(report: Report) -> None:
    """CED, fitted on the earlier four fifths, tested on the latest."""
    from chengheng.opinion.actions.models import read_stories
    from chengheng.opinion.analyser import doubt as head

    lines = [json.dumps(row) for row in _load("ced")]
    if not lines:
        return
    stories = sorted(read_stories(lines), key=lambda story: story.at)
    apart = [json.dumps(row) for row in _load("ced_test")]
    cut = int(len(stories) * 0.8)
    early, late = (stories, read_stories(apart)) if apart else (stories[:cut], stories[cut:])
    trained = head.fit(early)
    for words, age in (
        ("text and teller", -1.0),
        ("comments of one hour", 3600.0),
        ("of one day", head.DAY),
        ("all kept", 1e15),
    ):
        found = head.marks(trained, late, age)
        have = sum(any(after <= age for after, _ in story.comments) for story in late) / len(late)
        report.line(
            f"CED, time split, {words}",
            found.accuracy,
            "",
            f"macro-F1 {found.macro_f1:.3f}; {have:.0%} have comments by then",
        )


def encodings(report: Report) -> None:
    """Undeclared GB18030 beside charset-normalizer."""
    from charset_normalizer import from_bytes

    from chengheng.opinion.collect.encodings import decode

    texts = [row["t"] for row in _load("chnsenti_train")[:2000] + _load("weibo2018_train")[:2000]]
    if not texts:
        return
    bodies = [(text, text.encode("gb18030")) for text in texts if not text.isascii()]
    ours = sum(decode(body)[0] == text for text, body in bodies) / len(bodies)
    some = bodies[:300]
    peers = sum(str(from_bytes(body).best() or "") == text for text, body in some) / len(some)
    report.line(
        "GB18030 read right, undeclared",
        ours,
        "",
        f"{len(bodies)} texts; charset-normalizer {peers:.3f} of {len(some)}",
    )


def _keywords(texts: list[str], count: int = 5000) -> list[str]:
    chance = random.Random(1)
    found: set[str] = set()
    while len(found) < count:
        text = chance.choice(texts)
        size = chance.choice((4, 5, 6))
        at = chance.randrange(max(1, len(text) - size))
        word = text[at : at + size]
        if len(word) == size and all("\u4e00" <= char <= "\u9fff" for char in word):
            found.add(word)
    return sorted(found)


def _peer(texts: list[str], keywords: list[str], labels: dict[str, list[Any]]) -> Any:
    """The careful stack that others would build: pyahocorasick, datasketch, jieba, scikit-learn."""
    import ahocorasick
    import jieba
    from datasketch import MinHash, MinHashLSH
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    jieba.setLogLevel(60)
    automaton = ahocorasick.Automaton()
    for word in keywords:
        automaton.add_word(word, word)
    automaton.make_automaton()
    vectorizer = TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, lowercase=False)
    fitted = [row.text for row in labels["rows"]]
    table = vectorizer.fit_transform(fitted)
    machines = [LinearSVC().fit(table, [row.label for row in labels["rows"]]) for _ in range(2)]

    def run() -> int:
        index = MinHashLSH(threshold=0.5, num_perm=64)
        hits = 0
        for number, text in enumerate(texts):
            hits += sum(1 for _ in automaton.iter(text))
            sketch = MinHash(num_perm=64)
            sketch.update_batch([text[i : i + 3].encode() for i in range(max(1, len(text) - 2))])
            if not index.query(sketch):
                index.insert(str(number), sketch)
        found = vectorizer.transform(texts)
        for machine in machines:
            machine.predict(found)
        return hits

    return run


def _clocked(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def speed(report: Report) -> None:
    """Analysis alone, one core, 5,000 keywords, duplicates, two heads, lexicon; and the peers on a part of the same."""
    from chengheng.opinion.analyser import heads, kernel, nearness, training, wording

    social = [row["t"] for row in _load("weibo2018_train")]
    hot = _load("teddy_hot4326")
    if not social or not hot:
        return
    complaints, titles = [row["t"] for row in hot], [row["title"] for row in hot]
    keywords = _keywords(complaints + social)
    rows = [training.Row(row["t"], str(row["y"])) for row in _load("chnsenti_train")[:3000]]
    known = heads.Heads([training.fit("sentiment", rows), training.fit("other", rows)])
    rules = [wording.Wording(every=((word,),)) for word in keywords]
    each = {"social": social, "complaints": complaints, "titles": titles}
    for name, texts in (*each.items(), ("all three together", social + complaints + titles)):
        documents = [kernel.Document("", text, number + 1) for number, text in enumerate(texts)]
        best, hits = 1e9, 0
        for _ in range(3):
            analyser = kernel.Analyser(rules, known, index=nearness.NearIndex())
            seconds = _clocked(lambda a=analyser, d=documents: a.read(d))
            best = min(best, seconds)
            hits = sum(len(reading.rules) for reading in kernel.Analyser(rules).read(documents[:200]).readings)
        ours = len(texts) / best
        some = random.Random(1).sample(texts, PEER_ROWS)
        peers = len(some) / _clocked(_peer(some, keywords, {"rows": rows}))
        report.line(
            f"analysis of {name}", ours, "docs/s",
            f"{sum(map(len, texts)) // len(texts)} characters, {hits / min(200, len(texts)):.1f} hits;"
            f" peers {peers:,.0f}: {ours / peers:.0f} x",
        )  # fmt: skip


def _database_seconds() -> float:
    """Processor seconds of the embedded PostgreSQL so far, all its processes, the ended ones included."""
    from chengheng.project.embedded import Embedded

    first = int((Embedded.of_site().folder / "postmaster.pid").read_text().split()[0])
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if stat.parent.name == str(first):
            total += sum(map(int, fields[11:15]))  # with its children that ended
        elif fields[1] == str(first):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def empty() -> None:
    """Take everything out of the room."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "truncate opinion_source, opinion_rule, opinion_event, opinion_item, opinion_seen, opinion_concordance,"
            " opinion_binding, opinion_bound cascade"
        )


def storing(report: Report) -> None:
    """Arrivals kept, analysed, stored, searchable and alertable, database writes included."""
    from chengheng.project.embedded import Embedded

    texts = [row["t"] for row in _load("weibo2018_train")]
    if not texts:
        return
    with Embedded.of_site().running():
        import django

        django.setup()
        from django.core.management import call_command
        from django.utils import timezone

        call_command("migrate", verbosity=0)
        from chengheng.common.people.access import SYSTEM
        from chengheng.opinion import actions, queries, reader
        from chengheng.opinion.models import Alert, Event, Rule, Source

        empty()
        reader.forget()
        # Every text is searched for all words; one rule in a hundred also asks nothing else, so that alerts are raised.
        Rule.objects.bulk_create(
            Rule(name=word, notation=word, cool_down_minutes=60, active=True, channels=["video"] if n % 100 else [])
            for n, word in enumerate(_keywords(texts))
        )
        place = Source.objects.create(name="bench", channel="weibo", way="push")
        entries = [{"id": str(n), "title": "", "body": text} for n, text in enumerate(texts[:-500])]
        # What a process does once in its life (imports, the table of addresses, the rules) is not counted.
        actions.arrive(place, [{"id": f"first {n}", "title": "", "body": text} for n, text in enumerate(texts[-500:])])
        actions.read_all()
        Alert.objects.all().delete()
        began, own, theirs = time.perf_counter(), time.process_time(), _database_seconds()
        for at in range(0, len(entries), 1000):
            actions.arrive(place, entries[at : at + 1000], timezone.now())
        arrived = time.perf_counter() - began
        stored = actions.read_all()
        whole, own, theirs = time.perf_counter() - began, time.process_time() - own, _database_seconds() - theirs
        report.line(
            "arrived, analysed, stored, searchable, alerted", stored / (own + theirs), "docs/s",
            f"a core's seconds, ours {own:.2f} and the database's {theirs:.2f} together; {stored / whole:,.0f} by the clock;"
            f" 5,000 rules, {Alert.objects.count()} alerts, {Event.objects.count():,} events;"
            f" keeping arrivals {arrived / whole:.0%}",
        )  # fmt: skip
        waits = []
        for word in ("天气", "北京", "电影票", "城市管理", "堵车"):
            began = time.perf_counter()
            queries.search(SYSTEM, word)
            waits.append((time.perf_counter() - began) * 1000)
        report.line("search, slowest of five", max(waits), "ms", f"{stored:,} items stored")


def run(report: Report) -> None:
    """All of it; says so when the texts are not at hand."""
    if not FOLDER.exists():
        print("  the texts are not at hand (CHENGHENG_SHARED): nothing measured")
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")
    import django

    django.setup()
    for part in (accuracy, relevance, doubt, encodings, speed, storing):
        part(report)
