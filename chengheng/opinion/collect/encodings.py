"""Bytes to text. Chinese pages often declare the wrong encoding or none; UTF-8 betrays itself, GB18030 and Big5 do not.

Order: byte-order mark; strict UTF-8; what is declared, if it decodes (gb2312 and gbk widen to gb18030); else the one of
GB18030 and Big5 whose text looks more like Chinese as it is written.
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from pathlib import Path

_WIDENED = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030",
            "hz-gb-2312": "gb18030", "iso-8859-1": "", "latin-1": "", "ascii": "", "us-ascii": "",
            "windows-1252": "", "cp1252": "", "big5-hkscs": "big5hkscs", "big5": "big5hkscs"}  # fmt: skip
_DECLARED = re.compile(
    rb"""(?:<\?xml[^>]{0,100}encoding|<meta[^>]{0,200}charset)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE
)

# The most frequent characters of running Chinese, both scripts; enough to tell a right decoding from a wrong one.
_COMMON = (
    "的一是不了在人有我他这这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还"
    "发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话"
    "儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万"
    "市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任"
    "至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条院变联"
    "言权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取"
    "設為這個來們時會說對過後還發開關學國車東長門問間無與業產實當點電話請見車經現應該從將進動體機關區處樓樓層師書買賣讓認論議變邊遠運選還"
)


@cache
def _frequent() -> frozenset[str]:
    signs = "，。、！？：；“”（）《》1234567890"
    more = Path(__file__).parent / "common.txt"
    extra = more.read_text("utf-8") if more.exists() else ""
    return frozenset(_COMMON + signs + extra)


def _likeness(text: str) -> float:
    """Share of the non-ASCII characters that are frequent in Chinese; strange ones weigh against."""
    body = [char for char in text if ord(char) > 127]
    if not body:
        return 1.0
    frequent = _frequent()
    strange = sum(0xE000 <= ord(c) <= 0xF8FF or c == "\ufffd" or 0x3400 <= ord(c) <= 0x4DBF for c in body)
    return (sum(char in frequent for char in body) - 2 * strange) / len(body)


def _try(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


_KNOWN = frozenset(
    ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "shift_jis", "euc_jp", "euc_kr", "koi8-r",
     "cp1251", "iso8859-2", "iso8859-5", "iso8859-15")
)  # fmt: skip


def _codec(name: str) -> str:
    """The codec that a page's charset name means, or "" (Python knows many codecs that are no charset at all)."""
    plain = _WIDENED.get(name.strip().lower(), name.strip().lower())
    try:
        found = codecs.lookup(plain).name if plain else ""
    except (LookupError, ValueError):
        return ""
    return found if found in _KNOWN else ""


def decode(body: bytes, declared: str = "") -> tuple[str, str]:
    """The text and the encoding that gave it. Never fails: what nothing decodes is read with marks for the bad bytes."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace"), encoding
    text = _try(body, "utf-8")
    if text is not None:
        return text, "utf-8"
    inside = _DECLARED.search(body[:4096])
    names = [declared, inside[1].decode("ascii") if inside else ""]
    for name in names:
        codec = _codec(name)
        if codec and codec not in ("gb18030", "big5hkscs", "utf-8"):
            text = _try(body, codec)
            if text is not None:
                return text, codec
    guesses = []
    for encoding in ("gb18030", "big5hkscs"):
        text = _try(body, encoding)
        strict = text is not None
        if text is None:
            text = body.decode(encoding, "replace")
        stated = 0.05 * any(_codec(name) == encoding for name in names)
        guesses.append((_likeness(text[:20_000]) + stated + (0.3 if strict else 0.0), text, encoding))
    broken = body.decode("utf-8", "replace")
    # A UTF-8 page cut in the middle of a character, or with one bad byte, is still UTF-8.
    good = sum(char > "\x7f" for char in broken) - broken.count("\ufffd")
    if good >= 20 and broken.count("\ufffd") <= good // 50 + 1:
        return broken, "utf-8"
    best = max(guesses, key=lambda guess: guess[0])
    return best[1], best[2]
