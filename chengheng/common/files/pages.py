"""The pages of a stored document as pictures: of a PDF each page, of a photo itself. Drawn once, then kept beside the
thumbnails; many may ask for the same page at once, and one of them draws it. As with thumbnails, nobody waits for the disk:
what a power cut left short is drawn again, and what was drawn while the document's retention ended goes too.
"""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from chengheng.common.errors import NotFound
from chengheng.common.files import reader
from chengheng.common.files.errors import NoPages
from chengheng.common.files.keeping import put, whole
from chengheng.common.files.models import File
from chengheng.common.files.rules import PICTURES

MOST_PAGES = 500
PDF = "application/pdf"
_SECONDS = reader.SECONDS + 10


def can(media_type: str) -> bool:
    """Whether documents of this kind can be shown page by page."""
    return media_type == PDF or media_type in PICTURES


def count(file: File) -> int:
    """How many pages there are, at most MOST_PAGES. Raises NoPages."""
    if file.media_type in PICTURES:
        return 1
    if file.media_type != PDF:
        raise NoPages
    found = _kept(file, "count", lambda: _read("count", file.path)).decode().strip()
    if not re.fullmatch(r"[0-9]{1,7}", found) or not int(found):
        raise NoPages
    return min(int(found), MOST_PAGES)


def picture(file: File, number: int) -> bytes:
    """A page as WebP; the first is 1. Raises NotFound, NoPages."""
    if file.media_type != PDF or not 1 <= number <= count(file):
        raise NotFound
    return _kept(file, f"{number}.webp", lambda: _read("page", file.path, str(number)))


def forget(sha256: str) -> None:
    """Remove what was drawn of a content that is kept no longer."""
    for path in _folder(sha256).glob(f"{sha256}-*"):
        path.unlink(missing_ok=True)


def _folder(sha256: str) -> Path:
    return Path(settings.FILE_STORE, "pages", sha256[:2], sha256[2:4])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time draws for a document; the lock's file goes with the document's pages."""
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(file: File, name: str, make: Callable[[], bytes]) -> bytes:
    folder = _folder(file.sha256)
    path = folder / f"{file.sha256}-{name}"
    if kept := _found(path):
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{file.sha256}-lock"):
        if kept := _found(path):
            return kept
        try:
            made = make()
            put(path, made)
        finally:
            if not file.path.exists():  # its retention is over, perhaps since it was opened
                forget(file.sha256)
        return made


def _found(path: Path) -> bytes:
    """What is kept, if all of it is there; nothing otherwise."""
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        return b""
    complete = whole(kept) if path.suffix == ".webp" else kept.endswith(b"\n")
    return kept if complete else b""


def _read(what: str, path: Path, *more: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and script; the path is of our store
            [sys.executable, "-I", reader.__file__, what, str(path), *more], stdin=subprocess.DEVNULL,
            capture_output=True, timeout=_SECONDS, check=False, env={"LANG": "C.UTF-8"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoPages from None
    if done.returncode or not done.stdout:
        raise NoPages
    return done.stdout
