"""The small grammar of target texts: "≥6500条次", "不超过3.6万元", "22台", "95%-100%", "第一时间".

    target   = [prefix] [comparison] number [unit] [bound-after] [remark]
             | [prefix] [comparison] number [unit] dash number [unit] [bound-after] [remark]
    number   = digits [thousands] [fraction] [万|亿] | Chinese numeral | 百分之 number

Full-width signs are read as half-width. 万 and 亿 multiply (24万件 = 240000 件) unless 元 follows: 万元 and 亿元 are
units. A number that stands alone with its unit ("22台") means "=". What the grammar does not derive is qualitative;
`Target.unclear` says that it holds a figure all the same, so that a person looks at it.

Source: the spellings of the seed (facts/domain.md §0) and of the provincial forms; local rule where they differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Comparison = Literal[">=", "<=", "="]
QUANTITATIVE, QUALITATIVE = "quantitative", "qualitative"


@dataclass(frozen=True)
class Target:
    """What a target text says.

    `value` is the bound that the comparison names, `upper` the other end of a range (None otherwise): a range of times
    or money binds at its upper end ("3—5天" is "<= 5", lower end kept in `lower`), any other at its lower end
    ("95%-100%" is ">= 95"). `strict` marks > and <. `unclear`: qualitative although it holds a figure.
    """

    kind: str
    comparison: Comparison | None = None
    value: Decimal | None = None
    unit: str = ""
    lower: Decimal | None = None
    upper: Decimal | None = None
    strict: bool = False
    unclear: bool = False

    @property
    def quantitative(self) -> bool:
        return self.kind == QUANTITATIVE


UNITS = """
    条次 人次 车次 班次 场次 批次 频次 件次 户次 家次 架次 台次 辆次 点次 台套 万元 亿元 千元 元 角 分钟
    秒钟 秒 小时 个工作日 工作日 个自然日 自然日 个小时 个百分点 百分点 个月 季度 个季度 年度 年 天 日
    周 星期 次 条 件 台 起 个 套 项 家 人 名 位 户 篇 份 批 期 场 处 座 辆 艘 架 盏 根 块 片 棵 株 只 头
    本 册 张 幅 部 支 组 类 种 级 分 点 例 宗 笔 单 米 公里 千米 里 毫米 厘米 平方米 平方公里 平方千米
    立方米 公顷 亩 吨 公斤 千克 克 毫克 升 毫升 千瓦时 千瓦 度 兆 路 路次 点位 % ‰ ℃ dB 分贝 GB TB MB
    Mbps km m h min kWh kg g t ㎡ m² m2 km² 元/平方米 克/平方米 个点位 座次 人天 人月 台班 标段 栋 间 床
    桶 箱 袋 瓶 井 口 段 孔 面 门 线 号 人/次
""".split()
_ALIASES = {
    "个工作日": "工作日", "个自然日": "自然日", "个小时": "小时", "个百分点": "百分点", "个季度": "季度",
    "h": "小时", "min": "分钟", "人/次": "人次", "个点位": "点位",
}  # fmt: skip
_TIMES = {"秒", "秒钟", "分钟", "小时", "工作日", "自然日", "天", "日", "周", "星期", "个月", "季度"}
_MONEY = {"元", "千元", "万元", "亿元"}

_AT_LEAST = """
    ≥ >= => ≧ ⩾ 大于等于 大于或等于 不少于 不低于 不小于 不短于 不得少于 不得低于 不得小于 至少达到 至少 最少 最低
    达到 达 保持在 稳定在
""".split()
_AT_MOST = """
    ≤ <= =< ≦ ⩽ 小于等于 小于或等于 不超过 不得超过 不大于 不高于 不多于 不得高于 不得大于 不长于 不超 至多 最多 最高
    最长 控制在 压缩在
""".split()
_ABOVE = ["大于", "高于", "多于", "超过", "优于", ">"]
_BELOW = ["小于", "低于", "少于", "<"]
_EQUAL = ["等于", "为", "="]
_LONGEST = 80  # characters; a target with a number is short, a sentence is qualitative
_PLAIN_PREFIXES = set("全年 每年 年度 每季度 每季 每月 月度 每周 每日 每天 共 共计 总计 合计 累计".split())
_AFTER_AT_LEAST = ("及以上", "（含）以上", "(含)以上", "含以上", "以上", "起步")
_AFTER_AT_MOST = ("及以下", "(含)以下", "含以下", "以下", "(含)以内", "以内", "之内", "内", "封顶")

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xFE6A: "%", 0x2264: "≤"}
_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_PLACES = {"十": 10, "百": 100, "千": 1000}
_MULTIPLIERS = {"万": Decimal(10_000), "亿": Decimal(100_000_000)}


def _either(words: list[str] | tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_UNIT = rf"(?:{_either(UNITS)})(?:/(?:{_either(UNITS)}|月|平方))?"
_ARABIC = r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_CHINESE = r"[零〇一二两三四五六七八九十百千]+"
_NUMBER = rf"(?:{_ARABIC}|{_CHINESE})(?:[万亿](?!元))?"
_DASH = r"(?:-{1,2}|–|—{1,2}|~|～|至|到)"
_BEFORE = _either(_AT_LEAST + _AT_MOST + _ABOVE + _BELOW + _EQUAL)
_AFTER = _either(_AFTER_AT_LEAST + _AFTER_AT_MOST)
_FREE_UNIT = r"[^\d\s,.;:、，。；：<>=≥≤()（）%\-—~]{1,6}?"

_TARGET = re.compile(
    rf"(?P<prefix>[^\d<>=≥≤≧≦⩾⩽;；。]{{0,24}}?)"
    rf"(?P<before>{_BEFORE})?"
    rf"(?P<hundredth>百分之)?(?P<number>{_NUMBER})(?P<unit>{_UNIT})?"
    rf"(?:(?P<dash>{_DASH})(?P<number2>{_NUMBER})(?P<unit2>{_UNIT})?)?"
    rf"(?P<free>{_FREE_UNIT})??"
    rf"(?P<after>{_AFTER})?"
    r"(?P<remark>\([^()]*\))?[。.;；]?"
)


def plain(text: str) -> str:
    """Half-width, without any white space: what the grammar looks at."""
    return "".join(text.translate(_FULL_WIDTH).split())


def number_from(text: str) -> Decimal | None:
    """A number as written, with thousands separators, Chinese numerals and 万/亿; None when it is none."""
    text = plain(text)
    factor = Decimal(1)
    if text and text[-1] in _MULTIPLIERS:
        factor, text = _MULTIPLIERS[text[-1]], text[:-1]
    if re.fullmatch(_ARABIC, text):
        return Decimal(text.replace(",", "")) * factor
    if re.fullmatch(_CHINESE, text):
        whole = _chinese_number(text)
        return None if whole is None else whole * factor
    return None


def _chinese_number(text: str) -> Decimal | None:
    total, digit, place_before = 0, None, 10_000
    for sign in text:
        if sign in _PLACES:
            if _PLACES[sign] >= place_before:
                return None
            place_before = _PLACES[sign]
            total += (1 if digit is None else digit) * place_before
            digit = None
        elif digit not in (None, 0):
            return None
        else:
            digit = _DIGITS[sign]
    return Decimal(total + (digit or 0))


def parse(text: str, *, unit: str = "", comparison: str = "") -> Target:
    """Read a target text; `unit` and `comparison` are what columns of the form say where the text is silent.

    Never fails: what is not a number with a comparison is qualitative.
    """
    wanted = plain(text)
    match = _TARGET.fullmatch(wanted) if len(wanted) <= _LONGEST else None
    read = _quantity(match, plain(unit), plain(comparison)) if match else None
    if read is not None:
        return read
    return Target(QUALITATIVE, unclear=bool(re.search(r"\d", wanted)))


def _quantity(match: re.Match[str], column_unit: str, column_comparison: str) -> Target | None:
    parts = match.groupdict(default="")
    first, second = number_from(parts["number"]), None
    if first is None:
        return None
    factor = Decimal(1)
    unit = parts["unit2"] or parts["unit"]
    explicit = bool(parts["before"] or parts["after"])
    if parts["free"]:
        # an unknown unit is believed only behind a clear sign: "≥50羽" yes, "2024底前完成" no
        if not explicit or not re.match(_ARABIC, parts["number"]) or len(parts["free"]) > 4 or parts["after"]:
            return None
        unit += parts["free"]
    if parts["hundredth"]:
        if unit:
            return None
        unit = "%"
    if parts["prefix"] and not explicit and parts["prefix"] not in _PLAIN_PREFIXES:
        return None
    if not re.match(_ARABIC, parts["number"]) and not unit:
        return None
    if not explicit and _is_a_date(first, unit):
        return None
    if column_unit and not unit:
        unit = column_unit
        if unit[0] in _MULTIPLIERS and len(unit) > 1 and not unit.endswith("元"):  # a column that counts in 万件
            factor, unit = _MULTIPLIERS[unit[0]], unit[1:]
            first *= factor
    unit = _ALIASES.get(unit, unit)
    comparison, strict = _comparison(parts["before"], parts["after"], column_comparison)
    if comparison is None:
        return None
    if parts["dash"]:
        second = number_from(parts["number2"])
        if second is None or parts["hundredth"]:
            return None
        if not parts["unit"] and parts["number2"][-1] in _MULTIPLIERS and parts["number"][-1] not in _MULTIPLIERS:
            first *= _MULTIPLIERS[parts["number2"][-1]]  # 2-3万件
        second *= factor
        if parts["unit"] and parts["unit2"] and parts["unit"] != parts["unit2"]:
            return None
        if second <= first:
            return None
        if unit in _TIMES | _MONEY:
            return Target(QUANTITATIVE, "<=", _tidy(second), unit, lower=_tidy(first))
        return Target(QUANTITATIVE, ">=", _tidy(first), unit, upper=_tidy(second))
    return Target(QUANTITATIVE, comparison, _tidy(first), unit, strict=strict)


def _is_a_date(number: Decimal, unit: str) -> bool:
    return unit in {"年", "年度"} and 1900 <= number <= 2100


def _comparison(before: str, after: str, column: str) -> tuple[Comparison | None, bool]:
    """The comparison and whether it is strict; None when the words contradict each other."""
    found: list[tuple[Comparison, bool]] = []
    if before in _AT_LEAST:
        found.append((">=", False))
    elif before in _AT_MOST:
        found.append(("<=", False))
    elif before in _ABOVE:
        found.append((">=", True))
    elif before in _BELOW:
        found.append(("<=", True))
    soft = before in {"达到", "达", "控制在", "压缩在", "保持在", "稳定在", "为", ""}
    if after:
        after_sign: Comparison = ">=" if after in _AFTER_AT_LEAST else "<="
        if soft:
            found = [(after_sign, False)]
        elif not found or found[0][0] != after_sign:
            return None, False
    if found:
        return found[0]
    if before in _EQUAL and before:
        return "=", False
    return sign_of(column) or "=", False


def sign_of(text: str) -> Comparison | None:
    """The comparison that a column such as 指标值类型 or 指标性质 names; None for 定性, 定量 and the like."""
    word = plain(text)
    if word in _AT_LEAST or word in _ABOVE or word.startswith("正向"):
        return ">="
    if word in _AT_MOST or word in _BELOW or word.startswith(("反向", "负向", "逆向")):
        return "<="
    if word in _EQUAL:
        return "="
    return None


def _tidy(number: Decimal) -> Decimal:
    """The same number without trailing zeros and without exponent."""
    return Decimal(figure(number))


def figure(number: Decimal) -> str:
    """Plain decimal text: "6500", "152.3"; never an exponent, never trailing zeros."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def render(target: Target) -> str:
    """The target in canonical spelling; `parse(render(t)) == t` for every quantitative target."""
    if target.comparison is None or target.value is None:
        return ""
    if target.upper is not None:
        return f"{figure(target.value)}{target.unit}-{figure(target.upper)}{target.unit}"
    if target.lower is not None:
        return f"{figure(target.lower)}-{figure(target.value)}{target.unit}"
    signs = {">=": ">" if target.strict else "≥", "<=": "<" if target.strict else "≤", "=": "="}
    return f"{signs[target.comparison]}{figure(target.value)}{target.unit}"


def fen(value: Decimal, unit: str) -> int | None:
    """A money target in integer fen; None when the unit is not money."""
    yuan = {"元": 1, "千元": 1_000, "万元": 10_000, "亿元": 100_000_000}.get(unit)
    return None if yuan is None else int((value * yuan * 100).to_integral_value())
