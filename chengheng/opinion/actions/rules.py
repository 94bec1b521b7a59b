"""Acts on alert rules: save one, try one on what is stored."""

from __future__ import annotations

import time
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

TRY_SECONDS = 10.0
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
    """What a rule would have done to the stored items of the last days: to all of them, or as far as the time went, back
    to the one that was collected `reached`."""

    looked_at: int
    hits: list[tuple[Item, list[tuple[int, int]]]]
    count: int
    stories: int
    complete: bool
    reached: datetime | None = None


def try_rule(
    actor: Any, rule: Rule, days: int = 7, show: int = 50, now: datetime | None = None, seconds: float = TRY_SECONDS
) -> Trial:
    """The test-bench: run a rule, saved or not, over stored items; nothing is changed or told.

    A rule with words is tried on the items that the concordance proposes, however many are stored, from the newest; what
    is not looked at after `seconds` is left out, and the answer says how far it came.
    """
    access.require(actor, "opinion.rule.try")
    check(rule)
    since = (now or timezone.now()) - timedelta(days=days)
    items = access.visible(actor, "opinion.item.view", Item.objects.filter(collected_at__gte=since))
    conditions = conditions_of(rule)
    words = RuleSet([parse(rule.notation, rule.title_only)]) if rule.notation.strip() else None
    hits: list[tuple[Item, list[tuple[int, int]]]] = []
    count, stories, seen_stories = 0, 0, set()

    def judge(batch: list[Item]) -> None:
        nonlocal count, stories
        if not batch:
            return
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

    rows = items.select_related("source", "event").defer("grams", "signature", "event__vector").order_by("-pk")
    until = time.monotonic() + seconds
    reached: int | None = None
    for low, batch in _candidates(rows, rule, since):
        if reached is not None and time.monotonic() > until:
            newer = items.filter(pk__gte=reached).order_by()
            oldest = newer.order_by("pk").values_list("collected_at", flat=True).first()
            return Trial(newer.count(), hits, count, stories, False, oldest)
        judge(batch)
        reached = low
    # All of them were asked, those without its words by the concordance alone.
    return Trial(items.order_by().count(), hits, count, stories, True)


def _candidates(rows: QuerySet[Item], rule: Rule, since: datetime) -> Iterator[tuple[int, list[Item]]]:
    """The items of the time that a rule is tried on, newest first, in batches, each with the number down to which it
    goes; a batch may be empty."""
    if not rule.notation.strip():
        batch = list(rows[:_TOGETHER])
        while batch:
            yield batch[-1].pk, batch
            batch = list(rows.filter(pk__lt=batch[-1].pk)[:_TOGETHER])
        return
    wording = parse(rule.notation)
    groups = [*wording.every, *(side for pair in wording.near for side in (pair.left, pair.right))]
    facets = []
    for words in groups:
        pairs = [word_grams(word) for word in words]
        if all(pairs):  # else a word of one letter: the concordance knows pairs only
            facets.append((*dict.fromkeys(concordance.rarest(keys) for keys in pairs), concordance.LONG))
    for proposed in concordance.holding(concordance.Asked(facets=tuple(facets), since=since)):
        for at in range(0, len(proposed), _TOGETHER):
            some = proposed[at : at + _TOGETHER]
            yield some[-1], list(rows.filter(pk__in=some))
