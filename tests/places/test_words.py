"""Place names and addresses are found by how people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.places import words


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("天津市和平区南京路１０８号", "和平区南京路108号"),
        ("南京路 一百零八号", "南京路108号"),
        ("二〇三室", "203室"),
        ("十二栋", "12栋"),
        ("三马路", "三马路"),
        ("Ａ座", "a座"),
        ("天津市", "天津市"),
        ("（滨江道）", "滨江道"),
    ],
)
def test_texts_are_compared_in_one_form(said: str, plain: str) -> None:
    assert words.plain(said, "天津市") == plain


@given(st.integers(1, 9999))
def test_every_chinese_numeral_has_its_value(value: int) -> None:
    digits, units, text, gap = "零一二三四五六七八九", ["", "十", "百", "千"], "", False
    for place, digit in enumerate(reversed(str(value))):
        if digit != "0":
            text = digits[int(digit)] + units[place] + ("零" if gap and text else "") + text
            gap = False
        else:
            gap = bool(text)
    assert words.number_of(text) == value


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_a_share_and_the_very_name_is_one(asked: str, name: str, address: str) -> None:
    assert 0 <= words.likeness(asked, name, address) <= 1
    assert words.likeness(name, name) == (1 if name else 0)


def test_better_answers_come_first() -> None:
    asked = "滨江道"
    names = ["滨江道", "滨江道步行街", "老滨江道菜市场", "滨江大道", "和平路"]
    likenesses = [words.likeness(asked, name) for name in names]
    assert likenesses == sorted(likenesses, reverse=True)
    assert likenesses[-1] == 0
