"""The analyser as this process holds it: rules, models, place names, recent texts and live events.

Everything comes from the database and can be built again at any time; other processes' items are caught up with before
each batch. Nothing here is state that a kill could lose.
"""

from __future__ import annotations

import gc
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.db.models import Count, Max, Sum
from django.utils import timezone

from chengheng.common import places
from chengheng.opinion.analyser import heads, nearness, text
from chengheng.opinion.analyser.doubt import Doubt
from chengheng.opinion.analyser.events import DIMENSIONS, Clusters
from chengheng.opinion.analyser.kernel import Analyser, Document, Pass
from chengheng.opinion.analyser.places import Gazetteer, Place
from chengheng.opinion.analyser.wording import BadWording, Wording, parse
from chengheng.opinion.models import Claim, Event, HeadName, Item, ModelVersion, Rule, Verdict

RECENT = 200_000
SAME_CLAIM = 0.4


def load_archive(archive: bytes, head: str) -> heads.Head | Doubt:
    """A model from its archive; BadModel."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        file.write(bytes(archive))
        file.flush()
        return Doubt.load(Path(file.name)) if head == HeadName.DOUBT else heads.Head.load(Path(file.name))


def gazetteer() -> Gazetteer:
    """Districts (shipped ones at least), and the subdistricts and communities of the layers in force."""
    from chengheng.common.places.models import Area

    known = places.district_names()
    for code, name in Area.objects.filter(layer__in_force=True, level__in=("subdistrict", "community")).values_list(
        "code", "name"
    ):
        known.setdefault(code, name)
    return Gazetteer(Place(code, name) for code, name in known.items())


@dataclass(slots=True)
class Library:
    """The debunked claims: their signatures and, by rule number in the analyser, their keyword wordings."""

    claims: list[int] = field(default_factory=list)
    signatures: nearness.Signatures = field(default_factory=lambda: np.zeros((0, nearness.BINS), np.uint32))
    by_rule: dict[int, int] = field(default_factory=dict)

    def match(self, signature: nearness.Signatures) -> int:
        """The debunked claim that a text repeats, by likeness; 0 for none."""
        if not self.claims or (signature == 0xFFFFFFFF).all():
            return 0
        likeness = (self.signatures == signature).mean(1)
        best = int(likeness.argmax())
        return self.claims[best] if likeness[best] >= SAME_CLAIM else 0


class Reader:
    """What one process reads with. `fresh()` before each batch, `read()` for each."""

    def __init__(self, pure: bool = False) -> None:
        self._pure = pure
        self._stamp: tuple[object, ...] = ()
        self._heads: heads.Heads = heads.Heads()
        self._models: tuple[int, ...] = ()
        self.doubt: Doubt | None = None
        self.rules: list[Rule] = []
        self.wordless: list[Rule] = []
        self.library = Library()
        self.analyser = Analyser()
        self.index = nearness.NearIndex()
        self.last_item = 0
        self.clusters = Clusters()
        self._events_stamp: object = None

    def fresh(self) -> None:
        """Take over what changed in rules, models, claims, items and events since the last batch."""
        self.fresh_rules()
        self._fresh_items()
        self._fresh_events()

    def fresh_rules(self) -> None:
        """Take over what changed in rules, models and claims."""
        models = tuple(ModelVersion.objects.filter(in_use=True).order_by("head").values_list("pk", flat=True))
        library = Claim.objects.filter(published_at__isnull=False, verdict__in=(Verdict.FALSE, Verdict.PARTLY))
        # Sums and counts instead of rows: five thousand rules need not be read to know that none changed.
        active = Rule.objects.filter(active=True)
        stamp = (
            models,
            tuple(active.aggregate(n=Count("pk"), sum=Sum("pk"), last=Max("changed_at")).values()),
            tuple(library.aggregate(n=Count("pk"), sum=Sum("pk"), versions=Sum("version")).values()),
        )
        if stamp == self._stamp:
            return
        if models != self._models:
            loaded = {
                row.head: load_archive(bytes(row.archive), row.head)
                for row in ModelVersion.objects.filter(pk__in=models)
            }
            self.doubt = next((one for one in loaded.values() if isinstance(one, Doubt)), None)
            self._heads = heads.Heads([one for one in loaded.values() if isinstance(one, heads.Head)])
            self._models = models
        wordings: list[Wording] = []
        self.rules, self.wordless = [], []
        for rule in Rule.objects.filter(active=True).order_by("pk"):
            if rule.notation:
                self.rules.append(rule)
                wordings.append(parse(rule.notation, rule.title_only))
            else:
                self.wordless.append(rule)
        claims = list(library.order_by("pk"))
        kept = [claim for claim in claims if claim.signature]
        self.library = Library(
            [claim.pk for claim in kept],
            np.array([np.frombuffer(bytes(claim.signature or b""), np.uint32) for claim in kept], np.uint32).reshape(
                -1, nearness.BINS
            ),
        )
        for claim in claims:
            try:
                wordings.append(parse(claim.match))
            except BadWording:
                continue
            self.library.by_rule[len(wordings) - 1] = claim.pk
        self.analyser = Analyser(wordings, self._heads, gazetteer(), None, pure=self._pure)
        self._stamp = stamp

    def _fresh_items(self) -> None:
        newest = Item.objects.aggregate(newest=Max("pk"))["newest"] or 0
        if newest == self.last_item:
            return
        rows = Item.objects.filter(pk__gt=max(self.last_item, newest - RECENT), original=0).order_by("pk")
        for key, digest, signature in rows.values_list("pk", "digest", "signature").iterator(chunk_size=5000):
            table = np.frombuffer(bytes(signature), np.uint32).reshape(1, -1) if signature else _VOID
            self.index.add([key], np.array([digest], np.int64), table)
        self.last_item = newest

    def _fresh_events(self) -> None:
        stamp = Event.objects.aggregate(changed=Max("changed_at"))["changed"]
        if stamp == self._events_stamp:
            return
        alive = Event.objects.filter(last_at__gte=timezone.now() - timedelta(days=7)).order_by("pk")
        rows = list(alive.values_list("pk", "vector", "last_at"))
        self.clusters.ids = [row[0] for row in rows]
        self.clusters.sums = np.array(
            [np.frombuffer(bytes(row[1]), np.float16).astype(np.float32) for row in rows], np.float32
        ).reshape(-1, DIMENSIONS)
        self.clusters.last = np.array([row[2].timestamp() for row in rows])
        self._events_stamp = stamp

    def events_written(self, stamp: object) -> None:
        """This process itself wrote events up to `stamp`; they need no reading back."""
        self._events_stamp = stamp

    def read(self, documents: Sequence[Document]) -> Pass:
        """Analyse and tell repeats; documents' keys are the items' numbers."""
        found = self.analyser.read(documents)
        keys = [document.key for document in documents]
        for reading, original in zip(
            found.readings, self.index.add(keys, found.digests, found.signatures), strict=True
        ):
            reading.repeats = original
        self.last_item = max([self.last_item, *keys])
        return found

    def debunked(self, reading_rules: Sequence[int], signature: nearness.Signatures) -> int:
        """The debunked claim that a text repeats, by its keywords or by likeness; 0 for none."""
        for rule in reading_rules:
            if rule in self.library.by_rule:
                return self.library.by_rule[rule]
        return self.library.match(signature)


_VOID = np.full((1, nearness.BINS), 0xFFFFFFFF, np.uint32)
_reader: Reader | None = None


def reader() -> Reader:
    """This process's reader, up to date."""
    global _reader
    if _reader is None:
        _reader = Reader()
    analyser = _reader.analyser
    _reader.fresh()
    if _reader.analyser is not analyser:
        # What was loaded stays until rules or models change: looking through it for cycles again and again cost a
        # seventh of a batch.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
    return _reader


def explainer() -> Reader:
    """This process's reader with rules, models and place names up to date, for who stores nothing: recent texts and live
    events, which take long to load where much is stored, are left as they are."""
    global _reader
    if _reader is None:
        _reader = Reader()
    _reader.fresh_rules()
    return _reader


def forget() -> None:
    """Build the reader anew next time (its batch was rolled back, or a test begins)."""
    global _reader
    _reader = None


def signature_of(words: str) -> bytes:
    """The near-duplicate signature of a text, as it is kept with items and claims."""
    _, table = nearness.fingerprint(text.normalise([words]))
    return bytes(table[0].tobytes())


def archive_of(model: heads.Head | Doubt) -> bytes:
    """A model as the bytes of its archive."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        model.save(path)
        return io.BytesIO(path.read_bytes()).getvalue()


__all__ = ["Reader", "archive_of", "explainer", "forget", "gazetteer", "load_archive", "reader", "signature_of"]
