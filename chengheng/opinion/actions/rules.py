"""Acts on alert rules: save one, try one on what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.opinion import concordance, errors, queries
from chengheng.opinion.actions.alerts import conditions_of, seen_of
from chengheng.opinion.analyser import text
from chengheng.opinion.analyser.wording import BadWording, RuleSet, parse
from chengheng.opinion.models import Item, Rule
from chengheng.opinion.rules import holds, word_grams

MOST_TRIED = 50_000
_TOGETHER = 1000


def check(rule: Rule) -> None:
    """A rule can be read and asks for something; BadNotation, EmptyRule."""
    if rule.notation.strip():
        try:
            parse(rule.notation)
        except BadWording as error:
            raise errors.BadNotation(field="notation", part=str(error)) from error
    elif conditions_of(rule).empty:
        raise errors.EmptyRule(field="notation")


@transaction.atomic
def save_rule(actor: Any, rule: Rule) -> Rule:
    """Enter or change an alert rule."""
    access.require(actor, "opinion.rule.change")
    check(rule)
    fresh = rule.pk is None
    rule.changed_at = timezone.now()
    rule.save()
    kept = {name: getattr(rule, name) for name in ("name", "notation", "level", "active")}
    trail.record("opinion.rule.change", actor, rule, kept, new=fresh)
    return rule


@dataclass
class Trial:
    """What a rule would have done to the stored items of the last days."""

    looked_at: int
    hits: list[tuple[Item, list[tuple[int, int]]]]
    count: int
    stories: int
    complete: bool


def try_rule(actor: Any, rule: Rule, days: int = 7, show: int = 50, now: datetime | None = None) -> Trial:
    """The test-bench: run a rule, saved or not, over stored items; nothing is changed or told.

    A rule with words is tried on the items that the concordance proposes, however many are stored; at most
    `MOST_TRIED` are read, the newest.
    """
    access.require(actor, "opinion.rule.try")
    check(rule)
    since = (now or timezone.now()) - timedelta(days=days)
    items = access.visible(actor, "opinion.item.view", Item.objects.filter(collected_at__gte=since))
    conditions = conditions_of(rule)
    words = RuleSet([parse(rule.notation, rule.title_only)]) if rule.notation.strip() else None
    hits: list[tuple[Item, list[tuple[int, int]]]] = []
    looked, count, stories, seen_stories = 0, 0, 0, set()

    def judge(batch: list[Item]) -> None:
        nonlocal count, stories
        plain = text.normalise(queries.full_texts(batch))
        joined = plain.joined()
        found = words.find(plain) if words else None
        for index, item in enumerate(batch):
            spans: list[tuple[int, int]] = []
            if words is not None and found is not None:
                start, end = int(plain.starts[index]), int(plain.starts[index + 1]) - 1
                origin = plain.origin
                title_end = start + int((origin[start:end] < len(item.title)).sum())
                matches = words.matches(found.of(index), joined, start, end, title_end)
                if not matches:
                    continue
                spans = [(int(origin[a]), int(origin[b - 1]) + 1) for a, b in matches[0].spans]
            burst = bool(item.event and item.event.burst_at)
            if not holds(conditions, seen_of(item, item.source.tier, [item.topic_code], burst)):
                continue
            count += 1
            story = item.event_id or -(item.original or item.pk)
            if not rule.merge or story not in seen_stories:
                seen_stories.add(story)
                stories += 1
            if len(hits) < show:
                hits.append((item, spans))

    rows = items.select_related("source", "event").defer("grams", "signature").order_by("-pk")
    complete = True
    for batch in _candidates(rows, rule, since):
        if looked + len(batch) > MOST_TRIED:
            batch, complete = batch[: MOST_TRIED - looked], False
        looked += len(batch)
        judge(batch)
        if not complete:
            break
    if rule.notation.strip() and complete:
        looked = items.order_by().count()  # all of them were asked, by their words
    return Trial(looked, hits, count, stories, complete)


def _candidates(rows: QuerySet[Item], rule: Rule, since: datetime) -> Iterator[list[Item]]:
    """The items of the time that a rule is tried on, newest first, in batches."""
    if not rule.notation.strip():
        batch = list(rows[:_TOGETHER])
        while batch:
            yield batch
            batch = list(rows.filter(pk__lt=batch[-1].pk)[:_TOGETHER])
        return
    wording = parse(rule.notation)
    groups = [*wording.every, *(side for pair in wording.near for side in (pair.left, pair.right))]
    facets = []
    for words in groups:
        keys = [word_grams(word)[:1] for word in words]
        if all(keys):  # else a word of one letter: the concordance knows pairs only
            facets.append((*dict.fromkeys(key for some in keys for key in some), concordance.LONG))
    for proposed in concordance.holding(concordance.Asked(facets=tuple(facets), since=since)):
        for at in range(0, len(proposed), _TOGETHER):
            if batch := list(rows.filter(pk__in=proposed[at : at + _TOGETHER])):
                yield batch
