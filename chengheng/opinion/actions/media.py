"""Pictures, video, sound and subtitle files attached to items: read by themselves, their words heard like the item's own.

Reading takes seconds to minutes and holds no transaction; what it gave is kept in one, and in that same one the analyser
hears the item again, so that an alert stands where its words stand. The words stay apart from the publisher's own text
(`Excerpt`), each with its frame and second.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from chengheng.common import files, trail
from chengheng.common.files.models import Attachment
from chengheng.common.people import access
from chengheng.common.people.access import SYSTEM
from chengheng.opinion import concordance, ocr, queries, reader
from chengheng.opinion.actions import alerts, arriving
from chengheng.opinion.analyser import nearness, text
from chengheng.opinion.collect.encodings import decode
from chengheng.opinion.media import looking, sandbox, speech, subtitles
from chengheng.opinion.media.subtitles import Cue
from chengheng.opinion.models import Excerpt, Item, MediaLimit, Medium, Sentiment
from chengheng.opinion.rules import word_grams

log = logging.getLogger(__name__)
FRAME = "frame"  # kind of the attachments that the reading itself makes
_SUBTITLES = 2_000_000
_GRAMS_OF = 16_000


def wait_for(item: Any, attachment: Attachment) -> None:
    """Something was attached to an item: have it read when there may be words in it. In the attaching's transaction."""
    from chengheng.opinion.tasks import read_media

    kind = attachment.file.media_type
    if attachment.kind == FRAME or kind.split("/")[0] not in ("image", "video", "audio", "text"):
        return
    if kind == "text/plain" and not subtitles.kind_of(_subtitle_text(attachment)[:4000]):
        return
    Medium.objects.get_or_create(attachment=attachment, defaults={"item": item})
    read_media.defer(attachment=attachment.pk)


@transaction.atomic
def attach_medium(actor: Any, item: Item, upload: Any, kind: str) -> Attachment:
    """A person puts a picture, video, sound or subtitle file on an item; it is read by itself. Raises as `files.store`."""
    access.require(actor, "opinion.item.attach", item)
    return files.attach(files.store(upload, upload.name), item, kind, actor, upload.name)


@transaction.atomic
def ask_again(actor: Any, medium: Medium) -> None:
    """Read a medium once more (a recogniser was set up, a limit was raised)."""
    from chengheng.opinion.tasks import read_media

    access.require(actor, "opinion.item.attach", medium.item)
    Medium.objects.filter(pk=medium.pk).update(state=Medium.State.WAITING, reason="", asked_at=timezone.now())
    read_media.defer(attachment=medium.attachment_id)


@transaction.atomic
def set_media_limit(actor: Any, in_force_from: date, **limits: Any) -> MediaLimit:
    """Say how much of media is read, from a day on."""
    access.require(actor, "opinion.rule.change")
    kept, _made = MediaLimit.objects.update_or_create(in_force_from=in_force_from, defaults=limits)
    said = {name: str(value) for name, value in limits.items()} | {"in_force_from": in_force_from.isoformat()}
    trail.record("opinion.rule.change", actor, kept, said)
    return kept


def _subtitle_text(attachment: Attachment) -> str:
    with attachment.file.path.open("rb") as file:
        return decode(file.read(_SUBTITLES))[0]


def read_medium(attachment: int, now: datetime | None = None) -> Medium | None:
    """Read one attached medium to its end, keep what it gave, and hear its item again; None when it is gone."""
    rows = Medium.objects.select_related("attachment__file", "item")
    medium = rows.filter(attachment=attachment, attachment__withdrawn_at=None).first()
    if medium is None or medium.attachment.file.removed_at is not None:
        return None
    began = time.monotonic()
    limits = queries.media_limit(timezone.localdate(now))
    file = medium.attachment.file
    passages: list[tuple[str, Cue]] = []
    found = looking.Found()
    if file.media_type == "text/plain":
        passages = [("subtitle", cue) for cue in subtitles.passages(subtitles.parse(_subtitle_text(medium.attachment)))]
    else:
        found, passages = _opened(medium, limits)
    if medium.attachment.kind == "cover":
        for shot in found.shots:
            shot.kind = "cover" if shot.kind == "picture" else shot.kind
    with transaction.atomic():
        _keep(medium, found, passages, time.monotonic() - began)
        hear_again(medium.item_id, now or timezone.now())
    return medium


def _opened(medium: Medium, limits: MediaLimit) -> tuple[looking.Found, list[tuple[str, Cue]]]:
    """A picture, video or sound opened in the sandbox; its speech asked of the recogniser."""
    file = medium.attachment.file
    with_sound = file.media_type.startswith(("video/", "audio/"))
    hears = with_sound and not speech.missing()
    with tempfile.TemporaryDirectory(prefix="sound-") as folder:
        wav = Path(folder, "sound.wav")
        found = looking.look(
            file.path, file.media_type, frames=limits.frames, seconds=limits.seconds, words=ocr.available(),
            wav=wav if hears else None, sound_seconds=limits.speech_minutes * 60.0,
        )  # fmt: skip
        cues = [Cue(one.second, one.until, subtitles.plain(one.words)) for one in found.cues]
        passages = [("subtitle", cue) for cue in subtitles.passages(cue for cue in cues if cue.words)]
        medium.speech = ""
        if hears and found.sound_seconds and not found.refused:
            try:
                said = subtitles.passages(speech.hear(wav, float(limits.seconds)))
            except speech.SpeechFailed as reason:
                log.warning("speech of attachment %s was not read: %s", medium.attachment_id, reason)
                medium.speech = Medium.Speech.FAILED
            else:
                medium.speech = Medium.Speech.HEARD if said else Medium.Speech.SILENT
                passages += [("speech", cue) for cue in said]
        elif found.facts.get("sound") and not hears:
            medium.speech = Medium.Speech.ABSENT
    if not ocr.available() and not found.refused:
        if file.media_type in sandbox.PICTURES:
            found.refused = "no_reader"
        else:
            found.notes.append("no_reader")
    return found, passages


def _keep(medium: Medium, found: looking.Found, passages: Sequence[tuple[str, Cue]], took: float) -> None:
    """Store the excerpts and the frames of one reading in place of those of the reading before."""
    Medium.objects.select_for_update().get(pk=medium.pk)
    for old in Attachment.objects.filter(
        pk__in=medium.excerpts.exclude(shot=None).values("shot"), withdrawn_at=None
    ):  # fmt: skip
        files.withdraw(old, SYSTEM, "read again")
    medium.excerpts.all().delete()
    excerpts = []
    shown = [shot for shot in found.shots if shot.jpeg]
    stem = medium.attachment.name.rpartition(".")[0][:60] or "video"
    stored = files.store_many([(shot.jpeg, "frame.jpg") for shot in shown]) if shown else []
    names = [f"{stem} {Excerpt(second=shot.second).clock.replace(':', '-') or 'cover'}.jpg" for shot in shown]
    attached = files.attach_many(
        medium.item, SYSTEM, [(file, FRAME, name) for file, name in zip(stored, names, strict=True)]
    )
    shots = {id(shot): one for shot, one in zip(shown, attached, strict=True)}
    for shot in found.shots:
        words = "\n".join(line for line in shot.lines if text.plain(line))[:4000]
        if words or id(shot) in shots:
            kind = shot.kind if shot.kind in Excerpt.Kind.values else Excerpt.Kind.FRAME
            excerpts.append(
                Excerpt(kind=kind, second=shot.second, until=shot.second, words=words, shot=shots.get(id(shot)))
            )
    for kind, cue in passages:
        excerpts.append(Excerpt(kind=kind, second=cue.second, until=cue.until, words=cue.words[:4000]))
    for excerpt in excerpts:
        excerpt.medium, excerpt.item = medium, medium.item
    Excerpt.objects.bulk_create(excerpts)
    medium.reason, medium.notes, medium.facts = found.refused, found.notes, found.facts
    heard = any(excerpt.words for excerpt in excerpts)
    medium.state = Medium.State.REFUSED if found.refused else Medium.State.READ if heard else Medium.State.EMPTY
    medium.read_at, medium.took_seconds = timezone.now(), round(took, 2)
    medium.save(update_fields=["state", "reason", "notes", "facts", "speech", "read_at", "took_seconds"])
    trail.record(
        "opinion.item.read_media", SYSTEM, medium.item,
        {"attachment": medium.attachment_id, "state": medium.state, "reason": medium.reason,
         "excerpts": len(excerpts), "frames": len(shown)},
    )  # fmt: skip


def hear_again(item: int, now: datetime) -> Item:
    """Have the analyser hear an item together with the words of its media; new alerts name the place. One transaction."""
    try:
        with transaction.atomic():
            return _hear_again(item, now)
    except BaseException:
        reader.forget()  # what the reader learnt of events is not true
        raise


def _hear_again(pk: int, now: datetime) -> Item:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [arriving.READERS_LOCK])
    item = Item.objects.select_for_update(of=("self",)).select_related("source", "event").get(pk=pk)
    heard = queries.heard(item)
    room = reader.reader()
    held = alerts.held_rules(item, item.rules, [item.topic_code], room, now)
    known_before = item.debunked_id
    reading = room.analyser.read([heard.document]).readings[0]
    draft = arriving.Draft(**{name: getattr(item, name) for name in arriving._COLUMNS if name != "grams"})
    original, digest, signature = item.original, item.digest, bytes(item.signature or b"")
    sentiment = item.sentiment, item.sentiment_score
    arriving._fill(draft, reading, signature)
    draft.original, draft.digest = original, digest
    draft.doubted = draft.doubted or item.doubted
    draft.area_code = item.area_code or draft.area_code
    if "sentiment" not in reading.labels or (len(item.whole) >= 20 and item.sentiment in Sentiment.values[1:]):
        draft.sentiment, draft.sentiment_score = sentiment  # the publisher's own words say it best
    draft.rules = [room.rules[rule].pk for rule, _ in reading.rules if rule < len(room.rules)]
    hit = [rule for rule, _ in reading.rules]
    _digests, tables = nearness.fingerprint(text.normalise([heard.media, heard.document.whole]))
    draft.debunked_id = known_before or room.debunked(hit, tables[0]) or room.debunked([], tables[1]) or None
    if room.doubt is not None and (reading.relevant or reading.rules):
        story = arriving.story_of(item, item.comments.all(), heard.document.whole)
        draft.doubt = round(float(room.doubt.risk([story])[0]), 4)
    if item.event_id is None and heard.media:
        title = item.title or item.body[:60]
        draft.title = title if len(title) >= 10 else f"{title} {heard.media[:60]}".strip()
        arriving._events(room, [draft], now)
        draft.title = item.title
    grams = word_grams(text.plain(item.whole[: concordance.LETTERS]))
    more = word_grams(text.plain(heard.media[:_GRAMS_OF]))
    for name in ("relevance", "sentiment", "sentiment_score", "topic_code", "topic_name", "label", "doubt", "doubted",
                 "area_code", "rules", "debunked_id", "event_id"):  # fmt: skip
        setattr(item, name, getattr(draft, name))
    item.grams = np.unique(np.array([*grams, *more], np.int32)).tolist()
    item.save()
    concordance.seal_again(item.pk)
    item = Item.objects.select_related("source", "event").get(pk=pk)
    alerts.raise_of_media(item, reading, room, held, heard, now, told_before=bool(known_before))
    return item
