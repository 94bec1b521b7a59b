"""How an indicator's measure is suggested: by the year before, else by words and unit. A person confirms it."""

from __future__ import annotations

import re

_YEARS = re.compile(r"20\d\d\s*年?(?:度)?")


def likeness(name: str) -> str:
    """A programme's name without its year and marks, to find the same programme in another year."""
    return re.sub(r"[\s“”\"'‘’()（）]", "", _YEARS.sub("", name))


def without_year(text: str, year: int, following: int) -> str:
    """The text with the one year changed into the other ("2024年度" → "2025年度")."""
    return re.sub(rf"(?<!\d){year}(?=\s*年)", str(following), text)


_TIME = {"秒": 1, "分钟": 60, "小时": 3600, "天": 86400, "日": 86400}
_MONEY = {"元": 1, "千元": 1000, "万元": 10_000, "亿元": 100_000_000}


def factor(of_measure: str, of_indicator: str) -> tuple[int, int] | None:
    """(multiply, divide) that turns a measure's unit into the indicator's; (1, 1) where they count the same things."""
    for family in (_TIME, _MONEY):
        if of_measure in family and of_indicator in family:
            return family[of_measure], family[of_indicator]
    return (1, 1) if (of_measure in _TIME) == (of_indicator in _TIME) else None
