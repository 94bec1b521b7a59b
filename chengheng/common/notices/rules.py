"""How a notice is put for each channel, what an answer means, when to try again. Pure functions; no network, no clock.

Signatures as the makers publish them: DingTalk robot (HMAC-SHA256 keyed by the secret over "milliseconds\\nsecret",
base64, in the address), Feishu robot (HMAC-SHA256 keyed by "seconds\\nsecret" over nothing, base64, in the body), WeCom
robot (none: the key stands in the address). Our own webhook signs "seconds.body" with HMAC-SHA256 in hex.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote_plus

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Level(StrEnum):
    """How much a notice presses."""

    INFO = "info"
    WARNING = "warning"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    @property
    def label(self) -> str | Promise:
        return {"info": _("information"), "warning": _("warning"), "urgent": _("urgent")}[self.value]

    @classmethod
    def choices(cls) -> list[tuple[str, str | Promise]]:
        return [(level.value, level.label) for level in cls]


class Channel(StrEnum):
    """The ways out of the house. In-app notices need none: they are rows."""

    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WEBHOOK = "webhook"

    @property
    def label(self) -> str | Promise:
        return {
            "email": _("e-mail"), "sms": _("text message"), "phone": _("telephone call"),
            "wecom": _("WeCom robot"), "dingtalk": _("DingTalk robot"), "feishu": _("Feishu robot"), "webhook": _("webhook"),
        }[self.value]  # fmt: skip

    @classmethod
    def choices(cls) -> list[tuple[str, str | Promise]]:
        return [(channel.value, channel.label) for channel in cls]


GROUPS = (Channel.WECOM, Channel.DINGTALK, Channel.FEISHU, Channel.WEBHOOK)
"""Channels that reach a group: one delivery for a notice, however many people it is for."""

MOST_ATTEMPTS = 9
_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(hours=6)
MOST_MENTIONED = 20
_TEXT_BYTES = 2000  # WeCom takes 2048 bytes of text; the others take more


class Called(StrEnum):
    """What became of a call."""

    ANSWERED = "answered"
    NOT_ANSWERED = "not_answered"
    REFUSED = "refused"

    @property
    def label(self) -> str | Promise:
        return {
            "answered": pgettext_lazy("call", "answered"), "not_answered": _("not answered"), "refused": _("the gateway did not call"),
        }[self.value]  # fmt: skip

    @classmethod
    def choices(cls) -> list[tuple[str, str | Promise]]:
        return [(one.value, one.label) for one in cls]


@dataclass(frozen=True)
class Letter:
    """What is to be said. `key` names the delivery, so that a receiver can tell a repetition."""

    key: str
    title: str
    body: str
    level: Level
    url: str
    at: datetime
    phones: tuple[str, ...] = ()
    subject: str = ""

    @property
    def text(self) -> str:
        """Title, body and address as plain text of bounded length."""
        head = f"【{self.level.label}】{self.title}" if self.level is not Level.INFO else self.title
        return clip("\n".join(part for part in (head, self.body, self.url) if part), _TEXT_BYTES)


@dataclass(frozen=True)
class Post:
    """An HTTP POST, ready to be sent."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json; charset=utf-8"})


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt. `again`: another attempt makes sense, after `wait` if the receiver said so."""

    done: bool
    again: bool = False
    error: str = ""
    wait: timedelta | None = None
    called: tuple[Called, str] | None = None
    """Of a call: what became of it, and the key pressed, if the gateway said so at once."""


def clip(text: str, most: int) -> str:
    """The text cut to at most `most` bytes of UTF-8, between characters."""
    data = text.encode()
    return text if len(data) <= most else data[: most - 3].decode(errors="ignore") + "…"


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def sign_dingtalk(secret: str, milliseconds: int) -> str:
    """DingTalk's `sign`, not yet quoted for the address."""
    digest = hmac.digest(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def sign_feishu(secret: str, seconds: int) -> str:
    """Feishu's `sign`."""
    return base64.b64encode(hmac.digest(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256)).decode()


def sign_own(secret: str, seconds: int, body: bytes) -> str:
    """The value of our `X-Chengheng-Signature`: "v1=" and the hex digest over "seconds.body"."""
    return "v1=" + hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def wecom(url: str, letter: Letter) -> Post:
    """A text message of a WeCom group robot, mentioning the people by phone."""
    text: dict[str, Any] = {"content": letter.text}
    if letter.phones:
        text["mentioned_mobile_list"] = list(letter.phones[:MOST_MENTIONED])
    return Post(url, _json({"msgtype": "text", "text": text}))


def dingtalk(url: str, secret: str, letter: Letter, now: datetime) -> Post:
    """A text message of a DingTalk robot; signed when there is a secret."""
    if secret:
        stamp = int(now.timestamp() * 1000)
        joint = "&" if "?" in url else "?"
        url = f"{url}{joint}timestamp={stamp}&sign={quote_plus(sign_dingtalk(secret, stamp))}"
    phones = list(letter.phones[:MOST_MENTIONED])
    content = letter.text + "".join(f" @{phone}" for phone in phones)
    return Post(
        url, _json({"msgtype": "text", "text": {"content": content}, "at": {"atMobiles": phones, "isAtAll": False}})
    )


def feishu(url: str, secret: str, letter: Letter, now: datetime) -> Post:
    """A text message of a Feishu robot; signed when there is a secret."""
    data: dict[str, Any] = {"msg_type": "text", "content": {"text": letter.text}}
    if secret:
        stamp = int(now.timestamp())
        data |= {"timestamp": str(stamp), "sign": sign_feishu(secret, stamp)}
    return Post(url, _json(data))


def _own(url: str, secret: str, key: str, body: bytes, now: datetime) -> Post:
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": key,
        "X-Chengheng-Timestamp": str(stamp),
    }
    if secret:
        headers["X-Chengheng-Signature"] = sign_own(secret, stamp, body)
    return Post(url, body, headers)


def webhook(url: str, secret: str, letter: Letter, now: datetime) -> Post:
    """Our own JSON, signed, with the delivery's key so that a repetition can be told."""
    body = _json(
        {
            "id": letter.key, "title": letter.title, "body": letter.body, "level": letter.level.value,
            "url": letter.url, "subject": letter.subject, "at": letter.at.isoformat(),
        }
    )  # fmt: skip
    return _own(url, secret, letter.key, body, now)


SMS_FIELDS = {"phone": "phone", "text": "content", "key": "id"}


def sms(url: str, secret: str, letter: Letter, options: Mapping[str, Any], now: datetime) -> Post:
    """One message for an SMS gateway's HTTP interface.

    `options`: `fields` names the gateway's fields for phone, text and key (SMS_FIELDS by default); `fixed` are further
    fields as they are (account, template, signature).
    """
    names = SMS_FIELDS | dict(options.get("fields", {}))
    short = clip("，".join(part for part in (letter.title, letter.body) if part), 400)
    data = dict(options.get("fixed", {})) | {
        names["phone"]: letter.phones[0] if letter.phones else "", names["text"]: short, names["key"]: letter.key,
    }  # fmt: skip
    return _own(url, secret, letter.key, _json(data), now)


CALL_FIELDS = {"phone": "phone", "text": "text", "key": "id", "callback": "callback"}
CALL_WORDS = "{title}。{body}"
MOST_CALLS, MOST_CALL_ATTEMPTS = 3, 5
"""Calls that nobody answered, and attempts at a gateway that cannot be reached: later a call would come too late."""
_CALLS_APART = timedelta(minutes=2)
CALL_AT_MOST_EVERY = timedelta(minutes=10)
"""One person is not called more often than this, whatever happens (local rules, as the two above)."""


def call(
    url: str, secret: str, letter: Letter, options: Mapping[str, Any], callback: str, now: datetime
) -> Post:  # fmt: skip
    """One call for an operator's voice gateway: a number, and what is to be read out to whoever answers.

    `options`: `fields` names the gateway's fields (CALL_FIELDS by default; "" leaves one out), `fixed` are further fields
    as they are (account, template, voice), `words` is the text with {title}, {body} and {level}. `callback` is where the
    gateway may say later what became of the call.
    """
    names = CALL_FIELDS | dict(options.get("fields", {}))
    words = str(options.get("words") or CALL_WORDS)
    for name, value in (("title", letter.title), ("body", letter.body), ("level", str(letter.level.label))):
        words = words.replace("{" + name + "}", value)
    values = {
        "phone": letter.phones[0] if letter.phones else "", "text": clip(" ".join(words.split()), 600), "key": letter.key,
        "callback": callback,
    }  # fmt: skip
    data = dict(options.get("fixed", {})) | {
        names[what]: value for what, value in values.items() if names[what] and value
    }
    return _own(url, secret, letter.key, _json(data), now)


def called(said: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Called, str] | None:
    """What a gateway's answer or report says of a call, with the key that was pressed; None when it does not say.

    `options["result"]`: `field` names where it stands ("result"), `answered` and `again` are the codes of a call that was
    answered, and of one to be tried again (busy, not answered, switched off); any other code is a refusal. `key` names
    the field of the key pressed ("key").
    """
    rules = dict(options.get("result", {}))
    code = said.get(str(rules.get("field", "result")))
    if code in (None, ""):
        return None
    key = str(said.get(str(rules.get("key", "key"))) or "")[:4]
    if str(code) in [str(one) for one in rules.get("answered", ["answered"])]:
        return Called.ANSWERED, key
    again = [str(one) for one in rules.get("again", ["busy", "no_answer", "off"])]
    return (Called.NOT_ANSWERED if str(code) in again else Called.REFUSED), key


def call_again_after(calls: int) -> timedelta | None:
    """How long to wait before the next call after `calls` that nobody answered; None: it is given up."""
    return _CALLS_APART if calls < MOST_CALLS else None


_ROBOT_CODES = {Channel.WECOM: ("errcode",), Channel.DINGTALK: ("errcode",), Channel.FEISHU: ("code", "StatusCode")}
_SLOW_DOWN = {  # "too often": the makers' codes for a rate limit
    Channel.WECOM: {45009, -1},
    Channel.DINGTALK: {130101, 660026, -1},
    Channel.FEISHU: {9499, 11232},
}


def judge(
    channel: Channel, status: int, headers: Mapping[str, str], body: bytes, options: Mapping[str, Any]
) -> Verdict:
    """What a receiver's answer means. Robots answer 200 and say in the body whether they took the message."""
    shown = body[:200].decode("utf-8", "replace")
    if status in (408, 425, 429) or status >= 500:
        return Verdict(False, True, f"HTTP {status} {shown}", _retry_after(headers))
    if not 200 <= status < 300:
        return Verdict(False, False, f"HTTP {status} {shown}")
    fields = _ROBOT_CODES.get(channel)
    if channel in (Channel.SMS, Channel.PHONE) and options.get("success"):
        wanted = options["success"]
        answer = parse(body)
        good = all(str(answer.get(name)) == str(value) for name, value in wanted.items())
        return Verdict(good, not good, "" if good else shown)
    if fields:
        answer = parse(body)
        code = next((answer[name] for name in fields if name in answer), None)
        if code != 0:
            return Verdict(False, code is None or code in _SLOW_DOWN[channel], f"{code} {shown}")
    return Verdict(True)


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object as it came; {} for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return timedelta(seconds=min(int(said), 24 * 3600)) if said.isascii() and said.isdigit() else None


def wait_before(attempt: int, wait: timedelta | None = None, jitter: float = 0.0) -> timedelta | None:
    """How long to wait before attempt number `attempt` + 1; None when it is given up. 15 s, 1 min, 4 min … at most 6 h.

    `wait`: what the receiver asked for, at least. `jitter` 0..1 adds up to a fifth, so that not all come back at once.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    planned = min(_FIRST_WAIT * 4 ** (attempt - 1), _LONGEST_WAIT)
    return max(planned * (1 + 0.2 * jitter), wait or timedelta())


def quiet_until(now: datetime, start: time | None, stop: time | None) -> datetime | None:
    """The end of the quiet hours that `now` (local, aware) lies in; None outside. They may go over midnight."""
    if start is None or stop is None or start == stop:
        return None
    clock = now.time().replace(tzinfo=None)
    if start < stop:
        inside, over = start <= clock < stop, False
    else:
        inside, over = clock >= start or clock < stop, clock >= start
    if not inside:
        return None
    day = now.date() + timedelta(days=1) if over else now.date()
    return datetime.combine(day, stop, now.tzinfo)


def wanted(level: Level, least: str) -> bool:
    """Whether a notice of `level` goes out by a channel that wants `least` or more; "" wants none."""
    return bool(least) and level.rank >= Level(least).rank


def mentioned(phones: Sequence[str]) -> tuple[str, ...]:
    """The mobile numbers among phones, without doubles: 11 digits from 1, with or without +86 and blanks."""
    found: dict[str, None] = {}
    for phone in phones:
        digits = "".join(char for char in phone if char in "0123456789")
        digits = digits[2:] if len(digits) == 13 and digits.startswith("86") else digits
        if len(digits) == 11 and digits[0] == "1":
            found[digits] = None
    return tuple(found)
