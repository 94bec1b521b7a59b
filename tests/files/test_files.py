"""Storing, attaching, serving and letting go; what happens when the process is killed midway."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from PIL import Image

from chengheng.common import files, trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.files import attaching, keeping, pictures
from chengheng.common.files.errors import DamagedImage, EmptyFile, Gone, ImageTooLarge, TooLarge, TypeNotAllowed
from chengheng.common.files.models import Attachment, File
from chengheng.common.people import access
from tests import builders


@pytest.fixture(autouse=True)
def store_of_its_own(settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"


def photo(width: int = 800, height: int = 600, shade: int = 0, **exif) -> bytes:
    """A JPEG with some structure; `exif` may give at, lat, lon, orientation."""
    image = Image.new("RGB", (width, height))
    image.putdata(
        [
            ((x * 255 // width + shade) % 256, y * 255 // height, (x * y) % 256)
            for y in range(height)
            for x in range(width)
        ]
    )
    data = Image.Exif()
    data[0x010F], data[0x0110] = "Maker", "Phone 9"
    if "orientation" in exif:
        data[0x0112] = exif["orientation"]
    if "at" in exif:
        data.get_ifd(0x8769)[0x9003] = exif["at"]
        data.get_ifd(0x8769)[0x9011] = "+08:00"
    if "lat" in exif:
        gps = data.get_ifd(0x8825)
        for tag, angle in ((2, exif["lat"]), (4, exif["lon"])):
            gps[tag - 1] = "N" if tag == 2 else "E"
            gps[tag] = (int(angle), int(angle % 1 * 60), round((angle * 60) % 1 * 60, 4))
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=85, exif=data)
    return packed.getvalue()


@pytest.fixture
def unit(db):
    return builders.organisation()


def stored_paths() -> list[Path]:
    return [path for path in Path(django_settings.FILE_STORE).rglob("*") if path.is_file()]


def test_a_photo_is_kept_with_its_size_time_place_and_thumbnail(db):
    content = photo(at="2026:05:01 08:30:00", lat=39.117282, lon=117.189586)
    file = files.store(content, "a.jpg")
    assert file.path.read_bytes() == content
    assert (file.width, file.height, file.media_type, file.size) == (800, 600, "image/jpeg", len(content))
    assert file.taken_at.isoformat() == "2026-05-01T00:30:00+00:00"
    assert (file.lon, file.lat) == (pytest.approx(117.189586, abs=1e-6), pytest.approx(39.117282, abs=1e-6))
    assert file.device == "Maker Phone 9"
    with Image.open(io.BytesIO(keeping.thumbnail(file))) as small:
        assert max(small.size) == 640
        assert not small.getexif()


def test_a_photo_held_sideways_is_measured_upright(db):
    file = files.store(photo(800, 600, orientation=6), "a.jpg")
    assert (file.width, file.height) == (600, 800)
    with Image.open(io.BytesIO(keeping.thumbnail(file))) as small:
        assert small.size == (480, 640)


def test_the_same_content_is_kept_once(db):
    one, other = files.store(photo(), "a.jpg"), files.store(io.BytesIO(photo()), "b.jpg")
    assert one.pk == other.pk
    assert len(stored_paths()) == 1


def test_a_thumbnail_is_made_when_first_asked_for_and_again_when_a_power_cut_took_it(db):
    file = files.store(photo(), "a.jpg")
    assert not file.thumbnail_path.exists()
    first = keeping.thumbnail(file)
    assert file.thumbnail_path.read_bytes() == first
    for cut in (b"", first[: len(first) // 2]):
        file.thumbnail_path.write_bytes(cut)
        assert keeping.thumbnail(file) == first
        assert file.thumbnail_path.read_bytes() == first
    file.path.unlink()
    file.thumbnail_path.unlink()
    assert keeping.thumbnail(file) is None


def test_several_are_kept_in_their_order_and_all_or_none(db, monkeypatch):
    one, two, third = photo(), photo(640, 480), photo(320, 240)
    synced = []
    monkeypatch.setattr(keeping.os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    kept = files.store_many([(one, "a.jpg"), (two, "b.jpg"), (one, "c.jpg")])
    assert [file.width for file in kept] == [800, 640, 800]
    assert kept[0].pk == kept[2].pk
    assert len(synced) == len(set(synced))
    assert {str(file.path.parent) for file in kept} < set(synced)
    with pytest.raises(TypeNotAllowed):
        files.store_many([(third, "d.jpg"), (b"\x7fELF\x00\x01" * 99, "e.jpg")])
    assert File.objects.count() == 2
    assert len(stored_paths()) == 2


def test_nearly_the_same_picture_has_nearly_the_same_hash(db):
    def scene(seed: int, size: tuple[int, int] = (800, 600), quality: int = 90) -> bytes:
        """Light and shade in large areas, as photos have."""
        chance = random.Random(seed)
        image = Image.new("L", (12, 9))
        image.putdata([chance.randrange(256) for _ in range(108)])
        packed = io.BytesIO()
        image.resize(size, Image.Resampling.BICUBIC).save(packed, "JPEG", quality=quality)
        return packed.getvalue()

    one, alike, different = (
        files.store(content, "a.jpg") for content in (scene(1), scene(1, (500, 375), 60), scene(2))
    )

    def distance(a, b):
        return ((a.phash ^ b.phash) & (1 << 64) - 1).bit_count()

    assert distance(one, alike) <= 4 < distance(one, different)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", EmptyFile),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", TypeNotAllowed),
        (b"<html><script>alert(1)</script>", TypeNotAllowed),
        (b"MZ" + b"\x00" * 1000, TypeNotAllowed),
        (b"\xff\xd8\xff\xe0 this is no picture", DamagedImage),
        (photo()[:-2000], DamagedImage),
    ],
    ids=["empty", "svg", "html", "program", "no picture", "cut off"],
)
def test_what_is_not_accepted_leaves_nothing_behind(db, content, refusal):
    with pytest.raises(refusal):
        files.store(content, "photo.jpg", "image/jpeg")
    assert not stored_paths()
    assert not File.objects.exists()


def test_a_picture_bomb_is_refused_before_it_is_decoded(db):
    packed = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(packed, "PNG")
    assert len(packed.getvalue()) < 200_000
    started = time.monotonic()
    with pytest.raises(ImageTooLarge):
        files.store(packed.getvalue(), "bomb.png")
    assert time.monotonic() - started < 0.5


def test_too_many_bytes_are_refused_while_they_come_in(db, monkeypatch):
    monkeypatch.setitem(keeping.MAX_MB, "image", 1)
    read = []

    class Endless(io.RawIOBase):
        def read(self, size=-1):
            read.append(size)
            return b"\xff\xd8\xff" + b"\0" * 500_000

    with pytest.raises(TooLarge):
        files.store(Endless(), "a.jpg")
    assert len(read) < 5


def test_pictures_of_other_kinds_get_thumbnails_too(db):
    for kind, mode in (("PNG", "RGBA"), ("PNG", "I;16"), ("GIF", "P"), ("WEBP", "RGB"), ("JPEG", "CMYK")):
        packed = io.BytesIO()
        Image.new(mode, (300, 200)).save(packed, kind)
        assert files.store(packed.getvalue(), "x").has_thumbnail, (kind, mode)


def test_an_attachment_is_written_into_the_trail_of_its_subject(unit):
    person = builders.user()
    attachment = files.attach(files.store(photo(), "a.jpg"), unit, "before", person, "现场.jpg")
    assert [one.name for one in files.of(unit, "before")] == ["现场.jpg"]
    assert not files.of(unit, "after")
    entry = trail.history(unit).last()
    assert (entry.act, entry.data["sha256"]) == ("files.attachment.add", attachment.file.sha256)
    files.withdraw(attachment, person, "wrong photo")
    assert not files.of(unit)
    assert trail.history(unit).last().note == "wrong photo"
    with pytest.raises(Gone):
        files.withdraw(attachment, person, "again")


def test_lists_ask_once_for_all_rows(unit, django_assert_num_queries):
    other = builders.organisation()
    file = files.store(photo(), "a.jpg")
    for subject in (unit, unit, other):
        files.attach(file, subject, "before", access.SYSTEM)
    with django_assert_num_queries(1):
        found = files.of_many([unit, other])
        assert [len(found[unit.pk]), len(found[other.pk])] == [2, 1]
        assert found[unit.pk][0].file.media_type == "image/jpeg"


# serving


@pytest.fixture
def watcher(unit):
    """May see organisations of their own subtree only."""
    return builders.holder("system_administrator", unit)


@pytest.fixture
def attached(unit):
    return files.attach(files.store(photo(), "a.jpg"), unit, "before", access.SYSTEM, "现场.jpg")


@pytest.fixture
def viewer(unit, monkeypatch):
    """A person with a role that sees organisations of their own subtree."""
    from chengheng.common.people import roles

    role = roles.Role("test.viewer", "viewer", {"people.organisation.view": roles.Reach.ORGANISATION})
    monkeypatch.setitem(roles._roles, role.code, role)
    return lambda at: builders.holder("test.viewer", at)


def test_who_may_see_the_subject_may_see_its_photo_and_nobody_else(client, attached, unit, viewer):
    url = attached.get_absolute_url()
    assert client.get(url).status_code == 302
    client.force_login(viewer(unit))
    response = client.get(url)
    assert b"".join(response) == attached.file.path.read_bytes()
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "inline" in response["Content-Disposition"]
    assert "%E7%8E%B0%E5%9C%BA.jpg" in response["Content-Disposition"]
    assert client.get(attached.thumbnail_url)["Content-Type"] == "image/webp"
    client.force_login(viewer(builders.organisation()))
    assert client.get(url).status_code == 404
    assert client.get(attached.thumbnail_url).status_code == 404


def test_text_is_only_offered_for_saving(client, unit, viewer):
    attachment = files.attach(files.store(b"a,b\n1,2\n<script>", "x.csv"), unit, "list", access.SYSTEM, "x.csv")
    client.force_login(viewer(unit))
    response = client.get(attachment.get_absolute_url())
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"].startswith("text/plain")


def test_a_video_can_be_wound(client, unit, viewer):
    content = b"\x00\x00\x00\x18ftypisom" + os.urandom(700_000)
    attachment = files.attach(files.store(content, "a.mp4"), unit, "video", access.SYSTEM)
    client.force_login(viewer(unit))
    url = attachment.get_absolute_url()
    part = client.get(url, headers={"Range": "bytes=300000-699999"})
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 300000-699999/{len(content)}")
    assert b"".join(part) == content[300_000:700_000]
    assert client.get(url, headers={"Range": "bytes=9999999-"}).status_code == 416
    tag = part["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    head = client.head(url)
    assert (head["Content-Length"], head.content) == (str(len(content)), b"")


def test_a_machine_link_opens_without_a_session_until_its_time_is_over(client, attached):
    link = files.machine_link(attached, 60)
    assert client.get(link).status_code == 200
    assert client.get(link[:-2] + "xx").status_code == 410
    old = files.machine_link(attached, -1)
    assert client.get(old).status_code == 410


def test_what_was_withdrawn_is_gone(client, attached, unit, viewer):
    client.force_login(viewer(unit))
    link = files.machine_link(attached)
    files.withdraw(attached, access.SYSTEM, "wrong")
    assert client.get(attached.get_absolute_url()).status_code == 410
    assert client.get(link).status_code == 410


def test_uploading_onto_a_subject_needs_the_act_that_its_model_names(client, unit, viewer, monkeypatch):
    client.force_login(viewer(unit))
    url = f"/files/on/people.organisation/{unit.pk}/"

    def send():
        return client.post(url, {"kind": "before", "file": SimpleUploadedFile("现场.jpg", photo())})

    assert send().status_code == 403
    monkeypatch.setattr(type(unit), "attach_act", "people.organisation.view", raising=False)
    assert send().status_code == 201
    assert files.of(unit).get().name == "现场.jpg"
    assert client.post(url, {"kind": "before"}).status_code == 422
    assert client.post(url.replace(str(unit.pk), "x"), {"kind": "before"}).status_code == 404
    assert client.post("/files/on/nothing/1/", {"kind": "before"}).status_code == 404


# letting go


def test_without_a_rule_everything_is_kept(attached):
    Attachment.objects.update(at=timezone.now() - timedelta(days=20_000))
    assert attaching.let_go() == 0


def test_what_is_kept_long_enough_goes_with_its_content_when_nobody_else_needs_it(
    unit, attached, django_capture_on_commit_callbacks
):
    keeper = builders.holder("files.keeper")
    today = timezone.localdate()
    attaching.set_retention(keeper, "before", 365, today - timedelta(days=900), "an old rule")
    attaching.set_retention(keeper, "before", 730, today, "document 12")
    attaching.set_retention(keeper, "before", 10, today + timedelta(days=5), "not yet")
    Attachment.objects.filter(pk=attached.pk).update(at=timezone.now() - timedelta(days=500))
    assert attaching.let_go() == 0
    second = files.attach(attached.file, unit, "after", access.SYSTEM)
    Attachment.objects.filter(pk=attached.pk).update(at=timezone.now() - timedelta(days=731))
    with django_capture_on_commit_callbacks(execute=True):
        assert attaching.let_go() == 1
    assert attached.file.path.exists()
    assert "document 12" in trail.history(unit).last().note
    attaching.set_retention(keeper, "after", 1, today, "short", subject_type="people.organisation")
    attaching.set_retention(keeper, "after", 9000, today, "long")
    Attachment.objects.filter(pk=second.pk).update(at=timezone.now() - timedelta(days=2))
    with django_capture_on_commit_callbacks(execute=True):
        assert attaching.let_go() == 1
    assert not stored_paths()
    again = files.store(photo(), "a.jpg")
    assert again.pk == attached.file_id
    assert again.removed_at is None
    assert again.path.exists()


def test_only_the_keeper_of_records_sets_rules(db, client):
    with pytest.raises(NotPermitted):
        attaching.set_retention(builders.user(), "before", 1, timezone.localdate(), "?")
    client.force_login(builders.holder("files.keeper"))
    assert (
        client.post(
            "/files/retention/", {"kind": "before", "days": 30, "starts_on": "2026-01-01", "source": "S"}
        ).status_code
        == 302
    )
    assert b"before" in client.get("/files/retention/").content
    client.force_login(builders.user())
    assert client.get("/files/retention/").status_code == 403


# being killed


def test_the_sweep_removes_old_left_overs_only(db):
    file = files.store(photo(), "a.jpg")
    left = keeping.incoming()
    left.write_bytes(b"half")
    orphan = File(sha256="ab" * 32)
    orphan.path.parent.mkdir(parents=True)
    orphan.path.write_bytes(b"whole, but its transaction was lost")
    assert keeping.sweep() == 0
    assert keeping.sweep(time.time() + 25 * 3600) == 2
    assert file.path.exists()
    assert not left.exists()
    assert not orphan.path.exists()


@pytest.mark.django_db(transaction=True)
def test_a_sweep_cannot_take_what_is_just_being_stored_again():
    """The transaction of a new upload is open: the sweep waits for it, looks again, and leaves the content."""
    file = files.store(photo(), "a.jpg")
    File.objects.all().delete()
    os.utime(file.path, (1, 1))
    swept = []

    def sweep():
        swept.append(keeping.sweep())
        connection.close()

    with transaction.atomic():
        files.store(photo(), "a.jpg")
        os.utime(file.path, (1, 1))
        thread = threading.Thread(target=sweep)
        thread.start()
        time.sleep(0.3)
        assert not swept
    thread.join()
    assert swept == [0]
    assert file.path.exists()


UPLOADER = """
    import os, sys, time
    os.environ["DJANGO_SETTINGS_MODULE"] = "chengheng.project.settings"
    import django
    django.setup()
    from django.conf import settings
    from pathlib import Path
    from django.db import connection, transaction
    settings.FILE_STORE = Path(sys.argv[1])
    connection.settings_dict["NAME"] = sys.argv[2]
    from chengheng.common import files

    class Slow:
        sent = 0
        def read(self, size):
            if sys.argv[3] == "midway" and self.sent == 3:
                print("here", flush=True)
                time.sleep(60)
            self.sent += 1
            return (b"\\x00\\x00\\x00\\x18ftypisom" if self.sent == 1 else b"x") * 1000 if self.sent < 6 else b""

    with transaction.atomic():
        files.store(Slow(), "a.mp4")
        print("here", flush=True)
        time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["midway", "before commit"])
def test_a_killed_upload_leaves_nothing_that_anybody_can_reach(moment, tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(UPLOADER), str(django_settings.FILE_STORE),
         connection.settings_dict["NAME"], moment],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "here\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not File.objects.exists()
    contents = list(Path(django_settings.FILE_STORE).glob("content/*/*/*"))
    assert len(contents) == (0 if moment == "midway" else 1)
    assert len(stored_paths()) == 1
    assert keeping.sweep(time.time() + 25 * 3600) == 1
    assert not stored_paths()


def test_a_machine_cannot_see_what_no_model_opens(db):
    with pytest.raises(NotFound):
        attaching.fetch(access.SYSTEM, 12345)


def test_phash_fits_a_bigint():
    assert pictures.signed("ffffffffffffffff") == -1
    assert pictures.signed("7fffffffffffffff") == 2**63 - 1
