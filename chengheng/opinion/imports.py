"""Items from spreadsheets and mail: what a clerk found, or a data service sends as a file."""

from __future__ import annotations

import email
import email.policy
from collections import defaultdict
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from django.utils.translation import gettext_lazy as _

from chengheng.common.intake import Field, Importer, register
from chengheng.common.intake.parsers import datetime as date_time
from chengheng.common.intake.parsers import text
from chengheng.opinion import actions
from chengheng.opinion.collect.encodings import decode
from chengheng.opinion.collect.entries import Entry, Unreadable, clean, clean_line, moment
from chengheng.opinion.models import Arrival, Channel, Item, Seen, Source, Way


def hand_source(channel: str) -> Source:
    """The source that stands for files of one kind of channel."""
    found, _made = Source.objects.get_or_create(
        name=f"导入 · {Channel(channel).label}", defaults={"channel": channel, "way": Way.IMPORT, "tier": 2}
    )
    return found


def channel_of(value: Any) -> str:
    """A channel by its code or by its name in either language."""
    words = str(value).strip().lower()
    names = {
        "新闻": "news", "新闻网站": "news", "论坛": "forum", "贴吧": "tieba", "百度贴吧": "tieba", "博客": "blog", "微博": "weibo",
        "新浪微博": "weibo", "微信": "wechat", "公众号": "wechat", "微信公众号": "wechat", "图片": "picture", "新闻app": "app",
        "app": "app", "客户端": "app", "视频": "video", "短视频": "video", "抖音": "video", "快手": "video",
    }  # fmt: skip
    found = words if words in Channel.values else names.get(words, "")
    if not found:
        raise ValueError(str(_("is none of the nine kinds of channel")))
    return found


@register
class ItemImporter(Importer):
    code = "opinion.item"
    title = _("Items of public opinion")
    act = "opinion.item.import"
    models = (Item, Arrival)
    fields = (
        Field(
            "channel",
            _("Channel"),
            required=True,
            parse=channel_of,
            aliases=("渠道", "平台", "来源类型"),
            example="微博",
        ),
        Field("title", _("Title"), parse=text(300), aliases=("标题",), default="", example="和平路路面塌陷"),
        Field("body", _("Text"), parse=text(20_000, lines=True), aliases=("正文", "内容", "摘要"), default=""),
        Field("url", _("Address"), parse=text(2000), aliases=("链接", "网址", "URL"), default=""),
        Field("published_at", _("Published"), parse=date_time(), aliases=("发布时间", "时间", "发帖时间")),
        Field("author", _("Author"), parse=text(80), aliases=("作者", "账号", "发布者"), default=""),
    )
    help = _("Exports of licensed data services and lists that clerks keep. Authors are stored as a hash only.")

    def check(self, rows: Any, problems: Any) -> None:
        for row in rows:
            if not (row["title"] or row["body"]):
                problems.add(row, "title", _("Title and text are both empty."))

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        by_channel: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_channel[row["channel"]].append(dict(row) | {"id": row["url"]})
        return sum(
            actions.arrive(hand_source(channel), entries, batch=batch) for channel, entries in by_channel.items()
        )

    def undo(self, batch: Any, actor: Any) -> None:
        _forget(batch)
        super().undo(batch, actor)


def _forget(batch: Any) -> None:
    """Let what a batch brought come in again."""
    for model in (Item, Arrival):
        for source, identity in model.objects.filter(batch=batch).values_list("source_id", "identity").iterator():
            Seen.objects.filter(source_id=source, identity=identity).delete()


def read_mail(content: bytes, now: datetime | None = None) -> Entry:
    """One mail (.eml) as an entry: subject, plain text (or HTML without tags), date. Unreadable when it is no mail."""
    if len(content) > 20_000_000:
        raise Unreadable("too_large")
    try:
        message = email.message_from_bytes(content, EmailMessage, policy=email.policy.default)
        subject = clean_line(str(message.get("Subject", "")))
        sent = moment(str(message.get("Date", "")), now or datetime.now(UTC))
        identity = clean_line(str(message.get("Message-ID", "")), 500)
        part = message.get_body(("plain", "html"))
        payload = part.get_payload(decode=True) if part is not None else b""
        charset = (part.get_content_charset() or "") if part is not None else ""
    except (ValueError, LookupError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        raise Unreadable("not_a_mail") from error
    body = clean(decode(payload if isinstance(payload, bytes) else b"", charset)[0])
    if not (subject or body):
        raise Unreadable("empty_mail")
    return Entry(identity, "", subject, body, sent)
