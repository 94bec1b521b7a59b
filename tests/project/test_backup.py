"""A site in one file and back, by the command line, between two data folders with real servers."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chengheng.project import backup
from tools.site import Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def folder_of(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir()
    return scratch / name


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ch-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def archive(room: Path, migrated: Path) -> Path:
    """A backup of a site with a user, a trail and a file."""
    first = Site(folder_of(room, "first"))
    first.begin_with(migrated)
    first.command(
        "user", "create", "wangfang", "--name", "王芳", "--organisation", "C", "--new-organisation", "市城管委"
    )
    content = b"evidence"
    digest = hashlib.sha256(content).hexdigest()
    place = first.data / "files" / digest[:2]
    place.mkdir(parents=True)
    (place / digest).write_bytes(content)
    first.command("backup", str(room / "site.tar"))
    return room / "site.tar"


def test_a_restored_site_is_the_same_site(room: Path, archive: Path):
    second = Site(folder_of(room, "second"))
    assert "Restored" in second.command("restore", str(archive)).stdout
    listed = second.command("user", "list").stdout
    assert "wangfang" in listed
    assert "市城管委" in listed
    assert "The trail holds" in second.command("trail", "verify").stdout
    assert [path.read_bytes() for path in (second.data / "files").rglob("*") if path.is_file()] == [b"evidence"]
    key = "secrets/django_secret_key"
    assert (second.data / key).read_text() == (room / "first" / "data" / key).read_text()
    assert (second.data / key).stat().st_mode & 0o077 == 0
    assert second.command("check", check=False).returncode == 0
    again = second.command("restore", str(archive), check=False)
    assert again.returncode == 1
    assert "not empty" in again.stderr


def test_only_its_owner_can_read_a_backup(archive: Path):
    assert archive.stat().st_mode & 0o777 == 0o600


def test_the_embedded_servers_password_is_not_in_it(archive: Path):
    with tarfile.open(archive) as whole:
        assert "secrets/postgres_password" not in whole.getnames()
        assert whole.getnames()[-1] == "manifest.json"


def rewritten(archive: Path, target: Path, change: dict[str, bytes], leave_out: str = "") -> Path:
    """A copy with other content in some members, with new ones, or without one."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old:
            if member.name == leave_out:
                continue
            file = old.extractfile(member)
            assert file is not None
            content = change.get(member.name, file.read())
            fresh = tarfile.TarInfo(member.name)
            fresh.size = len(content)
            new.addfile(fresh, io.BytesIO(content))
        for name in change.keys() - set(old.getnames()):
            fresh = tarfile.TarInfo(name)
            fresh.size = len(change[name])
            new.addfile(fresh, io.BytesIO(change[name]))
    return target


@pytest.mark.parametrize(
    ("change", "leave_out"),
    [
        ({"secrets/django_secret_key": b"another"}, ""),
        ({"files/aa/added": b"x"}, ""),
        ({"../outside": b"x"}, ""),
        ({"files/../../outside": b"x"}, ""),
        ({"/etc/outside": b"x"}, ""),
        ({}, "database.dump"),
        ({}, "manifest.json"),
        ({"manifest.json": b"{}"}, ""),
        ({"manifest.json": b"no json"}, ""),
    ],
)
def test_an_archive_that_was_changed_is_refused(
    archive: Path, tmp_path: Path, change: dict[str, bytes], leave_out: str
):
    with pytest.raises(backup.Broken):
        backup.inspect(rewritten(archive, tmp_path / "changed.tar", change, leave_out))


def test_a_link_in_an_archive_is_refused(archive: Path, tmp_path: Path):
    target = rewritten(archive, tmp_path / "link.tar", {})
    with tarfile.open(target, "a") as more:
        link = tarfile.TarInfo("files/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        more.addfile(link)
    with pytest.raises(backup.Broken):
        backup.inspect(target)


def test_half_an_archive_is_refused(archive: Path, tmp_path: Path):
    content = archive.read_bytes()
    for share in (0.1, 0.5, 0.9):
        (tmp_path / "half.tar").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(backup.Broken):
            backup.inspect(tmp_path / "half.tar")


def test_a_newer_format_is_named(archive: Path, tmp_path: Path):
    with tarfile.open(archive) as whole:
        told = json.load(whole.extractfile("manifest.json"))  # type: ignore[arg-type]
    told["format"] = 99
    with pytest.raises(backup.Newer):
        backup.inspect(rewritten(archive, tmp_path / "new.tar", {"manifest.json": json.dumps(told).encode()}))


def test_a_broken_archive_on_the_command_line_is_status_2(room: Path, tmp_path: Path):
    (tmp_path / "noise.tar").write_bytes(b"noise" * 1000)
    done = Site(folder_of(room, "third")).command("restore", str(tmp_path / "noise.tar"), check=False)
    assert done.returncode == 2
    assert "not a whole backup" in done.stderr
