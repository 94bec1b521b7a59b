"""How notices are put and judged, without a network."""

from __future__ import annotations

import ipaddress
import socket
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.calendars.rules import CHINA
from chengheng.common.notices import outbound
from chengheng.common.notices.errors import UnsafeAddress
from chengheng.common.notices.rules import (
    MOST_ATTEMPTS,
    Channel,
    Letter,
    Level,
    clip,
    judge,
    mentioned,
    quiet_until,
    sign_dingtalk,
    sign_feishu,
    sign_own,
    sms,
    wait_before,
    wanted,
    wecom,
)

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=CHINA)


def letter(**more) -> Letter:
    return Letter(**{"key": "k", "title": "案件超期", "body": "", "level": Level.URGENT, "url": "", "at": NOON} | more)


def test_the_signatures_are_those_that_another_program_computes():
    """openssl dgst -sha256 -hmac (…) -binary | base64, over what the makers' pages say is to be signed."""
    assert sign_dingtalk("this is secret", 1577262236757) == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
    assert sign_feishu("demo", 1599360473) == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    own = "v1=9044302e437069af2c10b5f4924c09d8439661c092b5c41902ecdae377c33380"
    assert sign_own("demo", 1700000000, b'{"id":"k"}') == own


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_a_text_for_wecom_is_never_too_long(title, body):
    import json

    content = json.loads(wecom("https://x", letter(title=title, body=body)).body)["text"]["content"]
    assert len(content.encode()) <= 2048


@given(st.text(max_size=300), st.integers(10, 200))
def test_clipping_keeps_whole_characters(text, most):
    assert len(clip(text, most).encode()) <= most
    assert clip(text, most) == text or clip(text, most).endswith("…")


@pytest.mark.parametrize(
    ("channel", "status", "body", "done", "again"),
    [
        (Channel.WECOM, 200, b'{"errcode":0}', True, False),
        (Channel.WECOM, 200, b'{"errcode":93000}', False, False),
        (Channel.WECOM, 200, b'{"errcode":45009}', False, True),
        (Channel.DINGTALK, 200, b'{"errcode":310000}', False, False),
        (Channel.DINGTALK, 200, b'{"errcode":130101}', False, True),
        (Channel.FEISHU, 200, b'{"code":0}', True, False),
        (Channel.FEISHU, 200, b'{"StatusCode":0}', True, False),
        (Channel.FEISHU, 200, b'{"code":19021}', False, False),
        (Channel.FEISHU, 200, b"<html>login</html>", False, True),
        (Channel.WEBHOOK, 204, b"", True, False),
        (Channel.WEBHOOK, 301, b"", False, False),
        (Channel.WEBHOOK, 404, b"", False, False),
        (Channel.WEBHOOK, 500, b"", False, True),
        (Channel.WEBHOOK, 429, b"", False, True),
    ],
)
def test_what_an_answer_means(channel, status, body, done, again):
    verdict = judge(channel, status, {}, body, {})
    assert (verdict.done, verdict.again) == (done, again)


def test_an_sms_gateway_says_success_in_its_own_field():
    options = {"success": {"code": "0"}, "fields": {"phone": "mobile"}, "fixed": {"account": "city"}}
    assert judge(Channel.SMS, 200, {}, b'{"code":0}', options).done
    assert not judge(Channel.SMS, 200, {}, b'{"code":"12"}', options).done
    body = sms("https://x", "", letter(phones=("13800000000",)), options, NOON).body.decode()
    assert '"mobile":"13800000000"' in body
    assert '"account":"city"' in body


def test_waiting_grows_and_ends():
    waits = [wait_before(attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert waits[0] == timedelta(seconds=15)
    assert waits[-1] is None
    assert waits[:-1] == sorted(waits[:-1])
    assert timedelta(hours=12) < sum(waits[:-1], timedelta()) < timedelta(days=2)
    assert wait_before(1, timedelta(hours=1)) == timedelta(hours=1)


clocks = st.times().map(lambda clock: clock.replace(microsecond=0))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda moment: moment.replace(tzinfo=CHINA)),
    clocks,
    clocks,
)
def test_quiet_hours_end_at_their_end(now, start, stop):
    end = quiet_until(now, start, stop)
    if end is None:
        return
    assert now < end <= now + timedelta(days=1)
    assert end.time() == stop
    assert quiet_until(end, start, stop) is None


def test_quiet_hours_over_midnight():
    night = (time(22), time(7))
    assert quiet_until(NOON, *night) is None
    assert quiet_until(NOON.replace(hour=23), *night) == NOON.replace(day=2, hour=7)
    assert quiet_until(NOON.replace(hour=3), *night) == NOON.replace(hour=7)
    assert quiet_until(NOON, None, None) is None


def test_levels():
    assert wanted(Level.URGENT, "warning")
    assert not wanted(Level.INFO, "warning")
    assert not wanted(Level.URGENT, "")


def test_mobile_numbers_are_picked():
    assert mentioned(["+86 138 0000 0000", "022-12345678", "13800000000", "", "13911112222"]) == (
        "13800000000",
        "13911112222",
    )


# addresses that somebody typed in


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "https://", "https://user:pass@example.com/",
        "http://127.0.0.1/", "https://127.1/", "https://localhost/", "https://[::1]/", "https://0.0.0.0/", "https://10.0.0.8/",
        "https://192.168.1.1:8443/x", "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://2130706433/", "https://0x7f.1/",
        "https://example.com:99999/", "https://exa mple.com/", "https://example.com/\r\nHost: x", "https://224.0.0.1/",
        "https://100.64.0.1/", "http://1.1.1.1/",
    ],
)  # fmt: skip
def test_addresses_inside_the_house_are_refused(url, settings):
    settings.INSIDE_HOSTS = []
    with pytest.raises(UnsafeAddress):
        outbound.check(url)


def test_a_listed_host_or_network_inside_the_house_may_be_called(settings):
    settings.INSIDE_HOSTS = ["127.0.0.0/8", "not a network"]
    assert outbound.check("http://127.0.0.1:8080/x?y=1").path == "/x?y=1"
    with pytest.raises(UnsafeAddress):
        outbound.check("http://10.0.0.1/")


def test_one_bad_address_among_several_spoils_the_name(monkeypatch, settings):
    settings.INSIDE_HOSTS = []

    def resolve(host, port, **_):
        return [(socket.AF_INET, 1, 6, "", (ip, port)) for ip in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(UnsafeAddress):
        outbound.check("https://rebind.example/")


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch, settings):
    """A name that answers differently the second time is not asked a second time."""
    settings.INSIDE_HOSTS = []
    asked, called = [], []

    def resolve(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", port))]

    def connect(address, timeout):
        called.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(OSError, match="no network"):
        outbound.post("https://rebind.example/", b"", {})
    assert called == [("93.184.216.34", 443)]
    assert asked == ["rebind.example"]


@given(st.ip_addresses())
def test_what_is_not_of_the_internet_is_inside(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert outbound.is_inside(ipaddress.ip_address(str(address)))
