"""Public opinion for machines: the push-in API of data services, and what other systems may read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict

from chengheng.common.errors import NotFound
from chengheng.common.people import access
from chengheng.common.people.seal import unseal
from chengheng.opinion import actions, errors, queries, rules
from chengheng.opinion.models import Alert, Channel, Claim, Item, Source, Way

router = Router(tags=["opinion"])
MOST_ITEMS = 1000
WINDOW = timedelta(minutes=5)


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class TellerIn(_Strict):
    verified: bool = False
    followers: int = Field(0, ge=0)
    friends: int = Field(0, ge=0)
    messages: int = Field(0, ge=0)


class CommentIn(_Strict):
    at: datetime
    words: str = Field(max_length=4000)
    author: str = Field("", max_length=200)


class ItemIn(_Strict):
    """One publication as a licensed data service delivers it. `id` is the publisher's own and makes it repeatable."""

    id: str = Field(min_length=1, max_length=500)
    title: str = Field("", max_length=1000)
    body: str = Field("", max_length=100_000)
    url: str = Field("", max_length=2000)
    published_at: datetime | None = None
    author: str = Field("", max_length=200, description="Kept as a hash only")
    channel: Channel | None = None
    reach: int = Field(0, ge=0, le=2_000_000_000)
    teller: TellerIn | None = None
    comments: list[CommentIn] = Field([], max_length=500)


class DeliveryIn(_Strict):
    items: list[ItemIn] = Field(min_length=1, max_length=MOST_ITEMS)


class CommentsIn(_Strict):
    id: str = Field(min_length=1, max_length=500, description="The item's own id, as it was delivered")
    comments: list[CommentIn] = Field(min_length=1, max_length=500)


def _source(request: HttpRequest, pk: int) -> Source:
    """The delivering source, its signature checked: X-Timestamp, X-Signature = HMAC-SHA256(secret, "ts.body")."""
    access.require(request.user, "opinion.item.deliver")
    source = Source.objects.filter(pk=pk, way=Way.PUSH, active=True).first()
    if source is None:
        raise NotFound
    secret = unseal(source.sealed_secret) if source.sealed_secret else None
    given, timestamp = request.headers.get("X-Signature", ""), request.headers.get("X-Timestamp", "")
    if secret is None or not rules.signed(secret, timestamp, request.body, given, timezone.now(), WINDOW):
        raise errors.BadSignature
    return source


@router.post("/sources/{pk}/items", response={202: dict})
def deliver(request: HttpRequest, pk: int, body: DeliveryIn) -> Any:
    """Deliver items. They are kept before this answers; analysis follows within seconds. Repeats are told, not stored."""
    source = _source(request, pk)
    new = actions.arrive(source, [one.model_dump() for one in body.items])
    return Status(202, {"received": len(body.items), "new": new})


@router.post("/sources/{pk}/comments", response={202: dict})
def deliver_comments(request: HttpRequest, pk: int, body: CommentsIn) -> Any:
    """Deliver comments of an item delivered before; its false-story risk is worked out again."""
    source = _source(request, pk)
    item = queries.item_of(source, body.id)
    if item is None:
        raise NotFound
    found = actions.comment(item, [one.model_dump(mode="json") for one in body.comments])
    return Status(202, {"item": found.pk, "doubt": found.doubt, "doubted": found.doubted})


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.pk, "title": item.title, "body": item.body, "url": item.url, "channel": item.channel,
        "source": item.source.name, "published_at": item.published_at, "collected_at": item.collected_at,
        "relevance": item.relevance, "sentiment": item.sentiment or None, "class_code": item.topic_code or None,
        "class_name": item.topic_name or None, "doubt": item.doubt, "area": item.area_code or None,
        "repeats": item.original or None, "event": item.event_id, "debunked_by": item.debunked_id,
    }  # fmt: skip


@router.get("/items", response=list[dict])
def items(request: HttpRequest, q: str = "", before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest items, or those that hold all the words of `q`. `before`: only items numbered below."""
    access.require(request.user, queries.VIEW)
    limit = max(1, min(limit, 200))
    if q:
        return [_item(item) for item in queries.search(request.user, q, limit, before)]
    rows = access.visible(request.user, queries.VIEW, Item.objects.select_related("source").defer("grams", "signature"))
    rows = rows.filter(pk__lt=before) if before else rows
    return [_item(item) for item in rows.order_by("-pk")[:limit]]


@router.get("/items/{pk}", response=dict)
def item(request: HttpRequest, pk: int) -> dict[str, Any]:
    return _item(access.fetch(request.user, queries.VIEW, Item.objects.select_related("source"), pk=pk))


@router.get("/alerts", response=list[dict])
def alerts(request: HttpRequest, limit: int = 50) -> list[dict[str, Any]]:
    """Open alerts, newest first, with both delays in seconds."""
    access.require(request.user, "opinion.alert.view")
    return [
        {"id": one.pk, "title": one.title, "level": one.level, "state": one.state, "rule": one.rule.name,
         "item": one.item_id, "event": one.event_id, "items": one.items, "raised_at": one.raised_at,
         "seconds_from_publication": one.from_publication, "seconds_from_collection": one.from_collection}
        for one in queries.open_alerts(request.user).select_related("rule")[: max(1, min(limit, 200))]
    ]  # fmt: skip


@router.get("/alerts/{pk}", response=dict)
def alert(request: HttpRequest, pk: int) -> dict[str, Any]:
    one = access.fetch(request.user, "opinion.alert.view", Alert.objects.select_related("rule"), pk=pk)
    return {"id": one.pk, "title": one.title, "level": one.level, "state": one.state, "item": one.item_id}


@router.get("/claims/{pk}/claim-review", response=dict)
def claim_review(request: HttpRequest, pk: int) -> dict[str, Any]:
    """A published verdict as schema.org ClaimReview."""
    claim = access.fetch(request.user, "opinion.claim.view", Claim.objects.all(), pk=pk)
    return queries.claim_review(claim, request.build_absolute_uri(claim.get_absolute_url()))
