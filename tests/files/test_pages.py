"""Documents page by page: drawn in a process of its own, once, for those who may see the document."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from chengheng.common import files
from chengheng.common.errors import NotFound
from chengheng.common.files import keeping, pages, reader
from chengheng.common.files.errors import NoPages


@pytest.fixture(autouse=True)
def store_of_its_own(settings, tmp_path):
    settings.FILE_STORE = tmp_path / "files"


def pdf(*shades: str) -> bytes:
    """A PDF with a page in each of these colours, upright A4 in small."""
    sheets = [Image.new("RGB", (210, 297), shade) for shade in shades]
    packed = io.BytesIO()
    sheets[0].save(packed, "PDF", save_all=True, append_images=sheets[1:])
    return packed.getvalue()


def shade(content: bytes) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(content)) as picture:
        assert max(picture.size) <= reader.SIDE + 1
        return picture.convert("RGB").getpixel((picture.width // 2, picture.height // 2))


def test_each_page_of_a_pdf_is_a_picture_of_its_own(db, monkeypatch):
    kept = files.store(pdf("red", "lime", "blue"), "plan.pdf")
    assert pages.count(kept) == 3
    red, green, blue = shade(pages.picture(kept, 2))
    assert green > 240 and red < 20 and blue < 20  # noqa: PT018 - one colour
    for number in (0, 4):
        with pytest.raises(NotFound):
            pages.picture(kept, number)
    # what is drawn is kept
    monkeypatch.setattr(pages, "_read", lambda *_: pytest.fail("drawn again"))
    assert pages.picture(kept, 2)
    pages.forget(kept.sha256)
    assert not list(pages._folder(kept.sha256).iterdir())


def test_many_ask_for_a_page_and_one_draws_it(db, monkeypatch):
    kept = files.store(pdf("red", "lime"), "plan.pdf")
    assert pages.count(kept) == 2
    drawn = []
    read = pages._read
    monkeypatch.setattr(pages, "_read", lambda *given: drawn.append(given) or read(*given))
    with ThreadPoolExecutor(8) as many:
        found = set(many.map(lambda _one: pages.picture(kept, 1), range(16)))
    assert (len(found), len(drawn)) == (1, 1)


@pytest.mark.parametrize("content", [
    b"%PDF-1.7\n" + b"\0" * 4000, b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R]/Count 999999>>"
    b"endobj\ntrailer<</Root 1 0 R>>\n%%EOF", pdf("red")[:300],
])  # fmt: skip
def test_a_damaged_or_hostile_pdf_is_refused_and_nothing_else_happens(db, content):
    kept = files.store(content, "bad.pdf")
    with pytest.raises((NoPages, NotFound)):
        pages.picture(kept, 1)


def test_a_picture_is_one_page_and_other_files_have_none(db):
    packed = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(packed, "PNG")
    kept = files.store(packed.getvalue(), "x.png")
    assert pages.count(kept) == 1
    with pytest.raises(NotFound):  # its own content is shown
        pages.picture(kept, 1)
    with pytest.raises(NoPages):
        pages.count(files.store(b"words\n", "x.txt"))


def test_what_was_drawn_goes_with_the_content(transactional_db):
    kept = files.store(pdf("red"), "plan.pdf")
    pages.picture(kept, 1)
    from django.db import transaction

    with transaction.atomic():
        keeping.remove_content(kept)
    assert not list(pages._folder(kept.sha256).iterdir())


def test_what_a_power_cut_left_short_is_drawn_again(db):
    kept = files.store(pdf("red", "lime"), "plan.pdf")
    drawn, folder = pages.picture(kept, 2), pages._folder(kept.sha256)
    for name, short in (("2.webp", drawn[:-1]), ("2.webp", b""), ("count", b""), ("count", b"1")):
        (folder / f"{kept.sha256}-{name}").write_bytes(short)
        assert pages.picture(kept, 2) == drawn
        assert pages.count(kept) == 2


def test_nothing_stays_behind_of_a_document_whose_retention_ends_while_it_is_drawn(db, monkeypatch):
    kept = files.store(pdf("red"), "plan.pdf")
    pages.count(kept)
    read = pages._read

    def ends_meanwhile(*given):
        made = read(*given)
        kept.path.unlink()
        pages.forget(kept.sha256)
        return made

    monkeypatch.setattr(pages, "_read", ends_meanwhile)
    assert shade(pages.picture(kept, 1))  # who asked in time sees it
    assert not list(pages._folder(kept.sha256).iterdir())
    monkeypatch.setattr(pages, "_read", read)
    with pytest.raises(NoPages):
        pages.picture(kept, 1)
    assert not list(pages._folder(kept.sha256).iterdir())
