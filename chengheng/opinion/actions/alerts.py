"""When items become alerts, how those are told, and how people answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import flow, notices, rows, trail
from chengheng.common.links import handing
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User
from chengheng.opinion import queries
from chengheng.opinion.analyser.kernel import Reading
from chengheng.opinion.models import Alert, Event, Excerpt, Item, Level, Rule, Source
from chengheng.opinion.rules import Conditions, Seen, delay_seconds, holds, is_quiet

if TYPE_CHECKING:
    from chengheng.opinion.actions.arriving import Draft
    from chengheng.opinion.queries import Heard
    from chengheng.opinion.reader import Reader

FINAL = ("closed", "dismissed")
BURST_AGAIN = timedelta(hours=3)


def conditions_of(rule: Rule) -> Conditions:
    """A rule's conditions as the pure check wants them."""
    return Conditions(
        tuple(rule.channels), tuple(rule.tiers), tuple(rule.areas), tuple(rule.topics), rule.negative,
        rule.least_relevance, rule.least_doubt, rule.least_reach, rule.burst, rule.doubted,
    )  # fmt: skip


def seen_of(item: Draft | Item, tier: int, topics: Sequence[str], burst: bool) -> Seen:
    """An item as a rule may look at it."""
    return Seen(
        item.channel, tier, item.area_code, topics, item.sentiment, item.relevance, item.doubt, item.doubted,
        item.reach, burst,
    )  # fmt: skip


def raise_by_rules(
    items: Sequence[Draft], readings: Sequence[Reading], room: Reader, sources: dict[int, Source], now: datetime
) -> list[Alert]:
    """Alerts of a batch just stored: words first, then conditions. Repeats of a debunked claim alert at once."""
    from chengheng.opinion.actions.claims import suspect_by_rule, tell_repeat

    asked: dict[int, Conditions] = {}
    fired: list[tuple[Draft, list[Rule]]] = []
    for item, reading in zip(items, readings, strict=True):
        if not (reading.rules or room.wordless or item.debunked_id):
            continue
        topics = [code for code, _name in reading.topics]
        burst = bool(item.event and item.event.burst_at and now - item.event.burst_at < BURST_AGAIN)
        seen: Seen | None = None
        held = []
        worded = [room.rules[rule] for rule, _spans in reading.rules if rule < len(room.rules)]
        for rule in (*worded, *room.wordless):
            conditions = asked.get(rule.pk) or asked.setdefault(rule.pk, conditions_of(rule))
            if not conditions.empty:
                seen = seen or seen_of(item, sources[item.source_id].tier, topics, burst)
                if not holds(conditions, seen):
                    continue
            held.append(rule)
        if held or item.debunked_id:
            fired.append((item, held))
    if not fired:
        return []
    known = _Known({rule.pk for _item, held in fired for rule in held}, [item for item, _held in fired])
    raised = []
    for draft, held in fired:
        stored = draft.stored(sources[draft.source_id])
        if stored.debunked_id:
            tell_repeat(stored)
        for rule in held:
            raised.append(_raise(rule, stored, now, told=not stored.debunked_id, known=known))
            if rule.opens_claim and not stored.debunked_id:
                suspect_by_rule(stored, now)
    known.count_merged()
    known.record()
    return raised


def held_rules(item: Item, worded: Collection[int], topics: Sequence[str], room: Reader, now: datetime) -> set[int]:
    """The rules that hold for an item as it stands: by words (`worded`: their keys) or without, and by conditions."""
    burst = bool(item.event and item.event.burst_at and now - item.event.burst_at < BURST_AGAIN)
    seen = seen_of(item, item.source.tier, topics, burst)
    worded = set(worded)
    return {
        rule.pk
        for rule in (*room.rules, *room.wordless)
        if (rule.pk in worded or not rule.notation) and holds(conditions_of(rule), seen)
    }


def raise_of_media(
    item: Item, reading: Reading, room: Reader, before: Collection[int], heard: Heard, now: datetime,
    *, told_before: bool,
) -> list[Alert]:  # fmt: skip
    """Alerts of a stored item whose pictures, video or sound were read: of the rules that hold now and did not before.

    Each names the frame, subtitle or passage of speech in which its words stand.
    """
    from chengheng.opinion.actions.claims import suspect_by_rule, tell_repeat

    repeats = item.debunked_id and not told_before
    if repeats:
        tell_repeat(item)
    spans = {room.rules[rule].pk: spans for rule, spans in reading.rules if rule < len(room.rules)}
    held = held_rules(item, spans, [code for code, _name in reading.topics], room, now) - set(before)
    raised = []
    for rule in (*room.rules, *room.wordless):
        if rule.pk not in held or Alert.objects.filter(rule=rule, item=item).exists():
            continue
        place = heard.place(spans.get(rule.pk, ()))
        raised.append(_raise(rule, item, now, told=not item.debunked_id, excerpt=place))
        if rule.opens_claim and not item.debunked_id:
            suspect_by_rule(item, now)
    return raised


class _Known:
    """What a batch's alerts ask of the alerts before them, asked once: open ones of the same story, last tellings."""

    def __init__(self, rules: Collection[int], items: Sequence[Draft | Item]) -> None:
        stories = {item.original for item in items if item.original}
        events = {item.event_id for item in items if item.event_id}
        self._by_item: dict[tuple[int, int], Alert] = {}
        self._by_event: dict[tuple[int, int], Alert] = {}
        self._merged: Counter[int] = Counter()
        self.raised: list[tuple[Alert, dict[str, Any]]] = []  # what the trail has still to record
        told = Alert.objects.filter(rule__in=rules, told_at__isnull=False).values_list("rule")
        self.told: dict[int, datetime] = dict(told.annotate(last=Max("told_at")))
        open_ones = Alert.objects.filter(rule__in=rules).exclude(state__in=FINAL)
        for alert in open_ones.filter(Q(item__in=stories) | Q(event__in=events)).order_by("raised_at"):
            self._remember(alert)
        self.limit = queries.limit_of("notice")
        self.hearers = queries.told_of_alerts()

    def _remember(self, alert: Alert) -> None:
        self._by_item.setdefault((alert.rule_id, alert.item_id), alert)
        if alert.event_id:
            self._by_event.setdefault((alert.rule_id, alert.event_id), alert)

    def add(self, alert: Alert) -> None:
        """An alert that this batch raised."""
        self._remember(alert)
        if alert.told_at:
            self.told[alert.rule_id] = alert.told_at

    def same_story(self, rule: Rule, item: Item) -> Alert | None:
        """The open alert of this rule that already tells this story; it counts one item more."""
        found = self._by_item.get((rule.pk, item.original)) if item.original else None
        if found is None and rule.merge and item.event_id:
            found = self._by_event.get((rule.pk, item.event_id))
        if found is not None:
            found.items += 1
            self._merged[found.pk] += 1
        return found

    def record(self) -> None:
        """Record all that was raised, as one statement."""
        trail.record_new("opinion.alert.raise", SYSTEM, self.raised)
        self.raised.clear()

    def count_merged(self) -> None:
        for alert, more in self._merged.items():
            Alert.objects.filter(pk=alert).update(items=F("items") + more)
        self._merged.clear()


def raise_again(item: Item, room: Reader, now: datetime) -> None:
    """Comments changed an item's risk: rules that ask for risk or doubt are asked again."""
    from chengheng.opinion.actions.claims import suspect_by_rule

    for rule in (*room.rules, *room.wordless):
        asks = rule.least_doubt > 0 or rule.doubted
        if not asks or (rule.notation and rule.pk not in item.rules):
            continue
        if Alert.objects.filter(rule=rule, item=item).exists():
            continue
        if holds(conditions_of(rule), seen_of(item, item.source.tier, [item.topic_code], burst=False)):
            _raise(rule, item, now, told=True)
            if rule.opens_claim:
                suspect_by_rule(item, now)


@rows.in_one_transaction
def _raise(
    rule: Rule, item: Item, now: datetime, *, told: bool, known: _Known | None = None, excerpt: Excerpt | None = None
) -> Alert:
    known, alone = known or _Known([rule.pk], [item]), known is None
    same = known.same_story(rule, item)
    if same is not None:
        if alone:
            known.count_merged()
        return same
    alert = Alert(
        rule=rule, item=item, event_id=item.event_id, title=(item.title or item.body[:60])[:300], level=rule.level,
        area_code=item.area_code, channel=item.channel, published_at=item.published_at,
        collected_at=item.collected_at, raised_at=now,
        from_publication=delay_seconds(item.published_at, now),
        from_collection=delay_seconds(item.collected_at, now) or 0,
        held_until=_held_until(rule, now, known.told.get(rule.pk)) if told else now, excerpt=excerpt,
    )  # fmt: skip
    if alert.held_until is None:
        alert.told_at = now
    flow.begin(alert, SYSTEM, limits={"acknowledge": known.limit} if known.limit else {}, now=now)
    known.raised.append((alert, {"rule": rule.pk, "item": item.pk}))
    if alone:
        known.record()
    if alert.told_at:
        _say(alert, known.hearers)
    known.add(alert)
    return alert


def _held_until(rule: Rule, now: datetime, last_told: datetime | None) -> datetime | None:
    """Until when this alert is only shown, not sent: quiet hours (unless urgent breaks them), then the cool-down."""
    breaks = rule.override_quiet and rule.level == Level.URGENT
    local = timezone.localtime(now)
    until: datetime | None = None
    if not breaks and is_quiet(local.time(), rule.quiet_start, rule.quiet_stop):
        assert rule.quiet_stop is not None
        until = local.replace(
            hour=rule.quiet_stop.hour, minute=rule.quiet_stop.minute, second=rule.quiet_stop.second, microsecond=0
        )
        if until <= local:
            until += timedelta(days=1)
    if rule.cool_down_minutes and last_told is not None:
        cool = last_told + timedelta(minutes=rule.cool_down_minutes)
        if cool > now:
            until = max(until or cool, cool)
    return until


def _tell(alert: Alert, now: datetime) -> None:
    Alert.objects.filter(pk=alert.pk).update(told_at=now, held_until=None)
    alert.told_at, alert.held_until = now, None
    _say(alert, queries.told_of_alerts())


def _say(alert: Alert, hearers: list[User]) -> None:
    found_in = _("%(rule)s · %(source)s · in %(file)s %(clock)s · %(minutes)s min after publication")
    notices.tell(
        hearers, _("Opinion alert: %(title)s"),
        found_in if alert.excerpt else _("%(rule)s · %(source)s · %(minutes)s min after publication"),
        params={
            "title": alert.title, "rule": alert.rule.name, "source": alert.item.source.name,
            "minutes": "—" if alert.from_publication is None else alert.from_publication // 60,
            "file": alert.excerpt.medium.attachment.name if alert.excerpt else "",
            "clock": alert.excerpt.clock if alert.excerpt else "",
        },
        subject=alert, level=alert.level,
    )  # fmt: skip


@transaction.atomic
def tell_held(now: datetime) -> int:
    """Send what quiet hours and cool-downs held back and is due; several of one rule go as one notice."""
    due: dict[int, list[Alert]] = {}
    held = Alert.objects.filter(told_at=None, held_until__lte=now).exclude(state__in=FINAL)
    for alert in held.select_for_update(skip_locked=True, of=("self",)).select_related("rule", "item__source"):
        due.setdefault(alert.rule_id, []).append(alert)
    for alerts in due.values():
        if len(alerts) == 1:
            _tell(alerts[0], now)
            continue
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(told_at=now, held_until=None)
        notices.tell(
            queries.told_of_alerts(), _("%(count)s opinion alerts of “%(rule)s”"),
            "\n".join(alert.title for alert in alerts[:10]),
            params={"count": len(alerts), "rule": alerts[0].rule.name}, subject=alerts[0], level=alerts[0].level,
        )  # fmt: skip
    return sum(map(len, due.values()))


@transaction.atomic
def raise_by_hand(actor: Any, item: Item, rule: Rule, note: str = "") -> Alert:
    """A clerk makes an alert of an item that no rule caught."""
    access.require(actor, "opinion.alert.raise", item)
    alert = _raise(rule, item, timezone.now(), told=True)
    trail.record("opinion.alert.raise", actor, alert, {"by_hand": True}, note)
    return alert


@transaction.atomic
def raise_bursts(now: datetime) -> list[Event]:
    """Look for bursts among the events of the last hour; open alerts of a bursting event go one level up."""
    recent = list(Event.objects.filter(last_at__gte=now - timedelta(hours=1)).order_by("-items")[:2000])
    fresh = [event for event in recent if event.burst_at is None or now - event.burst_at >= BURST_AGAIN]
    found = []
    for event, burst in queries.bursting(fresh, now):
        Event.objects.filter(pk=event.pk).update(burst_at=now, burst_tail=burst.tail, changed_at=event.changed_at)
        event.burst_at = now
        found.append(event)
        alerts = Alert.objects.filter(event=event).exclude(state__in=FINAL).exclude(level=Level.URGENT)
        for alert in alerts.select_related("rule", "item__source").select_for_update(of=("self",)):
            alert.level = Level.WARNING if alert.level == Level.INFO else Level.URGENT
            alert.save(update_fields=["level"])
            trail.record("opinion.alert.escalate", SYSTEM, alert, {"burst": burst.count, "base": round(burst.base, 2)})
            notices.tell(
                queries.told_of_alerts(), _("Spreading fast: %(title)s"),
                _("%(count)s items in the last hour, %(base)s are usual."),
                params={"title": alert.title, "count": burst.count, "base": round(burst.base, 1)},
                subject=alert, level=alert.level,
            )  # fmt: skip
    return found


def take_alert_step(alert: Alert, step: str, actor: Any, **more: Any) -> Alert:
    """Acknowledge, escalate, assign, close or dismiss: a plain step of the flow."""
    if step == "assign":
        data = more.get("data", {})
        limit = queries.limit_of(str(data.get("matter") or "reply"))
        return flow.take(alert, step, actor, limits={"answer": limit} if limit else {}, **more)
    if step == "escalate":
        with transaction.atomic():
            found = flow.take(alert, step, actor, fields={"level": Level.URGENT}, **more)
            notices.tell(
                queries.told_of_alerts(), _("Escalated: %(title)s"), str(more.get("note", "")),
                params={"title": found.title}, subject=found, level="urgent",
            )  # fmt: skip
            return found
    return flow.take(alert, step, actor, **more)


def answer_alert(alert: Alert, actor: Any, note: str = "", data: Any = None, **more: Any) -> Alert:
    """The answer that was given outside, in words."""
    return flow.take(alert, "answer", actor, note=note, data=data or {}, fields={"conclusion": note}, **more)


@transaction.atomic
def hand_over_alert(alert: Alert, step: str, actor: Any, note: str = "", data: Any = None, **more: Any) -> Alert:
    """Make a case or an order of an alert. The clock of the answer runs from the first work on; the alert is answered
    when somebody says what came of the work. Raises NotOffered and what the receiving system refuses."""
    data = dict(data or {})
    now = timezone.now()
    limit = queries.limit_of("reply") if step == "hand_over" else None
    alert = flow.take(
        alert, step, actor, note=note, data={"work": data.get("work")}, limits={"answer": limit} if limit else {},
        now=now, **more,
    )  # fmt: skip
    item = alert.item
    handing.hand_over(
        alert, str(data["work"]), actor,
        handing.Matter(
            title=alert.title, text="\n".join(part for part in (item.body, note) if part), area_code=alert.area_code,
            address=str(data.get("address") or ""), class_code=item.topic_code,
            happened_at=min(item.published_at or item.collected_at, now), reference=item.url or f"{alert} #{alert.pk}",
            urgent=alert.level == Level.URGENT, more=data,
        ),
    )  # fmt: skip
    return alert
