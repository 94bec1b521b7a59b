"""From a suspected false story to its debunked entry in the library. The machine suspects; two persons judge."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import flow, notices, trail
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.opinion import errors, queries
from chengheng.opinion.analyser.wording import BadWording, parse
from chengheng.opinion.models import Claim, Evidence, Item, Verdict
from chengheng.opinion.reader import signature_of

FINAL = ("archived", "dismissed")


def _number(now: datetime) -> str:
    day = timezone.localtime(now).strftime("%Y%m%d")
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [0x636C6169])
    return f"R{day}-{Claim.objects.filter(number__startswith=f'R{day}-').count() + 1:03}"


def check_match(words: str) -> str:
    """The keyword notation of a claim, readable or empty; BadNotation."""
    if words.strip():
        try:
            parse(words)
        except BadWording as error:
            raise errors.BadNotation(field="match", part=str(error)) from error
    return words.strip()


def _open(item: Item, actor: Any, now: datetime, title: str, match: str) -> Claim:
    claim = Claim(
        number=_number(now), title=title[:300], words=queries.full_text(item)[:20_000], match=check_match(match), item=item,
        event=item.event, risk=item.doubt, area_code=item.area_code, first_at=item.published_at or item.collected_at,
        found_at=now, pushed_at=now, signature=_signature(item),
    )  # fmt: skip
    limit = queries.limit_of("rumour")
    flow.begin(claim, actor, limits={"answer": limit} if limit else {}, now=now)
    trail.record("opinion.claim.suspect", actor, claim, {"item": item.pk, "risk": item.doubt}, new=True)
    keep_snapshot(claim, item, actor)
    notices.tell(
        queries.told_of_alerts(), _("Suspected false story: %(title)s"),
        _("%(source)s. Take it up, keep evidence, have two persons judge it."),
        params={"title": claim.title, "source": item.source.name}, subject=claim, level="urgent",
    )  # fmt: skip
    return claim


def _signature(item: Item) -> bytes:
    """By what a re-run is known: the item's own text, together with its media's words where it has some."""
    whole = queries.full_text(item)
    return bytes(item.signature) if item.signature and whole == item.whole else signature_of(whole)


def _known(item: Item) -> Claim | None:
    """The open claim that already follows this story."""
    claims = Claim.objects.exclude(state__in=FINAL)
    found = claims.filter(item_id__in=[key for key in (item.pk, item.original) if key]).first()
    return found or (claims.filter(event_id=item.event_id).first() if item.event_id else None)


def suspect_by_rule(item: Item, now: datetime) -> Claim | None:
    """A rule suspects a false story: open a claim and push it at once, unless this story is followed already."""
    if _known(item) is not None:
        return None
    return _open(item, SYSTEM, now, item.title or item.body[:80], "")


@transaction.atomic
def suspect(actor: Any, item: Item, title: str = "", match: str = "") -> Claim:
    """A person suspects a false story. AlreadyClaimed when it is followed."""
    access.require(actor, "opinion.claim.suspect", item)
    known = _known(item)
    if known is not None:
        raise errors.AlreadyClaimed(number=known.number)
    return _open(item, actor, timezone.now(), title or item.title or item.body[:80], match)


def tell_repeat(item: Item) -> None:
    """A debunked story is told again: say so at once, with the old verdict."""
    claim = Claim.objects.get(pk=item.debunked_id or 0)
    notices.tell(
        queries.told_of_alerts(), _("A debunked story is told again: %(title)s"),
        _("%(number)s was judged “%(verdict)s”. New: %(source)s, “%(new)s”."),
        params={"title": claim.title, "number": claim.number, "verdict": claim.get_verdict_display(),
                "source": item.source.name, "new": item.title or item.body[:40]},
        subject=claim, level="urgent",
    )  # fmt: skip


def keep_snapshot(claim: Claim, item: Item, actor: Any) -> Evidence:
    """The publication as it was stored, with its hash: the first piece of evidence."""
    content = queries.full_text(item)
    return Evidence.objects.create(
        claim=claim, kind=Evidence.Kind.SNAPSHOT, title=(item.title or item.body[:60])[:200], url=item.url,
        content=content, sha256=hashlib.sha256(f"{item.url}\n{content}".encode()).hexdigest(),
        kept_at=item.collected_at, by=actor if actor is not SYSTEM else None,
    )  # fmt: skip


def take_up(claim: Claim, actor: Any, note: str = "", **more: Any) -> Claim:
    """A person makes the claim theirs."""
    more.pop("holder", None)
    return flow.take(claim, "take_up", actor, note=note, holder=actor, **more)


@transaction.atomic
def keep_evidence(
    claim: Claim, actor: Any, note: str = "", data: Mapping[str, Any] | None = None, **more: Any
) -> Claim:
    """Add a piece of evidence: {kind, title, url} and the note. Its hash covers all that was said."""
    said = dict(data or {})
    found = flow.take(claim, "evidence", actor, note=note, data=said, **more)
    content = "\n".join([str(said.get("title", "")), str(said.get("url") or ""), note])
    Evidence.objects.create(
        claim=found, kind=said["kind"], title=str(said["title"])[:200], note=note, url=str(said.get("url") or "")[:2000],
        content=content, sha256=hashlib.sha256(content.encode()).hexdigest(), by=actor if actor is not SYSTEM else None,
    )  # fmt: skip
    return found


def has_evidence(claim: Claim, _actor: Any, _data: Mapping[str, Any]) -> None:
    """Guard of the verdicts: something besides the machine's snapshot must speak."""
    if not claim.evidence.exclude(by=None, kind=Evidence.Kind.SNAPSHOT).exists():
        raise errors.NoEvidence


def is_second_person(claim: Claim, actor: Any, data: Mapping[str, Any]) -> None:
    """Guard of the confirmation: another person, the same verdict."""
    if actor is SYSTEM or actor.pk == claim.first_by_id:
        raise errors.SecondPerson
    if data.get("verdict") != claim.first_verdict:
        raise errors.VerdictsDiffer


def is_other_signer(claim: Claim, actor: Any, _data: Mapping[str, Any]) -> None:
    """Guard of the signature: not the drafter's own."""
    if actor is SYSTEM or actor.pk == claim.drafted_by_id:
        raise errors.OtherSigner


def first_verdict(
    claim: Claim, actor: Any, note: str = "", data: Mapping[str, Any] | None = None, **more: Any
) -> Claim:
    """The first person's verdict, with reasons."""
    said = dict(data or {})
    fields = {"first_verdict": Verdict(said["verdict"]).value, "first_by": actor}
    return flow.take(claim, "judge", actor, note=note, data=said, fields=fields, **more)


def confirm_verdict(
    claim: Claim, actor: Any, note: str = "", data: Mapping[str, Any] | None = None, **more: Any
) -> Claim:
    """The second person's verdict; it must be another person and the same verdict."""
    said = dict(data or {})
    fields = {"verdict": Verdict(said["verdict"]).value, "second_by": actor, "judged_at": timezone.now()}
    return flow.take(claim, "confirm", actor, note=note, data=said, fields=fields, **more)


def draft_statement(
    claim: Claim, actor: Any, note: str = "", data: Mapping[str, Any] | None = None, **more: Any
) -> Claim:
    """The statement's text, and the keywords by which a re-run is known."""
    said = dict(data or {})
    fields = {
        "statement": str(said["statement"]), "drafted_by": actor,
        "match": check_match(str(said.get("match") or claim.match)),
    }  # fmt: skip
    return flow.take(
        claim, "draft", actor, note=note, data={"length": len(fields["statement"])} | said, fields=fields, **more
    )


def sign_statement(claim: Claim, actor: Any, note: str = "", data: Any = None, **more: Any) -> Claim:
    """Sign off; not by the drafter."""
    fields = {"signed_by": actor, "signed_at": timezone.now()}
    return flow.take(claim, "sign", actor, note=note, data=data or {}, fields=fields, **more)


@transaction.atomic
def publish_statement(
    claim: Claim, actor: Any, note: str = "", data: Mapping[str, Any] | None = None, **more: Any
) -> Claim:
    """The statement is out: push it to the channels; from now on the library knows the claim."""
    said = dict(data or {})
    fields = {"published_at": timezone.now(), "published_url": str(said.get("url") or "")[:2000]}
    found = flow.take(claim, "publish", actor, note=note, data=said, fields=fields, **more)
    notices.tell(
        queries.told_of_alerts(), _("Statement published: %(title)s"), found.statement[:1500],
        params={"title": found.title}, subject=found, level="urgent",
    )  # fmt: skip
    return found
