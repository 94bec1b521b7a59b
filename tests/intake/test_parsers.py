"""Cells as people write them: every parser reads all the ways, and refuses in words."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest
from django.db import models
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common import intake
from chengheng.common.intake import Unreadable, parsers
from tests import builders

WIDE = str.maketrans("0123456789.,-+", "０１２３４５６７８９．，－＋")


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("12", "12"),
        ("１２．５", "12.5"),
        ("1,234,567.80", "1234567.80"),
        ("１，２３４", "1234"),
        ("－3", "-3"),
        ("−3", "-3"),
        (" 7 ", "7"),
        (".5", "0.5"),
        ("1e3", "1000"),
        (0.1 + 0.2, "0.3"),
        (5.0, "5"),
        (7, "7"),
    ],
)
def test_numbers_are_read_as_people_write_them(written, expected):
    assert intake.decimal().parse(written) == Decimal(expected)


@pytest.mark.parametrize(
    "written",
    [
        "abc",
        "1,23",
        "12,34,567",
        "1.2.3",
        "--1",
        "NaN",
        "inf",
        "1_000",
        "1 2",
        True,
        math.nan,
        math.inf,
        dt.date(2024, 1, 1),
    ],
)
def test_what_is_no_number_is_refused(written):
    with pytest.raises(Unreadable, match="not a number"):
        intake.decimal().parse(written)


@given(st.decimals(-(10**12), 10**12, places=2, allow_nan=False))
def test_any_number_comes_back_however_it_is_written(number):
    plain = f"{number:f}"
    for written in (plain, f"{number:,f}", plain.translate(WIDE), f"{number:,f}".translate(WIDE), f" {plain}\u3000"):
        assert intake.decimal().parse(written) == number


def test_ranges_and_places_are_kept():
    with pytest.raises(Unreadable, match="less than -180"):
        intake.decimal(-180, 180).parse("-180.1")
    with pytest.raises(Unreadable, match="more than 180"):
        intake.decimal(-180, 180).parse(200)
    with pytest.raises(Unreadable, match="more than 2 digits"):
        intake.decimal(places=2).parse("1.234")
    assert intake.decimal(places=2).parse("1.500") == Decimal("1.5")
    with pytest.raises(Unreadable, match="whole number"):
        intake.integer().parse(1.5)
    assert intake.integer(0).parse("５.0") == 5
    with pytest.raises(Unreadable):
        intake.integer().parse("99999999999999999999")


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-01", "2024/5/1", "2024.5.1", "2024年5月1日", "２０２４年５月１日", "2024年05月01号", "20240501", 20240501,
        "二〇二四年五月一日", "二○二四年五月一日", 45413, 45413.0, "45413", dt.date(2024, 5, 1), dt.datetime(2024, 5, 1),
        "2024-05-01 00:00:00", "2024 年 5 月 1 日",
    ],
)  # fmt: skip
def test_a_day_is_read_in_every_way_it_is_written(written):
    assert intake.date().parse(written) == dt.date(2024, 5, 1)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2024-02-30", "calendar"),
        ("24-5-1", "not a date"),
        ("5/1/2024", "not a date"),
        ("2024-05-01 10:30", "time of day"),
        (12, "not a date"),
        (1e300, "not a date"),
        (True, "not a date"),
        ("yesterday", "not a date"),
        ("202405011", "not a date"),
        ("1899-01-01", "before"),
    ],
)
def test_what_is_no_day_is_refused(written, why):
    with pytest.raises(Unreadable, match=why):
        intake.date().parse(written)


@given(st.dates(dt.date(1950, 1, 1), dt.date(2149, 12, 30)))
def test_any_day_comes_back_however_it_is_written(day):
    serial = (day - dt.date(1899, 12, 30)).days
    han = str.maketrans("0123456789", "〇一二三四五六七八九")

    def tens(number: int) -> str:
        ten, one = divmod(number, 10)
        return ("" if ten == 0 else ("" if ten == 1 else str(ten).translate(han)) + "十") + (
            str(one).translate(han) if one else ""
        )

    for written in (
        day.isoformat(), f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日", f"{day:%Y%m%d}", serial,
        f"{str(day.year).translate(han)}年{tens(day.month)}月{tens(day.day)}日",
    ):  # fmt: skip
        assert intake.date().parse(written) == day


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-01 09:30", "2024-05-01T01:30:00+00:00"),
        ("2024年5月1日 9时30分", "2024-05-01T01:30:00+00:00"),
        ("2024年5月1日下午3点", "2024-05-01T07:00:00+00:00"),
        ("2024年5月1日 上午12:05", "2024-04-30T16:05:00+00:00"),
        ("2024/5/1 9:30:15", "2024-05-01T01:30:15+00:00"),
        ("2024-05-01T09:30:00Z", "2024-05-01T09:30:00+00:00"),
        ("2024-05-01T09:30:00.250+08:00", "2024-05-01T01:30:00.250000+00:00"),
        ("2024-05-01", "2024-04-30T16:00:00+00:00"),
        (45413.5, "2024-05-01T04:00:00+00:00"),
        (dt.datetime(2024, 5, 1, 9, 30), "2024-05-01T01:30:00+00:00"),
    ],
)
def test_moments_are_local_unless_they_say_otherwise(written, expected):
    assert intake.datetime().parse(written).isoformat() == expected


@given(st.datetimes(dt.datetime(1992, 1, 1), dt.datetime(2149, 1, 1)).map(lambda moment: moment.replace(microsecond=0)))
def test_any_moment_comes_back(moment):
    read = intake.datetime().parse
    expected = read(moment)
    for written in (
        moment.isoformat(" "),
        f"{moment:%Y年%m月%d日 %H时%M分%S秒}",
        f"{moment:%Y/%m/%d %H:%M:%S}".translate(WIDE),
    ):
        assert read(written) == expected
    serial = (moment - dt.datetime(1899, 12, 30)).total_seconds() / 86_400
    assert abs((read(serial) - expected).total_seconds()) <= 1


@pytest.mark.parametrize(
    "written", ["2024-05-01 25:00", "2024-05-01 10:61", "2024-05-01 noon", "2024-05-01 10:00+99:00"]
)
def test_impossible_times_are_refused(written):
    with pytest.raises(Unreadable, match="time of day"):
        intake.datetime().parse(written)


class Colour(models.TextChoices):
    RED = "red", "红"
    GREEN = "green", "绿"


def test_a_choice_is_known_by_value_label_and_alias():
    parse = intake.choice(Colour, aliases={"朱": "red"}).parse
    assert [parse(word) for word in ("red", "RED", " 红 ", "朱", "绿")] == ["red", "red", "red", "red", "green"]
    with pytest.raises(Unreadable, match="红、绿"):
        parse("blue")


def test_a_choice_is_known_by_its_label_in_every_language():
    from chengheng.common.people.models import OrganisationKind

    with translation.override("zh-hans"):
        labels = [str(label) for label in OrganisationKind.labels]
    with translation.override("en"):
        labels += [str(label) for label in OrganisationKind.labels]
        parse = intake.choice(OrganisationKind).parse
        for label in labels:
            assert parse(label) in OrganisationKind.values


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("是", True),
        ("√", True),
        ("Ｙ", True),
        (1.0, True),
        (True, True),
        ("否", False),
        ("×", False),
        (0, False),
        ("no", False),
        (False, False),
    ],
)
def test_yes_and_no_in_the_ways_people_mark_them(written, expected):
    assert intake.boolean().parse(written) is expected


def test_perhaps_is_refused():
    with pytest.raises(Unreadable):
        intake.boolean().parse("也许")


@pytest.mark.parametrize(
    ("written", "unit", "fen"),
    [
        ("1200.5", "yuan", 120_050),
        ("￥1,200.50", "yuan", 120_050),
        ("152.3万元", "yuan", 152_300_000),
        ("805.90", "wan", 805_900_000),
        ("805.90元", "wan", 80_590),
        ("１．２亿元", "yuan", 12_000_000_000),
        (0.07, "yuan", 7),
        (1.1, "yuan", 110),
        ("12", "fen", 12),
        ("0.5元", "yuan", 50),
    ],
)
def test_money_becomes_whole_fen(written, unit, fen):
    assert intake.money_fen(unit=unit).parse(written) == fen


def test_money_with_fractions_of_a_fen_or_below_nothing_is_refused():
    with pytest.raises(Unreadable, match="fractions"):
        intake.money_fen().parse("0.005")
    with pytest.raises(Unreadable, match="less"):
        intake.money_fen().parse("-1")
    assert intake.money_fen(low=None).parse("-1") == -100


@given(st.integers(0, 10**13))
def test_any_amount_of_fen_comes_back(fen):
    yuan = Decimal(fen) / 100
    assert intake.money_fen().parse(f"{yuan:,.2f}元") == fen
    assert intake.money_fen().parse(f"{Decimal(fen) / 1_000_000:.6f}万元") == fen
    if fen < 10**12:
        assert intake.money_fen().parse(float(yuan)) == fen


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("13800138000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        (13800138000.0, "13800138000"),
        ("022-23456789", "022-23456789"),
        ("（022）23456789", "022-23456789"),
        ("02223456789", "022-23456789"),
        ("022-23456789转801", "022-23456789-801"),
        ("022-23456789-801", "022-23456789-801"),
        ("0312-1234567", "0312-1234567"),
        ("23456789", "23456789"),
        ("12319", "12319"),
        ("110", "110"),
        ("400-800-1234", "4008001234"),
    ],
)
def test_telephone_numbers_become_one_form(written, expected):
    assert intake.phone().parse(written) == expected


@pytest.mark.parametrize("written", ["1380013800", "12345678901234", "abc", "99", "10000000000"])
def test_wrong_telephone_numbers_are_refused(written):
    with pytest.raises(Unreadable):
        intake.phone().parse(written)


def test_codes_are_narrow_upper_and_whole():
    parse = intake.code(r"[A-Z]{2}\d{4}", example="TJ0001").parse
    assert parse("ｔｊ 0001") == "TJ0001"
    with pytest.raises(Unreadable, match="TJ0001"):
        parse("TJ00012")
    with pytest.raises(Unreadable, match="lost its last digits"):
        intake.code(r"\d+").parse(123456789012345678.0)
    assert intake.code(r"\d+").parse(120101.0) == "120101"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("117.2", 117.2),
        (117.2, 117.2),
        ("117°12′", 117.2),
        ("117°12'00.0\"E", 117.2),
        ("117度12分", 117.2),
        ("１１７．２", 117.2),
    ],
)
def test_coordinates_in_degrees(written, expected):
    assert intake.lon().parse(written) == pytest.approx(expected)
    assert intake.lon().column([written])[0] == [pytest.approx(expected)]


@pytest.mark.parametrize("written", ["200", "abc", "117°99′", "1_1", "nan", True])
def test_impossible_coordinates_are_refused_alone_and_in_a_column(written):
    with pytest.raises(Unreadable):
        intake.lon().parse(written)
    parsed, problems = intake.lon().column(["117.2", written, ""])
    assert parsed == [117.2, None, None]
    assert [index for index, _message in problems] == [1]


def test_text_is_trimmed_and_bounded():
    parse = intake.text(5).parse
    assert parse("  路 灯 ") == "路 灯"
    assert parse("a\nb") == "a b"
    assert parse(12.0) == "12"
    with pytest.raises(Unreadable, match="longer than 5"):
        parse("abcdef")
    with pytest.raises(Unreadable, match="cannot be shown"):
        parse("a\x00b")
    assert intake.text(20, lines=True).parse("a\r\nb") == "a\nb"


CELLS = (
    st.text(max_size=12)
    | st.integers(-(10**6), 10**9)
    | st.floats(allow_nan=True)
    | st.booleans()
    | st.none()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.sampled_from(["", " ", "2024年5月1日", "1,000", "是", "117.2", "13800138000", "12万元"])
)
PARSERS = [
    intake.text(8), intake.integer(), intake.decimal(0, 100, places=2), intake.date(), intake.datetime(), intake.choice(Colour),
    intake.boolean(), intake.money_fen(), intake.phone(), intake.code(r"\w+"), intake.lon(), intake.lat(),
]  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: type(parser).__name__)
@given(cells=st.lists(CELLS, max_size=12))
def test_a_column_reads_like_its_cells_one_by_one_and_never_falls(parser, cells):
    parsed, problems = parser.column(cells)
    assert len(parsed) == len(cells)
    wrong = dict(problems)
    for index, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            assert parsed[index] is None
            assert index not in wrong
            continue
        assert (parsed[index], wrong.get(index)) == _alone(parser, cell)


def _alone(parser, cell):
    try:
        return parser.parse(cell), None
    except Unreadable as error:
        return None, str(error)


def test_organisations_by_code_name_and_credit_code_in_one_query(db, django_assert_num_queries):
    park = builders.organisation("Park bureau", credit_code="91120000MA0000000X")
    twins = [builders.organisation("Twin") for _ in range(2)]
    gone = builders.organisation("Gone", active=False)
    parser = intake.organisation()
    with django_assert_num_queries(1):
        parsed, problems = parser.column(
            ["Park bureau", park.code, "91120000MA0000000X", "", "Twin", gone.code, "None"]
        )
    assert parsed == [park, park, park, None, None, None, None]
    assert [index for index, _message in problems] == [4, 5, 6]
    assert twins[0].code in problems[0][1]
    assert intake.organisation(kinds=("street",)).column([park.code])[1]


def test_areas_by_code_and_name(db):
    from chengheng.common.places.models import Area

    fields = {field.name for field in Area._meta.get_fields()}
    assert {"code", "name", "level"} <= fields
    parser = intake.area()
    assert parser.column(["no such area"])[1]


def test_a_plain_function_may_parse():
    def even(value):
        if int(value) % 2:
            raise ValueError("is odd")
        return int(value)

    field = intake.Field("n", "N", parse=even)
    assert field.parser.column(["2", "3"]) == ([2, None], [(1, "is odd")])
    assert isinstance(intake.Field("d", "D", parse=intake.date).parser, parsers.date)
