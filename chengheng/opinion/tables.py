"""The lists of public opinion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from chengheng.common.errors import Invalid
from chengheng.common.tables import Area, Choice, Column, DateRange, MultiChoice, Table, Text, register
from chengheng.common.tables.declaration import Proposals
from chengheng.opinion import concordance, queries
from chengheng.opinion.models import Alert, Channel, Claim, Event, Item, Level, Rule, Sentiment, Source, Verdict, Way

HEALTH: dict[str, Any] = {
    "off": _("switched off"), "dead": _("put aside"), "silent": _("silent"), "failing": _("failing"),
    "waiting": _("not answered yet"), "alive": _("alive"),
}  # fmt: skip
TONES = {"off": "none", "dead": "bad", "silent": "bad", "failing": "warn", "waiting": "info", "alive": "good"}
LEVELS = {"info": "info", "warning": "warn", "urgent": "bad"}


@register
class RuleTable(Table):
    code = "opinion.rule"
    title = _("Alert rules")
    act = "opinion.rule.view"
    columns = (
        Column("name", _("Rule name"), link=True),
        Column("notation", _("Keywords"), sort=""),
        Column("level", _("Level"), badge=True, tones=LEVELS, sort=""),
        Column("opens_claim", _("Opens a claim"), kind="boolean", sort=""),
        Column("active", _("Active"), kind="boolean", sort=""),
        Column("changed_at", _("Changed"), kind="datetime"),
    )
    filters = (Text("q", _("Words"), fields=("name", "notation")),)
    default_sort = "name"
    empty = _("No alert rule yet: nothing will be told.")
    navigation = ((_("New rule"), "opinion:new_rule"),)

    def queryset(self, user: Any) -> QuerySet:
        return Rule.objects.all()


class Words(Text):
    """Words in title or text, by the index over neighbouring letters."""

    def read(self, params: Any) -> str | None:
        words = super().read(params)
        if words and not queries.search_keys(words):
            raise Invalid(gettext("A search needs a word of at least two characters."))
        return words

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queryset.filter(grams__contains=queries.search_keys(value))


class Relevant(Choice):
    """Items that are the city's business."""

    def apply(self, queryset: QuerySet, value: str, user: Any) -> QuerySet:
        return queryset.filter(relevance__gte=0.5)


@register
class ItemTable(Table):
    code = "opinion.item"
    title = _("Items")
    act = "opinion.item.view"
    columns = (
        Column("__str__", _("Title"), link=True, value=str, sort=""),
        Column("source__name", _("Source"), sort=""),
        Column("channel", _("Channel"), badge=True, sort=""),
        Column("published_at", _("Published"), kind="datetime", sort=""),
        Column("collected_at", _("Collected"), kind="datetime", sort="pk"),
        Column("sentiment", _("Sentiment"), badge=True, tones={"negative": "bad", "positive": "good"}, sort=""),
        Column("topic_name", _("Class"), sort=""),
        Column("relevance", _("Relevance"), kind="number", places=2, sort="", shown=False),
        Column("doubt", _("False-story risk"), kind="number", places=2, sort="", shown=False),
        Column("area_code", _("Area"), sort="", shown=False),
        Column("original", _("Repeats item"), kind="number", sort="", shown=False),
    )
    filters = (
        Words("q", _("Words")),
        MultiChoice("channel", _("Channel"), choices=Channel.choices),
        Choice("sentiment", _("Sentiment"), choices=[c for c in Sentiment.choices if c[0]]),
        Relevant("about", _("About city management"), choices=[("1", _("yes"))]),
        DateRange("collected_at", _("Collected")),
        Area("area_code", _("Area")),
        Text("topic_name", _("Class"), how="istartswith"),
    )
    default_sort = "-pk"
    empty = _("No item yet. Enter a source, import a file, or have a data service deliver.")
    navigation = ((_("Search"), "opinion:search"), (_("Sources"), "opinion:sources"))

    def queryset(self, user: Any) -> QuerySet:
        return Item.objects.select_related("source").defer("grams", "signature")

    def proposals(self, values: Mapping[str, Any]) -> Proposals | None:
        """From the concordance: words and what an item is by, where that is asked for."""
        asked = queries.asked(
            values.get("q", ""), values.get("channel", ()), *(values.get("collected_at") or (None, None)),
            area=values.get("area_code", ""), topic=values.get("topic_name", ""), relevant="about" in values,
        )  # fmt: skip
        return (lambda before, above: concordance.holding(asked, before, above)) if asked else None


@register
class EventTable(Table):
    code = "opinion.event"
    title = _("Events")
    act = "opinion.item.view"
    columns = (
        Column("title", _("Event"), link=True, sort=""),
        Column("items", _("Items"), kind="number"),
        Column("first_at", _("Began"), kind="datetime"),
        Column("last_at", _("Last item"), kind="datetime"),
        Column("burst_at", _("Burst"), kind="datetime"),
        Column("topic_name", _("Class"), sort=""),
    )
    filters = (
        Text("q", _("Words"), fields=("title",)), DateRange("last_at", _("Last item")), Area("area_code", _("Area")),
    )  # fmt: skip
    default_sort = "-last_at"

    def queryset(self, user: Any) -> QuerySet:
        return Event.objects.defer("vector")


@register
class AlertTable(Table):
    code = "opinion.alert"
    title = _("Opinion alerts")
    act = "opinion.alert.view"
    columns = (
        Column("title", _("Title"), link=True, sort=""),
        Column("level", _("Level"), badge=True, tones=LEVELS, sort=""),
        Column("state_label", _("State"), badge=True, sort=""),
        Column("rule__name", _("Rule"), sort=""),
        Column("items", _("Items"), kind="number"),
        Column("raised_at", _("Raised"), kind="datetime"),
        Column("from_publication", _("Publication to alert (s)"), kind="number"),
        Column("from_collection", _("Collection to alert (s)"), kind="number"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("holder", _("Held by"), kind="user", sort="", shown=False),
    )
    filters = (
        Text("q", _("Words"), fields=("title",)),
        Choice("level", _("Level"), choices=Level.choices),
        MultiChoice("state", _("State"), choices=lambda: _states(Alert)),
        DateRange("raised_at", _("Raised")),
        Area("area_code", _("Area")),
    )
    default_sort = "-raised_at"
    navigation = ((_("Alert rules"), "opinion:rules"),)

    def queryset(self, user: Any) -> QuerySet:
        return Alert.objects.select_related("rule", "holder")


def _states(model: Any) -> list[tuple[str, Any]]:
    from chengheng.common.flow import flow_of

    return list(flow_of(model).states.items())


@register
class ClaimTable(Table):
    code = "opinion.claim"
    title = _("False stories")
    act = "opinion.claim.view"
    columns = (
        Column("number", _("Claim number"), link=True),
        Column("title", _("What is claimed"), sort=""),
        Column("state_label", _("State"), badge=True, sort=""),
        Column(
            "verdict",
            pgettext_lazy("claim", "Verdict"),
            badge=True,
            tones={"false": "bad", "partly": "warn", "true": "good"},
            sort="",
        ),
        Column("found_at", _("Suspected"), kind="datetime"),
        Column("due_at", _("Due"), kind="datetime"),
        Column("published_at", _("Statement published"), kind="datetime"),
        Column("holder", _("Held by"), kind="user", sort=""),
    )
    filters = (
        Text("q", _("Words"), fields=("title", "number")),
        MultiChoice("state", _("State"), choices=lambda: _states(Claim)),
        Choice("verdict", pgettext_lazy("claim", "Verdict"), choices=Verdict.choices),
        DateRange("found_at", _("Suspected")),
    )
    default_sort = "-found_at"
    empty = _("No suspected false story yet.")

    def queryset(self, user: Any) -> QuerySet:
        return Claim.objects.select_related("holder")


@register
class SourceTable(Table):
    code = "opinion.source"
    title = _("Sources")
    act = "opinion.source.view"
    columns = (
        Column("name", _("Source name"), link=True),
        Column("channel", _("Channel"), badge=True, sort=""),
        Column("way", _("How it comes in"), sort=""),
        Column("health", _("Health"), badge=True, value=lambda row: HEALTH[row.health], sort="",
               tones=lambda row: TONES[row.health]),
        Column("last_item_at", _("Last item"), kind="datetime"),
        Column("answered_at", _("Last answered"), kind="datetime"),
        Column("failures", _("Failures in a row"), kind="number"),
        Column("failure", _("Last failure"), sort="", shown=False),
        Column("next_at", _("Next reading"), kind="datetime", shown=False),
        Column("is_demo", _("Demonstration"), kind="boolean", sort="", shown=False),
    )  # fmt: skip
    filters = (
        Text("q", _("Words"), fields=("name", "url")),
        MultiChoice("channel", _("Channel"), choices=Channel.choices),
        Choice("way", _("How it comes in"), choices=Way.choices),
    )
    default_sort = "name"
    empty = _("No source yet.")
    navigation = ((_("Enter a source"), "opinion:new_source"),)

    def queryset(self, user: Any) -> QuerySet:
        return Source.objects.all()
