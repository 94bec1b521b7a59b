"""How place names and addresses are compared: pure functions; no database.

Chinese has no blanks between words, so texts are compared by pairs of neighbouring characters. Local rules: full-width
letters and digits are taken as plain ones, Chinese numerals before a counter of addresses (号, 栋, 幢, 楼, 层, 室, 单元,
门) as digits, and what every address of the city begins with is left out.
"""

from __future__ import annotations

import re
import unicodedata

_NUMERAL = re.compile(r"[〇零一二三四五六七八九十百千]+(?=号|栋|幢|楼|层|室|单元|门)")
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_DROPPED = re.compile(r"[\s,，。.、;；:：()（）\[\]【】“”\"'《》<>·—_-]+")


def number_of(words: str) -> int:
    """The value of a Chinese numeral up to 9999 (一百二十三, 二〇三)."""
    if not any(char in _UNITS for char in words):
        return int("".join(str(_DIGITS[char]) for char in words))
    total, digit = 0, 0
    for char in words:
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return total + digit


def plain(text: str, city: str = "") -> str:
    """The text as it is compared."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = _DROPPED.sub("", text)
    text = _NUMERAL.sub(lambda found: str(number_of(found[0])), text)
    return text.removeprefix(city) if city and text != city else text


def pairs(text: str) -> list[str]:
    """The pairs of neighbouring characters of a plain text, each once, in order; a single character stands alone."""
    if len(text) < 2:
        return [text] if text else []
    return list(dict.fromkeys(text[place : place + 2] for place in range(len(text) - 1)))


def likeness(asked: str, name: str, address: str = "") -> float:
    """How well a plain name and address answer plain words: 1 for the very name, 0 for nothing in common.

    The name itself, a name that begins so, one that holds the words, an address that holds them, then by common pairs.
    """
    if not asked:
        return 0.0
    if asked == name:
        return 1.0
    closeness = len(asked) / max(len(name), len(asked), 1)
    if name.startswith(asked):
        return 0.8 + 0.15 * closeness
    if asked in name:
        return 0.65 + 0.15 * closeness
    if address and asked in address:
        return 0.55 + 0.1 * len(asked) / len(address)
    wanted = set(pairs(asked))
    here = set(pairs(name)) | set(pairs(address))
    return 0.5 * len(wanted & here) / len(wanted) * (0.8 + 0.2 * closeness)
