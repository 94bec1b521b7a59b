"""This room's share of the demonstration city: invented publications of invented sources, each marked as such.

Everything goes through the room's own acts; the sources are switched to demonstration, so that no measure counts them.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chengheng.common.demo import DemoCity
from chengheng.opinion import actions, reference
from chengheng.opinion.models import Claim, Item, Source

_SOURCES = (
    ("演示新闻网", "news"), ("演示论坛", "forum"), ("演示贴吧", "tieba"), ("演示博客", "blog"), ("演示微博服务", "weibo"),
    ("演示微信服务", "wechat"), ("演示图片服务", "picture"), ("演示新闻客户端", "app"), ("演示视频服务", "video"),
)  # fmt: skip
_STORIES = (
    ("{d}烧烤店油烟扰民", "楼下烧烤店每晚油烟很大，居民投诉多次（演示内容）。"),
    ("{d}人行道共享单车堆积", "地铁口共享单车堆积占道，行人只能走机动车道（演示内容）。"),
    ("{d}路灯不亮已有一周", "小区外路灯一周没亮，老人走路看不见（演示内容）。"),
    ("{d}垃圾清运及时，点赞环卫", "垃圾桶每天清运两次，街面干净整洁（演示内容）。"),
    ("{d}工地夜间施工噪音", "工地凌晨还在打桩，无法入睡（演示内容）。"),
    ("{d}流动摊贩占道经营", "学校门口摊贩占道经营，放学时很堵（演示内容）。"),
)
_RUMOUR = ("网传{d}城管打伤摊贩（演示）", "听说昨天城管把摊贩打伤了，紧急扩散，求真相（演示内容，纯属虚构）。")


def build(city: DemoCity) -> None:
    """Nine sources, a month of items, alerts, one claim that was answered. Safe to repeat."""
    clerk = city.person("opinion", "舆情专员", "326206", "opinion.clerk")
    chief = city.person("opinion_chief", "舆情负责人", "326206", "opinion.chief")
    deputy = city.person("opinion_deputy", "舆情副负责人", "326206", "opinion.chief")
    verifier = city.person("opinion_verifier", "舆情复核人", "326206", "opinion.verifier")
    reference.load()
    sources = [
        Source.objects.get_or_create(name=name, defaults={"channel": channel, "way": "push", "is_demo": True})[0]
        for name, channel in _SOURCES
    ]
    if Item.objects.filter(source__is_demo=True).exists():
        return
    now = timezone.now()
    districts = [district.name.removesuffix("城市管理委员会") for district in city.districts.values()]
    for number in range(180):
        source = city.random.choice(sources)
        title, body = city.random.choice(_STORIES)
        at = now - timedelta(minutes=city.random.randint(30, 30 * 24 * 60))
        name = city.random.choice(districts)
        entry = {"id": f"demo-{number}", "title": title.format(d=name), "body": f"{name}：{body}",
                 "published_at": at - timedelta(minutes=city.random.randint(2, 50)),
                 "reach": city.random.randint(0, 5000)}  # fmt: skip
        actions.arrive(source, [entry], at)
    name = districts[0]
    actions.arrive(
        sources[1],
        [
            {
                "id": "demo-rumour",
                "title": _RUMOUR[0].format(d=name),
                "body": _RUMOUR[1],
                "published_at": now - timedelta(minutes=9),
            }
        ],
        now - timedelta(minutes=6),
    )
    actions.read_all(now)
    claim = Claim.objects.filter(item__source__is_demo=True, state="suspected").first()
    if claim is None:
        return
    claim = actions.take_up(claim, clerk)
    claim = actions.keep_evidence(
        claim, clerk, "当日执法记录完整，无冲突（演示）", {"kind": "record", "title": "执法记录（演示）"}
    )
    claim = actions.first_verdict(claim, clerk, "记录与现场核实均无此事（演示）", {"verdict": "false"})
    claim = actions.confirm_verdict(claim, verifier, "", {"verdict": "false"})
    claim = actions.draft_statement(
        claim,
        chief,
        "",
        {"statement": f"经核实，网传{name}城管打伤摊贩系不实信息。（演示）", "match": "城管 & 打伤 & 摊贩"},
    )
    claim = actions.sign_statement(claim, deputy)
    actions.publish_statement(claim, chief, "", {"url": ""})
    today = timezone.localdate()
    actions.compose_report(chief, "weekly", today - timedelta(days=6), today, judgement="（演示）")
