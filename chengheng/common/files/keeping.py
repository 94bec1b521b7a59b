"""The file store: bytes come in by a temporary file and appear under their hash at once and whole, or not at all.

Order of things: write to `incoming/`, check, fsync, rename to `content/ab/cd/<sha256>`, fsync the folder, and only then
may the row commit. Killed before the rename: a left-over in `incoming/`, reachable by nobody. Killed before the commit:
a content without a row, reachable by nobody. `sweep` removes both after a day. A thumbnail is made when somebody first looks
at the picture, and is not waited for: it is made again when a power cut took it.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chengheng.common.files import pictures
from chengheng.common.files.errors import EmptyFile, TooLarge, TypeNotAllowed
from chengheng.common.files.models import File
from chengheng.common.files.rules import HEAD_BYTES, MAX_MB, MB, limit_bytes, sniff

CHUNK = 1024 * 1024
LEFT_OVER_AFTER = timedelta(hours=24)


def _chunks(content: bytes | IO[bytes] | Any) -> Iterator[bytes]:
    if isinstance(content, (bytes, bytearray, memoryview)):
        yield bytes(content)
        return
    if hasattr(content, "chunks"):  # Django's uploaded file
        yield from content.chunks(CHUNK)
        return
    while data := content.read(CHUNK):
        yield data


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(moves: Iterable[tuple[Path, Path]]) -> None:
    """Move written files (from, to) so that each appears whole and survives a power cut; each folder is waited for once."""
    changed: dict[Path, None] = {}
    for source, target in moves:
        folder = target.parent
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            changed |= dict.fromkeys((folder.parent, folder.parent.parent))
        source.replace(target)
        changed[folder] = None
    for folder in changed:
        _sync(folder)


def thumbnail(file: File) -> bytes | None:
    """The small picture, made when it is first asked for. None where there can be none."""
    if not file.has_thumbnail:
        return None
    try:
        kept = file.thumbnail_path.read_bytes()
    except FileNotFoundError:
        kept = b""
    if whole(kept):
        return kept
    if not file.path.exists():
        return None
    made = pictures.shrunk(file.path, file.sha256)
    put(file.thumbnail_path, made)
    if not file.path.exists():  # its retention ended while it was made small
        file.thumbnail_path.unlink(missing_ok=True)
    return made


def whole(webp: bytes) -> bool:
    """Whether a kept picture is all there: RIFF says how long it is, and what a power cut left short is made again."""
    return len(webp) > 8 and len(webp) == int.from_bytes(webp[4:8], "little") + 8


def put(path: Path, made: bytes) -> None:
    """Keep what was made of a stored file: whole under its name, or not at all."""
    source = incoming()
    source.write_bytes(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    source.replace(path)


def incoming() -> Path:
    """A new path for a file that is being written."""
    folder = Path(settings.FILE_STORE, "incoming")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / uuid.uuid4().hex


_SHARE = "select pg_advisory_xact_lock_shared(%s, key) from unnest(%s::int[]) key"
_TAKE = "select pg_advisory_xact_lock(%s, key) from unnest(%s::int[]) key"


def _guard(sha256s: Sequence[str], *, shared: bool) -> None:
    """Storing shares a lock on each content until its transaction ends; sweeping takes it alone."""
    keys = sorted({int(sha256[:8], 16) - (1 << 31) for sha256 in sha256s})
    with connection.cursor() as cursor:
        cursor.execute(_SHARE if shared else _TAKE, [0x66696C65, keys])


def store(content: bytes | IO[bytes] | Any, name: str, media_type: str | None = None) -> File:
    """Store the content and return its row; the same content again returns the same row.

    `content`: bytes, a binary file, or Django's uploaded file; read in pieces. `media_type` is what the sender said, and
    is not believed. TypeNotAllowed, TooLarge, EmptyFile, ImageTooLarge or DamagedImage say why not.
    """
    return store_many([(content, name)])[0]


def store_many(contents: Iterable[tuple[bytes | IO[bytes] | Any, str]]) -> list[File]:
    """Store several contents, (content, name) each, and return their rows in the same order: all of them or none.

    One transaction, and every file and folder is waited for once. Raises as `store` does.
    """
    written: list[Path] = []
    try:
        came = []
        for content, name in contents:
            name = name[-120:]
            written.append(incoming())
            digest, size, kind = _receive(content, written[-1], name)
            came.append((written[-1], digest, size, kind, pictures.look(written[-1], name, kind)))
        with transaction.atomic():
            _guard([one[1] for one in came], shared=True)
            return _keep(came)
    finally:
        for path in written:
            path.unlink(missing_ok=True)


def _receive(content: Any, temporary: Path, name: str) -> tuple[str, int, str]:
    """Write the content to the temporary file; its hash, size and media type. Stops as soon as it is known to be too much."""
    digest, size, head, kind = hashlib.sha256(), 0, b"", None
    most = max(MAX_MB.values()) * MB
    with temporary.open("xb") as file:
        for data in _chunks(content):
            file.write(data)
            digest.update(data)
            size += len(data)
            if len(head) < HEAD_BYTES:
                head += data[: HEAD_BYTES - len(head)]
            if kind is None and len(head) >= HEAD_BYTES:
                kind = sniff(head)
                if kind is None:
                    raise TypeNotAllowed(name=name)
                most = limit_bytes(kind)
            if size > most:
                raise TooLarge(name=name, limit=most // MB)
        if not size:
            raise EmptyFile(name=name)
        kind = kind or sniff(head)
        if kind is None:
            raise TypeNotAllowed(name=name)
        if size > limit_bytes(kind):
            raise TooLarge(name=name, limit=limit_bytes(kind) // MB)
    return digest.hexdigest(), size, kind


def _keep(came: Sequence[tuple[Path, str, int, str, pictures.Seen | None]]) -> list[File]:
    rows: dict[str, File] = {}
    moves = []
    for temporary, digest, size, kind, seen in came:
        if digest in rows:
            continue
        row = rows[digest] = File(sha256=digest, size=size, media_type=kind)
        if seen:
            row.width, row.height, row.phash = seen.width, seen.height, seen.phash
            row.taken_at, row.lon, row.lat, row.device = (
                seen.taken.at,
                seen.taken.lon,
                seen.taken.lat,
                seen.taken.device,
            )
            row.has_thumbnail = True
        if row.path.exists():
            os.utime(row.path)  # a left-over of a lost transaction is young again
        else:
            moves.append((temporary, row.path))
    for temporary, _target in moves:
        _sync(temporary)
    _put_in_place(moves)
    File.objects.bulk_create(rows.values(), ignore_conflicts=True)
    kept = {file.sha256: file for file in File.objects.filter(sha256__in=rows)}
    back = [file.pk for file in kept.values() if file.removed_at is not None]
    if back:  # retention had removed the content; it is here again
        File.objects.filter(pk__in=back).update(removed_at=None)
        for file in kept.values():
            file.removed_at = None
    return [kept[digest] for _temporary, digest, *_rest in came]


def sweep(now: float | None = None) -> int:
    """Remove left-overs older than a day: unfinished uploads, and contents that no row knows. Returns how many."""
    before = (time.time() if now is None else now) - LEFT_OVER_AFTER.total_seconds()
    root, removed = Path(settings.FILE_STORE), 0
    for path in root.glob("incoming/*"):
        if _older(path, before):
            path.unlink(missing_ok=True)
            removed += 1
    for folder in sorted(root.glob("content/*/*")):
        old = [path for path in folder.iterdir() if _older(path, before)]
        known = set(
            File.objects.filter(sha256__in=[path.name for path in old], removed_at=None).values_list(
                "sha256", flat=True
            )
        )
        removed += sum(_remove_orphan(path, before) for path in old if path.name not in known)
    return removed


def _older(path: Path, before: float) -> bool:
    try:
        return path.is_file() and path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def _remove_orphan(path: Path, before: float) -> bool:
    """Remove a content that no row knows, looking again under the lock that storing shares."""
    with transaction.atomic():
        _guard([path.name], shared=False)
        if not _older(path, before) or File.objects.filter(sha256=path.name, removed_at=None).exists():
            return False
        path.unlink(missing_ok=True)
        File(sha256=path.name).thumbnail_path.unlink(missing_ok=True)
        return True


def remove_content(file: File) -> None:
    """Forget the bytes of a file whose retention is over; the row stays and says when. In the caller's transaction."""
    from chengheng.common.files import pages

    _guard([file.sha256], shared=False)
    File.objects.filter(pk=file.pk).update(removed_at=timezone.now())

    def unlink() -> None:
        # an upload of the same content may have come in between; then it is wanted again
        with transaction.atomic():
            _guard([file.sha256], shared=False)
            if File.objects.filter(pk=file.pk, removed_at__isnull=False).exists():
                file.path.unlink(missing_ok=True)
                file.thumbnail_path.unlink(missing_ok=True)
                pages.forget(file.sha256)

    transaction.on_commit(unlink)
