"""Example rule sets with their sources. None is Tianjin's: no Tianjin limit is published (facts/domain.md §A.1)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from chengheng.cleanliness.rules.weighing import Lane, LimitLine

CARRIAGEWAY = (Lane.FAST, Lane.SLOW, Lane.KERB)


@dataclass(frozen=True)
class Example:
    code: str
    name: str
    source: str
    frame_area_m2: Decimal
    limits: tuple[LimitLine, ...]


def _carriageway(limit: str, zone: str = "", inclusive: bool = True) -> tuple[LimitLine, ...]:
    return tuple(LimitLine(Decimal(limit), lane, None, zone, inclusive) for lane in CARRIAGEWAY)


EXAMPLES = (
    Example(
        "shijiazhuang", "示例：石家庄长安区 2016",
        "石家庄长安区 2016: 二环内快慢车道 <5, 二环外 <8, 便道 <20 克/平方米 (sjzntv.cn 2016-02)", Decimal("1"),
        (*_carriageway("5", "inner", False), *_carriageway("8", "outer", False),
         LimitLine(Decimal(20), Lane.PAVEMENT, None, "", False)),
    ),
    Example(
        "zibo", "示例：淄博深度保洁道路 2016",
        "淄博 2016 深度保洁示范路: 车行道 ≤5, 人行道 ≤10 克/平方米 （齐鲁网报道的转载）", Decimal("1"),
        (*_carriageway("5"), LimitLine(Decimal(10), Lane.PAVEMENT)),
    ),
    Example(
        "beijing", "示例：北京方式（限值无出处）",
        "北京: 采样框 0.8 m × 0.3 m = 0.24 m², 沿路缘取点；一级道路限值 10 没有出处（未取得 DB11/T 353-2021 第 8.4 条原文）", Decimal("0.24"),
        (LimitLine(Decimal(10), Lane.KERB, 1), LimitLine(Decimal(12), Lane.KERB)),
    ),
)  # fmt: skip
