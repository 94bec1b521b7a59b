"""A site in one file and back: the database, the file store, the secrets, and a manifest with hashes of all of it.

The database is dumped first and the files are read after it. Files are content-addressed and never changed, so every
file that the dump speaks of is in the archive; a few younger ones may be too, which does no harm. A site may be backed
up while it runs. It is restored only into an empty site that is down, after every hash has been checked.

Archive (tar): `database.dump` (pg_dump's custom format), `files/…`, `secrets/…`, last `manifest.json`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from chengheng import __version__
from chengheng.common.errors import Invalid, Refusal
from chengheng.project import config
from chengheng.project.embedded import Embedded

FORMAT = 1
_PIECE = 1 << 20
# The password of this machine's own embedded server; it is of no use elsewhere.
_NOT_KEPT = {"postgres_password"}
_SAFE_MEMBER = re.compile(r"(?:files|secrets)/(?:[\w.@ -]+/)*[\w.@ -]+")


class NoTool(Refusal):
    code = "no_postgres_tool"
    message = _("There is no %(program)s of PostgreSQL %(version)s or newer on this machine.")


class ToolFailed(Refusal):
    code = "postgres_tool_failed"
    message = _("%(program)s failed: %(words)s")


class NotEmpty(Refusal):
    code = "site_not_empty"
    message = _("This site is not empty (%(what)s). Restore into a new data folder and a new database.")


class Broken(Invalid):
    code = "backup_broken"
    message = _("This is not a whole backup: %(what)s.")


class Newer(Refusal):
    code = "backup_newer"
    message = _("The backup is of a newer %(what)s (%(theirs)s) than what is here (%(ours)s).")


@dataclass
class Manifest:
    """What is in an archive: `members` maps names to size in bytes and SHA-256."""

    format: int = FORMAT
    version: str = __version__
    made_at: str = ""
    postgres: int = 0
    members: dict[str, tuple[int, str]] = field(default_factory=dict)


def server_major() -> int:
    """The major version of the database server in use."""
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def tool(program: str, least: int) -> Path:
    """The program of the lowest major version that is at least `least`: of the embedded server, Debian, or the path."""
    folders = [Embedded.of_site().binaries, *Path("/usr/lib/postgresql").glob("*/bin")]
    on_path = shutil.which(program)
    candidates = [folder / program for folder in folders if (folder / program).exists()]
    candidates += [Path(on_path)] if on_path else []
    usable = []
    for path in candidates:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        found = re.search(r"\s(\d+)(?:\.|\s|devel|beta|rc)", said + " ")
        if found and int(found[1]) >= least:
            usable.append((int(found[1]), str(path)))
    if not usable:
        raise NoTool(program=program, version=least)
    return Path(min(usable)[1])


def _run(program: str, least: int, *arguments: str) -> None:
    database = settings.DATABASES["default"]
    environment = os.environ | {
        "PGHOST": str(database["HOST"]), "PGPORT": str(database["PORT"] or "5432"), "PGUSER": str(database["USER"]),
        "PGPASSWORD": str(database["PASSWORD"]), "PGDATABASE": str(database["NAME"]),
    }  # fmt: skip
    done = subprocess.run(  # noqa: S603
        [tool(program, least), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolFailed(program=program, words=" ".join(done.stderr.split())[-500:])


class _Hashing:
    """Passes a file's bytes on and keeps their hash and number."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest, self.size = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece


def _sources() -> Iterator[tuple[str, Path]]:
    """Everything besides the database: its name in the archive and where it is."""
    store = Path(settings.FILE_STORE)
    for path in sorted(store.rglob("*")):
        name = f"files/{path.relative_to(store).as_posix()}"
        # What is being written at this moment has a name that starts with a dot or "tmp" until it is whole.
        if path.is_file() and not path.is_symlink() and _SAFE_MEMBER.fullmatch(name) and path.name[0] != ".":
            yield name, path
    for path in sorted((config.data_folder() / "secrets").glob("*")):
        if path.is_file() and path.name not in _NOT_KEPT:
            yield f"secrets/{path.name}", path


def backup(target: Path) -> Manifest:
    """Write the site into `target` (mode 0600; it appears under its name only when whole)."""
    manifest = Manifest(made_at=datetime.now(UTC).isoformat(timespec="seconds"), postgres=server_major())
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as scratch,
            os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
            tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            dump = Path(scratch) / "database.dump"
            _run("pg_dump", manifest.postgres, "--format=custom", "--no-owner", "--no-acl", f"--file={dump}")
            _add(archive, manifest, "database.dump", dump)
            dump.unlink()
            for name, path in _sources():
                _add(archive, manifest, name, path)
            text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
            member = tarfile.TarInfo("manifest.json")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        with unfinished.open("rb") as whole:
            os.fsync(whole.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def _add(archive: tarfile.TarFile, manifest: Manifest, name: str, path: Path) -> None:
    with path.open("rb") as file:
        member = tarfile.TarInfo(name)
        member.size = os.fstat(file.fileno()).st_size
        member.mode = 0o600
        hashing = _Hashing(file)
        archive.addfile(member, hashing)
    manifest.members[name] = (hashing.size, hashing.digest.hexdigest())


def inspect(source: Path) -> Manifest:
    """Read an archive whole and check each member's name, size and hash; `Broken` says what is wrong."""
    found: dict[str, tuple[int, str]] = {}
    text = b""
    try:
        with tarfile.open(source, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    raise Broken(what=member.name)
                if member.name == "manifest.json":
                    text = file.read(256 << 20)
                    continue
                if member.name != "database.dump" and not _is_safe(member.name):
                    raise Broken(what=member.name)
                hashing = _Hashing(file)
                while hashing.read(_PIECE):
                    pass
                found[member.name] = (hashing.size, hashing.digest.hexdigest())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Broken(what=str(error)) from error
    manifest = _manifest(text)
    for name in sorted({*found, *manifest.members}):
        if found.get(name) != manifest.members.get(name):
            raise Broken(what=name)
    if "database.dump" not in found:
        raise Broken(what="database.dump")
    return manifest


def _is_safe(name: str) -> bool:
    return bool(_SAFE_MEMBER.fullmatch(name)) and ".." not in PurePosixPath(name).parts


def _manifest(text: bytes) -> Manifest:
    try:
        told: dict[str, Any] = json.loads(text)
        manifest = Manifest(
            format=int(told["format"]),
            version=str(told["version"]),
            made_at=str(told["made_at"]),
            postgres=int(told["postgres"]),
            members={str(name): (int(size), str(digest)) for name, (size, digest) in told["members"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken(what="manifest.json") from error
    if manifest.format > FORMAT:
        raise Newer(what="format", theirs=manifest.format, ours=FORMAT)
    return manifest


def restore(source: Path) -> Manifest:
    """Fill an empty site from an archive, the database in one transaction. Nothing is written before all is checked."""
    manifest = inspect(source)
    here = server_major()
    if here < manifest.postgres:
        raise Newer(what="PostgreSQL", theirs=manifest.postgres, ours=here)
    _require_empty()
    store, secrets = Path(settings.FILE_STORE), config.data_folder() / "secrets"
    with tempfile.TemporaryDirectory(dir=config.data_folder(), prefix=".restore-") as scratch:
        folder = Path(scratch)
        with tarfile.open(source, mode="r|") as archive:
            for member in archive:
                if member.name == "manifest.json":
                    continue
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                file = archive.extractfile(member)
                assert file is not None
                with path.open("xb") as out:
                    shutil.copyfileobj(file, out, _PIECE)
        dump = str(folder / "database.dump")
        _run("pg_restore", manifest.postgres, "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl",
             f"--dbname={settings.DATABASES['default']['NAME']}", dump)  # fmt: skip
        if (folder / "files").exists():
            store.parent.mkdir(parents=True, exist_ok=True)
            if store.exists():
                store.rmdir()
            (folder / "files").replace(store)
        for path in (folder / "secrets").glob("*"):
            path.chmod(0o600)
            path.replace(secrets / path.name)
    return manifest


def _require_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
        )
        tables = cursor.fetchone()[0]
    if tables:
        raise NotEmpty(what=_("the database has %(count)d tables") % {"count": tables})
    store = Path(settings.FILE_STORE)
    if store.exists() and any(store.iterdir()):
        raise NotEmpty(what=_("the file store has files"))
