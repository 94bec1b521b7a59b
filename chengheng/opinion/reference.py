"""What a fresh site has: the sourced example limits, and two alert rules that work without any trained model."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from chengheng.opinion.models import Level, MediaLimit, ResponseLimit, Rule
from chengheng.opinion.rules import EXAMPLE_LIMITS

MEDIA_SOURCE = "本地示例：单核数分钟内可读完的量，可由本市另定"
_RULES = (
    ("涉城管虚假舆情（疑似）", {"notation": "城管|城管委|城市管理|综合执法|环卫|市容"
     " & 网传|据说|听说|辟谣|谣言|求证|真的吗|紧急扩散|速转|震惊|打死|致死",
     "level": Level.URGENT, "opens_claim": True, "cool_down_minutes": 0}),
    ("城管执法冲突", {"notation": "城管|综合执法|执法队 ~20 打人|暴力|冲突|推搡|抢|砸|受伤|流血|围观",
     "level": Level.URGENT, "cool_down_minutes": 0}),
    ("市政安全险情", {"notation": "塌陷|坠落|漏电|井盖缺失|燃气泄漏|爆管|坍塌", "least_relevance": 0.4, "level": Level.WARNING,
     "cool_down_minutes": 30}),
)  # fmt: skip


def load() -> None:
    """Limits and rules of a fresh site; what people changed or removed later is left alone."""
    if not ResponseLimit.objects.exists():
        hours = {"natural": 1, "hours": 1}
        ResponseLimit.objects.bulk_create(
            ResponseLimit(
                matter=matter, hours=Decimal(amount * hours[unit]), in_force_from=date(2016, 1, 1), source=source
            )
            for matter, unit, amount, source in EXAMPLE_LIMITS
        )
    if not MediaLimit.objects.exists():
        MediaLimit.objects.create(in_force_from=date(2016, 1, 1), source=MEDIA_SOURCE)
    if not Rule.objects.exists():
        Rule.objects.bulk_create(Rule(name=name, **more) for name, more in _RULES)
