"""Words in a picture are read offline, and the item is then found by them."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw, ImageFont

from chengheng.common import files
from chengheng.opinion import ocr, pictures, queries, reader
from tests.builders import holder
from tests.opinion.test_life import bring, said, source

WORDS = "紧急扩散 和平路地铁口昨晚塌陷"


@pytest.fixture
def picture() -> bytes:
    if not ocr.available():
        pytest.skip("RapidOCR is not installed")
    if pictures.chinese_font() is None:
        pytest.skip("no Chinese font is installed")
    drawn = Image.new("RGB", (900, 160), "white")
    ImageDraw.Draw(drawn).text((30, 50), WORDS, fill="black", font=ImageFont.truetype(pictures.chinese_font(), 44))
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.django_db
def test_words_in_a_picture_make_the_item_findable(picture):
    reader.forget()
    (item,) = bring(source(), said("看图"))
    chief = holder("opinion.chief")
    assert queries.search(chief, "地铁口") == []
    kept = files.attach(files.store(picture, "story.png"), item, "picture", chief)
    read = ocr.read_attachment(kept.pk)
    assert read.replace(" ", "").replace("\n", "") == WORDS.replace(" ", "")
    assert [one.pk for one in queries.search(chief, "地铁口 塌陷")] == [item.pk]
    before = queries.search(chief, "地铁口")[0].body
    ocr.read_attachment(kept.pk)
    assert queries.search(chief, "地铁口")[0].body == before
    reader.forget()
