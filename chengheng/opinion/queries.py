"""What people ask of public opinion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from chengheng.common.calendars.rules import Limit
from chengheng.common.people import access
from chengheng.common.people.models import Duty, User
from chengheng.opinion import concordance, reader, rules
from chengheng.opinion.analyser import bursts, text
from chengheng.opinion.analyser.heads import Head, Reason, explain
from chengheng.opinion.analyser.kernel import Document
from chengheng.opinion.analyser.words import longest
from chengheng.opinion.models import (
    Alert,
    Claim,
    Event,
    Excerpt,
    HeadName,
    Item,
    MediaLimit,
    Medium,
    ModelVersion,
    ResponseLimit,
    Source,
)

VIEW = "opinion.item.view"
MEDIA_LETTERS = 20_000  # of an item's media that the analyser hears


def _holders(*codes: str) -> list[User]:
    today = timezone.localdate()
    duties = Duty.objects.filter(role__in=codes, user__is_active=True).select_related("user")
    return list({duty.user_id: duty.user for duty in duties if duty.holds_on(today)}.values())


def told_of_sources() -> list[User]:
    """Who hears of sources that fail or go silent."""
    return _holders("opinion.chief", "opinion.clerk")


def told_of_alerts() -> list[User]:
    """Who hears of every alert and every suspected false story."""
    return _holders("opinion.chief", "opinion.clerk")


def limit_of(matter: str, day: Any = None) -> Limit | None:
    """The time limit of a matter in force on a day; None when the city set none."""
    day = day or timezone.localdate()
    row = ResponseLimit.objects.filter(matter=matter, in_force_from__lte=day).order_by("-in_force_from").first()
    return row.limit if row else None


# ── searching ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Heard:
    """An item's text together with the words of its media, and where each of them begins."""

    document: Document
    media: str
    begins: list[tuple[int, Excerpt]]

    def place(self, spans: Iterable[tuple[int, int]]) -> Excerpt | None:
        """The first excerpt that a span of the document stands in; None when all stand in the item's own text."""
        own = self.begins[0][0] if self.begins else 0
        first = min((start for start, _end in spans if start >= own), default=None) if self.begins else None
        if first is None:
            return None
        return [excerpt for begin, excerpt in self.begins if begin <= first][-1]


def heard(item: Item, excerpts: Sequence[Excerpt] | None = None) -> Heard:
    """The item as the analyser hears it: title and text, then what its pictures, frames, subtitles and speech say."""
    if excerpts is None:
        excerpts = list(excerpts_of([item])[item.pk])
    media = ""
    places: list[tuple[int, Excerpt]] = []
    for excerpt in excerpts:
        if len(media) + len(excerpt.words) > MEDIA_LETTERS:
            break
        media += "\n" if media else ""
        places.append((len(media), excerpt))
        media += excerpt.words
    document = Document(item.title, f"{item.body}\n{media}" if media else item.body, 0)
    own = len(document.whole) - len(media)
    return Heard(document, media, [(own + at, excerpt) for at, excerpt in places])


def excerpts_of(items: Iterable[Item]) -> dict[int, list[Excerpt]]:
    """The words of the items' media, in their order; only excerpts that hold words."""
    found: dict[int, list[Excerpt]] = {item.pk: [] for item in items}
    for excerpt in Excerpt.objects.filter(item__in=list(found)).exclude(words="").order_by("pk"):
        found[excerpt.item_id].append(excerpt)
    return found


def full_texts(items: Sequence[Item]) -> list[str]:
    """The items' texts, each with the words of its media after it; one query."""
    excerpts = excerpts_of(items)
    return [heard(item, some).document.whole if (some := excerpts[item.pk]) else item.whole for item in items]


def full_text(item: Item) -> str:
    """The item's text with the words of its media after it."""
    return full_texts([item])[0]


@dataclass
class MediumShown:
    """A medium with its pieces as a page shows them: pictures with their words, and timed texts by kind."""

    medium: Medium
    shots: list[tuple[Excerpt, list[tuple[str, bool]]]]
    texts: list[tuple[Excerpt, list[tuple[str, bool]]]]
    remarks: list[Any]


def media_of(item: Item, marked_words: dict[int, list[tuple[str, bool]]]) -> list[MediumShown]:
    """The item's media for its page; `marked_words`: excerpt → its words in pieces (see `explained`)."""
    from chengheng.opinion.media.telling import NOTES, REASONS

    rows = item.media.filter(attachment__withdrawn_at=None).select_related("attachment__file")
    found = []
    for medium in rows.prefetch_related("excerpts__shot__file"):
        both: tuple[list[Any], list[Any]] = ([], [])
        for excerpt in medium.excerpts.all():
            shown = excerpt.shot is not None or excerpt.kind == Excerpt.Kind.PICTURE
            both[0 if shown else 1].append((excerpt, marked_words.get(excerpt.pk, pieces(excerpt.words, ()))))
        remarks = [REASONS.get(medium.reason, REASONS["internal"])] if medium.reason else []
        remarks += [NOTES[note] for note in medium.notes if note in NOTES]
        found.append(MediumShown(medium, *both, remarks))
    return found


def media_hits(items: Sequence[Item], words: Sequence[str], most: int = 3) -> dict[int, list[Excerpt]]:
    """Where in the items' media the words of a search stand: the first excerpts of each item."""
    wanted = [plain for plain in map(text.plain, words) if plain]
    found = {}
    for pk, excerpts in excerpts_of(items).items():
        hits = [one for one in excerpts if any(word in text.plain(one.words) for word in wanted)]
        found[pk] = hits[:most]
    return found


def media_limit(day: Any) -> MediaLimit:
    """How much of a medium is read on a day; the built-in example when the city set none."""
    return MediaLimit.objects.filter(in_force_from__lte=day).first() or MediaLimit()


def search_keys(words: str) -> list[int]:
    """The keys of all words of a search; [] when no word has two letters."""
    return sorted({key for word in words.split()[:8] for key in rules.word_grams(text.plain(word))})


def asked(
    words: str = "", channels: Sequence[str] = (), first: date | None = None, last: date | None = None, *,
    area: str = "", topic: str = "", relevant: bool = False,
) -> concordance.Asked:  # fmt: skip
    """What a search or a list asks, as the concordance knows it; days are local and both included."""
    facets = [tuple(concordance.facet("channel", one) for one in channels)] if channels else []
    if area and (key := concordance.area_facet(area)) is not None:
        facets.append((key,))
    if topic:
        facets.append((concordance.topic_facet(topic),))
    if relevant:
        facets.append((concordance.facet("relevant", "1"),))
    since, until = _midnight(first), _midnight(last + timedelta(days=1) if last else None)
    return concordance.Asked(tuple(search_keys(words)), tuple(facets), since, until)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), timezone.get_default_timezone()) if day else None


def search(
    user: Any, words: str, limit: int = 50, before: int | None = None, *, channels: Sequence[str] = (),
    first: date | None = None, last: date | None = None,
) -> list[Item]:  # fmt: skip
    """The newest items that hold all the words, each as a whole, within what the user may see: of some kinds of channel
    and collected from a day to a day where that is asked.

    The concordance proposes, from the newest, and the text itself decides.
    """
    wanted = [plain for plain in (text.plain(word) for word in words.split()[:8]) if plain]
    if not search_keys(words):
        return []
    question = asked(words, channels, first, last)
    found: list[Item] = []
    seen = access.visible(user, VIEW, Item.objects.all()).select_related("source").defer("grams", "signature")
    if channels:
        seen = seen.filter(channel__in=channels)
    if question.since:
        seen = seen.filter(collected_at__gte=question.since)
    if question.until:
        seen = seen.filter(collected_at__lt=question.until)
    for proposed in concordance.holding(question, before):
        for at in range(0, len(proposed), limit * 2):
            rows = list(seen.filter(pk__in=proposed[at : at + limit * 2]).order_by("-pk"))
            more = _in_media(rows, wanted)
            for item in rows:
                if item.pk not in more and not all(word in text.plain(item.whole) for word in wanted):
                    continue
                found.append(item)
                if len(found) >= limit:
                    return found
    return found


def _in_media(items: Sequence[Item], wanted: Sequence[str]) -> set[int]:
    """The items that hold all words only together with the words of their media."""
    found = set()
    for item, excerpts in zip(items, excerpts_of(items).values(), strict=True):
        if excerpts:
            plain = text.plain(heard(item, excerpts).document.whole)
            if all(word in plain for word in wanted):
                found.add(item.pk)
    return found


def marked(whole: str, words: Iterable[str]) -> list[tuple[str, bool]]:
    """A text in pieces, with True on those that the search words stand in (found in the plain form)."""
    batch = text.normalise([whole])
    plain = batch.plain(0)
    spans = []
    for number, word in enumerate(text.plain(word) for word in words):
        at = plain.find(word) if word else -1
        while at >= 0:
            spans.append((number, int(batch.origin[at]), int(batch.origin[at + len(word) - 1]) + 1))
            at = plain.find(word, at + 1)
    return pieces(whole, [(start, end) for _, start, end in longest(spans)])


def pieces(whole: str, spans: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    """A text cut at spans: `(piece, marked)`. Overlapping spans are joined."""
    cuts: list[tuple[str, bool]] = []
    at = 0
    for start, end in sorted(spans):
        start = max(start, at)
        if end <= start:
            continue
        if start > at:
            cuts.append((whole[at:start], False))
        cuts.append((whole[start:end], True))
        at = end
    if at < len(whole):
        cuts.append((whole[at:], False))
    return cuts


# ── one item ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Explained:
    """Why an item was judged as it was."""

    pieces: list[tuple[str, bool]]
    media: dict[int, list[tuple[str, bool]]]  # excerpt → its words, those that rules and places hit marked
    heads: list[tuple[str, str, float | None, list[Reason]]]  # label of the head, answer, score, reasons
    missing: list[str]
    doubt_parts: list[tuple[str, float]]


def explained(item: Item) -> Explained:
    """The words that rules hit, each head's answer with its strongest words, and the heads without a model."""
    room = reader.explainer()
    said_all = heard(item)
    whole = said_all.document.whole
    reading = room.analyser.read([said_all.document]).readings[0]
    spans = [span for _, spans in reading.rules for span in spans]
    spans += [(mention.start, mention.end) for mention in reading.mentions]
    answers: list[tuple[str, str, float | None, list[Reason]]] = []
    missing: list[str] = []
    parts: list[tuple[str, float]] = []
    for name in HeadName:
        if name is HeadName.DOUBT:
            if room.doubt is None:
                missing.append(str(name.label))
                continue
            from chengheng.opinion.actions.arriving import story_of

            story = story_of(item, item.comments.all(), whole)
            parts, reasons = room.doubt.explain(story)
            answers.append((str(name.label), "", float(room.doubt.risk([story])[0]), reasons))
        elif name.value not in room.analyser.heads.heads:
            missing.append(str(name.label))
        else:
            head: Head = room.analyser.heads.heads[name.value]
            said = reading.labels[name.value]
            reasons = explain(head, whole, said or head.labels[-1])
            answers.append((str(name.label), said, reading.scores[name.value], reasons))
    own = item.whole
    media = {
        excerpt.pk: pieces(
            excerpt.words,
            [(a - begin, b - begin) for a, b in spans if a >= begin and b <= begin + len(excerpt.words)],
        )
        for begin, excerpt in said_all.begins
    }
    return Explained(pieces(own, [span for span in spans if span[1] <= len(own)]), media, answers, missing, parts)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


SAMPLE = 1000  # stories of a large event that its curve is drawn from


def _sampled(event: Event) -> tuple[QuerySet[Item], float]:
    """The stories of an event and how many each stands for: all of a small one, every n-th of a large one."""
    with connection.cursor() as cursor:  # the index alone answers this
        cursor.execute("select id from opinion_item where event_id = %s order by id", [event.pk])
        numbers = np.array(cursor.fetchall(), np.int64).ravel()
    if len(numbers) <= SAMPLE:
        return event.stories.all(), 1.0
    at = np.linspace(0, len(numbers) - 1, SAMPLE).astype(np.int64)
    return Item.objects.filter(pk__in=numbers[at].tolist()), len(numbers) / SAMPLE


def spread(event: Event) -> dict[str, Any]:
    """The spread curve: items by hour (or day, over four days) and channel, for the chart; a large event's from a sample
    (`sample`: how many stories it is drawn from)."""
    stories, weight = _sampled(event)
    rows = list(stories.order_by("pk").values_list("published_at", "collected_at", "channel"))
    moments = [(published or collected, channel) for published, collected, channel in rows]
    if not moments:
        return {"kind": "stack", "x": [], "series": []}
    step = timedelta(hours=1) if event.last_at - event.first_at <= timedelta(days=4) else timedelta(days=1)
    start = timezone.localtime(min(moment for moment, _ in moments)).replace(minute=0, second=0, microsecond=0)
    if step.days:
        start = start.replace(hour=0)
    count = int((max(moment for moment, _ in moments) - start) / step) + 1
    count = min(count, 400)
    from chengheng.opinion.models import Channel

    series: dict[str, list[float]] = {}
    for moment, channel in moments:
        place = min(int((moment - start) / step), count - 1)
        series.setdefault(channel, [0] * count)[place] += weight
    form = "%m-%d" if step.days else "%m-%d %H:00"
    found = {
        "kind": "stack",
        "x": [(start + step * i).strftime(form) for i in range(count)],
        "series": [
            {"name": str(Channel(channel).label), "data": [round(one) for one in data]}
            for channel, data in sorted(series.items())
        ],
    }
    return found | ({"sample": len(rows)} if weight > 1 else {})


def key_nodes(event: Event, limit: int = 10) -> list[Item]:
    """The first item, and those with most reach or most repeats after them. The first is looked for among those that
    were stored first."""
    stories = event.stories.select_related("source").defer("grams", "signature")
    earliest = list(event.stories.order_by("pk").values_list("pk", flat=True)[:SAMPLE])
    first = stories.filter(pk__in=earliest).order_by("published_at", "pk").first()
    widest = list(stories.filter(reach__gt=0).order_by("-reach", "pk")[: limit - 1])
    repeated = (
        event.stories.filter(original__gt=0).values("original").annotate(n=Count("pk")).order_by("-n")[: limit - 1]
    )
    more = list(stories.filter(pk__in=[row["original"] for row in repeated]))
    found = {item.pk: item for item in [*([first] if first else []), *widest, *more]}
    return list(found.values())[:limit]


def bursting(events: Sequence[Event], now: datetime) -> list[tuple[Event, bursts.Burst]]:
    """Events whose last hour is a burst over their own seasonal base."""
    if not events:
        return []
    days = 14
    bins = days * bursts.BINS_A_DAY
    hour = now - timedelta(hours=1)
    start = hour - timedelta(seconds=bins * bursts.BIN_SECONDS)
    order = {event.pk: place for place, event in enumerate(events)}
    history = np.zeros((len(events), bins), np.int64)
    count = np.zeros(len(events), np.int64)
    with connection.cursor() as cursor:
        cursor.execute(
            "select event_id, floor(extract(epoch from (coalesce(published_at, collected_at) - %s)) / %s)::int as bin,"
            " count(*) from opinion_item where event_id = any(%s) and coalesce(published_at, collected_at) >= %s"
            " and coalesce(published_at, collected_at) <= %s group by 1, 2",
            [start, bursts.BIN_SECONDS, list(order), start, now],
        )
        for event, place, items in cursor.fetchall():
            if place < bins:
                history[order[event], place] += items
            else:
                count[order[event]] += items
    return [(event, found) for event, found in zip(events, bursts.judge(history, count), strict=True) if found.burst]


# ── overview ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Delays:
    """Alert delays of a period in seconds."""

    alerts: int
    median: float | None
    p95: float | None
    within_hour: float | None  # share 0..1


def delays(alerts: QuerySet[Alert], since: str = "publication") -> Delays:
    """Median, 95th percentile and share within one hour; alerts whose publication time is unknown count from
    collection and are told apart nowhere else, so that the share is never flattered by leaving them out."""
    column = "from_publication" if since == "publication" else "from_collection"
    values = [
        row[0] if row[0] is not None else row[1] for row in alerts.values_list(column, "from_collection").iterator()
    ]
    within = sum(value <= 3600 for value in values) / len(values) if values else None
    return Delays(len(values), rules.percentile(values, 0.5), rules.percentile(values, 0.95), within)


@dataclass
class Overview:
    """The room at a glance."""

    items_today: int
    waiting: int
    alerts_open: int
    claims_open: int
    sources: dict[str, int]
    delays: Delays
    missing_models: list[str]


def overview(user: Any, now: datetime | None = None) -> Overview:
    from chengheng.opinion.models import Arrival

    now = now or timezone.now()
    day = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    items = access.visible(user, VIEW, Item.objects.all())
    alerts = access.visible(user, "opinion.alert.view", Alert.objects.all())
    claims = access.visible(user, "opinion.claim.view", Claim.objects.all())
    health: dict[str, int] = {}
    for source in access.visible(user, "opinion.source.view", Source.objects.all()):
        health[source.health] = health.get(source.health, 0) + 1
    used = set(ModelVersion.objects.filter(in_use=True).values_list("head", flat=True))
    return Overview(
        items.filter(collected_at__gte=day).count(),
        Arrival.objects.count(),
        alerts.exclude(state__in=("closed", "dismissed")).count(),
        claims.exclude(state__in=("archived", "dismissed")).count(),
        health,
        delays(alerts.filter(raised_at__gte=now - timedelta(days=30))),
        [str(name.label) for name in HeadName if name.value not in used],
    )


def open_alerts(user: Any) -> QuerySet[Alert]:
    return access.visible(user, "opinion.alert.view", Alert.objects.exclude(state__in=("closed", "dismissed")))


def repeats_of(claim: Claim) -> QuerySet[Item]:
    """Items that told a debunked claim again after its statement was published."""
    if claim.published_at is None:
        return Item.objects.none()
    return Item.objects.filter(debunked=claim, collected_at__gt=claim.published_at)


def effect_of(claim: Claim) -> tuple[int, int]:
    """How many items told the story before and after the statement was published."""
    told = Q(debunked=claim) | Q(pk=claim.item_id) | Q(original=claim.item_id)
    if claim.event_id:
        told |= Q(event_id=claim.event_id)
    if claim.published_at is None:
        return Item.objects.filter(told).count(), 0
    before = Item.objects.filter(told, collected_at__lte=claim.published_at).count()
    return before, Item.objects.filter(told, collected_at__gt=claim.published_at).count()


def item_of(source: Source, identity: str) -> Item | None:
    """A stored item of a source by the publisher's own id."""
    from chengheng.opinion.actions.arriving import identity_of

    return source.items.filter(identity=identity_of(identity)).order_by("-pk").first()


def claim_review(claim: Claim, url: str) -> dict[str, Any]:
    """The published verdict of a claim as ClaimReview; NotFound before it is published."""
    from chengheng.common.errors import NotFound

    if claim.published_at is None:
        raise NotFound
    publisher = claim.signed_by.organisation.name if claim.signed_by else ""
    return rules.claim_review(
        claim.title, claim.verdict, str(claim.get_verdict_display()), claim.published_url or url, publisher,
        claim.published_at, claim.item.url,
    )  # fmt: skip
