"""The pictures of a report, drawn from the stored items that its sentences count: trend, spread, map, word cloud.

A picture that cannot be drawn (no items, or no Chinese font on this machine) is left out with its reason; none is
made up. Drawn with Pillow; only the word cloud needs a layout of its own.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image, ImageDraw, ImageFont

from chengheng.common import places
from chengheng.opinion.analyser import text
from chengheng.opinion.models import Channel, Event, Item, Report

FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
)
"""Where distributions keep a Chinese font; the first that is there is used."""

TONES = ("#1f5fa8", "#d9822b", "#3a9d6e", "#a54399", "#c23b3b", "#6b7fa3", "#8a6d3b", "#4cb5c4", "#888888")
_INK, _FAINT = "#333333", "#dddddd"
_WIDE = 1200
_MOST_TEXTS, _MOST_WORDS = 5000, 80
_EMPTY_WORDS = frozenset(
    "我们 你们 他们 自己 这个 那个 这些 那些 一个 没有 可以 什么 怎么 因为 所以 但是 如果 已经 还是 就是 不是 这样 时候 现在 知道 觉得"
    " 真的 一下 一直 以及 或者 对于 关于 进行 通过 为了 之后 之前 其中 大家 问题 反映 建议 请求 希望 尊敬 领导 您好 谢谢 图片 视频 网页 链接"
    .split()
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A drawing as PNG with its title, or the reason why there is none."""

    title: str
    png: bytes | None
    note: str = ""


@cache
def chinese_font() -> str | None:
    """The file of a Chinese font of this machine, or None."""
    return next((path for path in FONTS if Path(path).exists()), None)


def _font(size: int) -> Any:
    path = chinese_font()
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def items_of(report: Report) -> QuerySet[Item]:
    """The items that the report counts."""
    from chengheng.opinion.actions.reports import bounds

    start, end = bounds(report.starts_on, report.ends_on)
    rows = Item.objects.filter(collected_at__gte=start, collected_at__lt=end)
    return rows.filter(event_id=report.event_id) if report.event_id else rows


def pictures_of(report: Report) -> Iterator[Picture]:
    """All pictures of a report, in its order."""
    items = items_of(report)
    yield Picture(_("Trend"), trend(items))
    leading = report.event or _largest_event(items)
    if leading is not None:
        yield Picture(_("Spread of “%(title)s”") % {"title": leading.title}, spread(items.filter(event=leading)))
    yield Picture(_("Items by district"), by_district(items))
    if chinese_font() is None:
        yield Picture(_("Word cloud"), None, _("No Chinese font is installed on this machine."))
    else:
        yield Picture(_("Word cloud"), word_cloud(items))


def _largest_event(items: QuerySet[Item]) -> Event | None:
    row = items.filter(event__isnull=False).values("event").annotate(n=Count("pk")).order_by("-n", "event").first()
    return Event.objects.get(pk=row["event"]) if row else None


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _legend(draw: ImageDraw.ImageDraw, channels: Sequence[str], tones: dict[str, str]) -> None:
    left, font = 60, _font(20)
    for channel in channels:
        words = str(Channel(channel).label)
        draw.rectangle((left, 12, left + 18, 30), fill=tones[channel])
        draw.text((left + 24, 9), words, fill=_INK, font=font)
        left += 44 + round(draw.textlength(words, font=font))


def _tones(counted: Sequence[Any]) -> dict[str, str]:
    known = [channel for channel in Channel.values if any(row["channel"] == channel for row in counted)]
    return {channel: TONES[Channel.values.index(channel)] for channel in known}


def trend(items: QuerySet[Item]) -> bytes | None:
    """Items by local day, stacked by kind of channel; None without items."""
    counted = list(items.annotate(day=TruncDate("collected_at")).values("day", "channel").annotate(n=Count("pk")))
    if not counted:
        return None
    tones, days = _tones(counted), sorted({row["day"] for row in counted})
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for row in counted:
        counts[row["day"]][row["channel"]] += row["n"]
    highest = max(day.total() for day in counts.values())
    picture = Image.new("RGB", (_WIDE, 460), "white")
    draw = ImageDraw.Draw(picture)
    _legend(draw, list(tones), tones)
    width = min(140, 1100 // len(days))
    every = -(-len(days) * 70 // 1100)  # so many days share a label
    for place, day in enumerate(days):
        left, base = 60 + place * width, 410
        for channel, tone in tones.items():
            height = round(330 * counts[day][channel] / highest)
            if height:
                draw.rectangle((left, base - height, left + max(2, width - 10), base), fill=tone)
            base -= height
        if place % every == 0:
            draw.text((left, 418), f"{day:%m-%d}", fill=_INK, font=_font(18))
            draw.text((left, base - 26), str(counts[day].total()), fill=_INK, font=_font(18))
    draw.line((55, 410, 1180, 410), fill=_INK)
    return _png(picture)


def spread(items: QuerySet[Item]) -> bytes | None:
    """How one event grew: items so far, by hour and kind of channel, from the time of publication; None without."""
    from django.db.models.functions import Coalesce

    counted = list(
        items.annotate(hour=TruncHour(Coalesce("published_at", "collected_at"))).values("hour", "channel")
        .annotate(n=Count("pk")).order_by("hour")
    )  # fmt: skip
    if not counted:
        return None
    tones = _tones(counted)
    first, last = counted[0]["hour"], counted[-1]["hour"]
    hours = max(1, round((last - first).total_seconds() / 3600))
    highest = max(sum(row["n"] for row in counted if row["channel"] == channel) for channel in tones)
    picture = Image.new("RGB", (_WIDE, 420), "white")
    draw = ImageDraw.Draw(picture)
    _legend(draw, list(tones), tones)
    for share in (0, 0.5, 1):
        level = 370 - round(300 * share)
        draw.line((60, level, 1180, level), fill=_INK if not share else _FAINT)
        draw.text((10, level - 12), str(round(highest * share)), fill=_INK, font=_font(18))
    for channel, tone in tones.items():
        total, line = 0, [(60, 370)]
        for row in counted:
            if row["channel"] == channel:
                across = 60 + round(1100 * (row["hour"] - first).total_seconds() / 3600 / hours)
                line.append((across, line[-1][1]))
                total += row["n"]
                line.append((across, 370 - round(300 * total / highest)))
        line.append((1160, line[-1][1]))
        draw.line(line, fill=tone, width=3)
    for at, moment in ((60, first), (1040, last)):
        draw.text((at, 380), f"{timezone.localtime(moment):%m-%d %H:00}", fill=_INK, font=_font(18))
    return _png(picture)


def by_district(items: QuerySet[Item]) -> bytes | None:
    """The city's districts, darker the more relevant items name them; None when none does."""
    counts: Counter[str] = Counter()
    named = items.filter(relevance__gte=0.5).exclude(area_code="").values_list("area_code")
    for code, n in named.annotate(n=Count("pk")).order_by():
        counts[code[:6]] += n
    districts = places.districts()
    if not districts or not any(counts[district.code] for district in districts):
        return None
    rings = {district.code: list(_rings(district.polygon)) for district in districts}
    points = [point for own in rings.values() for ring in own for point in ring]
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    scale = min(900 / ((east - west) * 0.77), 900 / (north - south))  # a degree of longitude is shorter here (39° N)

    def place(lon: float, lat: float) -> tuple[float, float]:
        return 20 + (lon - west) * 0.77 * scale, 20 + (north - lat) * scale

    picture = Image.new("RGB", (_WIDE, 940), "white")
    draw = ImageDraw.Draw(picture)
    highest = max(counts[district.code] for district in districts)
    for district in districts:
        share = counts[district.code] / highest
        tone = tuple(round(245 + (end - 245) * share) for end in (31, 95, 168)) if share else (245, 245, 245)
        for ring in rings[district.code]:
            if len(ring) > 2:
                draw.polygon([place(*point[:2]) for point in ring], fill=tone, outline="#8899aa")
    top = sorted(districts, key=lambda district: (-counts[district.code], district.code))
    for row, district in enumerate(one for one in top if counts[one.code]):
        words = f"{district.name if chinese_font() else district.code}  {counts[district.code]}"
        draw.text((960, 30 + row * 34), words, fill=_INK, font=_font(22))
    return _png(picture)


def _rings(polygon: dict[str, Any]) -> Iterator[list[list[float]]]:
    """The outer rings of a GeoJSON Polygon or MultiPolygon."""
    parts = [polygon["coordinates"]] if polygon["type"] == "Polygon" else polygon["coordinates"]
    for part in parts:
        yield part[0]


def words_of(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each word stands, words that say nothing left out."""
    import rjieba  # type: ignore[import-not-found,unused-ignore]

    found: Counter[str] = Counter()
    for said in texts:
        words = {word for word in rjieba.cut(text.plain(said)) if len(word) > 1 and not word.isdigit()}
        found.update(words - _EMPTY_WORDS)
    return found


def word_cloud(items: QuerySet[Item]) -> bytes | None:
    """The words of relevant items, larger the more items hold them; None without such items."""
    from wordcloud import WordCloud  # type: ignore[import-untyped,unused-ignore]

    rows = items.filter(relevance__gte=0.5).order_by("-pk").values_list("title", "body")[:_MOST_TEXTS]
    words = words_of([f"{title}\n{body[:500]}" for title, body in rows])
    if not words:
        return None
    cloud = WordCloud(
        width=_WIDE, height=480, font_path=chinese_font(), background_color="white", max_words=_MOST_WORDS,
        prefer_horizontal=1.0, random_state=1, color_func=lambda word, **_more: TONES[hash_of(word) % 4],
    )  # fmt: skip
    return _png(cloud.generate_from_frequencies(dict(words.most_common(_MOST_WORDS))).to_image())


def hash_of(word: str) -> int:
    """A number of a word that is the same in every run."""
    return sum(map(ord, word))
