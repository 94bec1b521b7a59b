"""Acts on trained models: train from a file or from corrections, compare, put to use; and the corrections themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from chengheng.common import trail
from chengheng.common.people import access
from chengheng.opinion import errors, reader
from chengheng.opinion.analyser import doubt, heads, training
from chengheng.opinion.collect.entries import moment
from chengheng.opinion.models import Correction, HeadName, Item, ModelVersion


def _time(value: Any) -> float:
    """Seconds since 1970 of what data files hold: numbers, ISO, RFC 822, Twitter's and Weibo's form; 0 for none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    words = str(value or "").strip()
    if not words:
        return 0.0
    try:
        return datetime.strptime(words, "%a %b %d %H:%M:%S %z %Y").timestamp()
    except ValueError:
        found = moment(words)
        return found.timestamp() if found else 0.0


def read_rows(lines: Iterable[str], head: str) -> list[training.Row]:
    """Training rows from JSON lines: text (or t, or title + t, or seg) and label (or y), time if known."""
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            words = said.get("text") or said.get("t") or said.get("seg") or said.get("title")
            label = said["label"] if "label" in said else said["y"]
        except (ValueError, KeyError, AttributeError) as error:
            raise errors.BadTraining(row=number, reason=f"line {number}: {error}") from error
        if not isinstance(words, str) or not words.strip():
            raise errors.BadTraining(row=number, reason=f"line {number}: no text")
        rows.append(training.Row(words, str(label), _time(said.get("time"))))
    return rows


def read_stories(lines: Iterable[str]) -> list[doubt.Story]:
    """Stories for the false-story head: text, label 1/0, time, teller (or u), comments (or reps: [[time, words]])."""
    stories = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            at = _time(said.get("time"))
            who = said.get("teller") or said.get("u")
            told = said.get("comments") if isinstance(said.get("comments"), list) else said.get("reps") or []
            comments = []
            for one in told:
                when, words = (one["at"], one["words"]) if isinstance(one, Mapping) else (one[0], one[1])
                said_at = _time(when)
                # A comment whose time cannot be read is known late only, never early.
                comments.append((said_at - at if said_at else 1e12, str(words)))
            stories.append(
                doubt.Story(
                    str(said.get("text") or said["t"]),
                    doubt.Teller(
                        bool(who.get("verified")), int(who.get("followers") or 0), int(who.get("friends") or 0),
                        int(who.get("messages") or 0),
                    ) if who else None,
                    tuple(comments),
                    str(said["label"] if "label" in said else said["y"]),
                    at,
                )
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise errors.BadTraining(row=number, reason=f"line {number}: {error}") from error
    return stories


def _in_use(head: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(head=head, in_use=True).first()


@transaction.atomic
def _keep(
    actor: Any, head: str, model: heads.Head | doubt.Doubt, comparison: training.Comparison, rows: int, note: str
) -> ModelVersion:
    archive = reader.archive_of(model)
    number = (ModelVersion.objects.filter(head=head).aggregate(last=Max("number"))["last"] or 0) + 1
    version = ModelVersion.objects.create(
        head=head, number=number, archive=archive, sha256=hashlib.sha256(archive).hexdigest(), rows=rows,
        marks=comparison.new.as_dict(), old_marks=comparison.old.as_dict() if comparison.old else None,
        made_by=str(actor), note=note[:300],
    )  # fmt: skip
    trail.record(
        "opinion.model.train", actor, version, {"marks": version.marks, "old": version.old_marks}, note, new=True
    )
    return version


def train(
    actor: Any, head: str, lines: Iterable[str], *, note: str = "", labels: Sequence[str] | None = None
) -> ModelVersion:
    """Train a new version, compare it with the one in use on rows that neither was fitted on, and put it to use only
    when it is at least as good. Raises NotBetter (the version is kept) or BadTraining."""
    access.require(actor, "opinion.model.train")
    old = _in_use(head)
    before = reader.load_archive(bytes(old.archive), head) if old else None
    try:
        if head == HeadName.DOUBT:
            stories = read_stories(lines)
            model, comparison = doubt.compare(stories, before if isinstance(before, doubt.Doubt) else None)
            version = _keep(actor, head, model, comparison, len(stories), note)
        else:
            rows = read_rows(lines, head)
            comparison = training.compare(head, rows, before if isinstance(before, heads.Head) else None, labels)
            version = _keep(actor, head, comparison.head, comparison, len(rows), note)
    except training.TooFewRows as error:
        raise errors.BadTraining(reason=str(error)) from error
    if not comparison.better:
        assert comparison.old is not None
        raise errors.NotBetter(new=f"{comparison.new.macro_f1:.3f}", old=f"{comparison.old.macro_f1:.3f}")
    return use_model(actor, version)


@transaction.atomic
def use_model(actor: Any, version: ModelVersion) -> ModelVersion:
    """Put a version to use, an older one too: a person may always go back."""
    access.require(actor, "opinion.model.train")
    ModelVersion.objects.select_for_update().filter(head=version.head, in_use=True).update(in_use=False)
    ModelVersion.objects.filter(pk=version.pk).update(in_use=True)
    version.in_use = True
    trail.record("opinion.model.train", actor, version, {"in_use": True})
    return version


@transaction.atomic
def correct(actor: Any, item: Item, head: str, label: str) -> Correction:
    """A clerk says what an item is; the row trains the next version, and the item shows the correction at once."""
    access.require(actor, "opinion.item.correct", item)
    found, _made = Correction.objects.update_or_create(
        item=item, head=head, defaults={"label": label, "at": timezone.now(), "by": actor}
    )
    if head == HeadName.SENTIMENT:
        Item.objects.filter(pk=item.pk).update(sentiment="negative" if label in ("0", "negative") else "positive")
    elif head == HeadName.RELEVANCE:
        Item.objects.filter(pk=item.pk).update(relevance=1.0 if label == "1" else 0.0)
    elif head == HeadName.CLASS:
        Item.objects.filter(pk=item.pk).update(label=label)
    trail.record("opinion.item.correct", actor, item, {"head": head, "label": label})
    return found


def train_from_corrections(actor: Any, head: str, lines: Iterable[str] = ()) -> ModelVersion:
    """Train from the clerks' corrections, with the rows of a file beside them if given."""
    rows = list(lines)
    for one in Correction.objects.filter(head=head).select_related("item").order_by("pk"):
        rows.append(json.dumps({"t": one.item.whole, "y": one.label}, ensure_ascii=False))
    return train(actor, head, rows, note="corrections")
