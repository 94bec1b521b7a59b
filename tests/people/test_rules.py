"""Passwords, locks, one-time codes, addresses: the pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.common.people import rules
from chengheng.common.people.limits import Buckets

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
POLICY = rules.DEFAULT_POLICY
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


# RFC 6238 appendix B, SHA-1, last six digits of the eight given there
@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_the_rfc(second, code):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890"
    assert rules.totp_code(secret, second // 30) == code


@given(moments, st.integers(-4, 4))
def test_a_code_counts_one_step_around_its_own_and_only_once(moment, away):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    step = rules.totp_step(moment)
    code = rules.totp_code(secret, step + away)
    found = rules.totp_match(secret, code, moment)
    if abs(away) <= 1:
        assert found is not None
        assert rules.totp_code(secret, found) == code
        assert rules.totp_match(secret, code, moment, last_step=step + 1) is None
    else:
        neighbours = {rules.totp_code(secret, step + n) for n in (-1, 0, 1)}
        assert (found is None) == (code not in neighbours)


@given(st.text(max_size=12))
def test_what_is_no_code_matches_nothing(text):
    if not (text.isascii() and text.isdecimal()):
        secret = rules.new_totp_secret()
        digits = "".join(text.split())
        if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
            assert rules.totp_match(secret, text, NOW) is None


@given(
    st.lists(st.integers(0, 7200), max_size=30),
    st.integers(3, 20),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 7200),
)
def test_a_lock_is_there_exactly_when_the_last_failures_came_within_the_window(seconds, limit, window, lock, later):
    policy = replace(POLICY, lock_window_minutes=window, lock_minutes=lock)
    failures = [NOW + timedelta(seconds=s) for s in sorted(seconds, reverse=True)]
    now = (failures[0] if failures else NOW) + timedelta(seconds=later)
    until = rules.locked_until(failures, limit, policy, now)
    close = len(failures) >= limit and failures[0] - failures[limit - 1] <= timedelta(minutes=window)
    assert (until is not None) == (close and later < lock * 60)
    if until is not None:
        assert now < until == failures[0] + timedelta(minutes=lock)
        assert rules.locked_until(failures, limit, policy, until) is None


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Correct-Horse-7", True), ("城市管理委员会Abc1", True), ("short-A1", False), ("alllowercase", False),
        ("Aa1!" * 40, False), ("xxWangfangxx-1A", False), ("AAAAaaaa1111", False), ("", False),
    ],
)  # fmt: skip
def test_passwords(password, good):
    assert (not rules.password_faults(password, POLICY, ["wangfang", "13800000000"])) == good


@given(st.text(max_size=40), st.integers(8, 20))
def test_a_longer_least_length_never_lets_more_passwords_through(password, least):
    loose, strict = (replace(POLICY, password_min_length=n) for n in (least, least + 1))
    if not rules.password_faults(password, strict):
        assert not rules.password_faults(password, loose)


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger's header is not believed
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # what the client put in front is not believed
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.1:5555", "198.51.100.1"),
        ("", "198.51.100.1", ""),
        ("unix:", "", ""),
    ],
)
def test_the_client_is_the_nearest_address_that_is_not_our_proxy(remote, forwarded, client):
    assert rules.client_address(remote, forwarded, rules.networks(["10.0.0.0/8"])) == client


@given(st.text(max_size=60), st.ip_addresses())
def test_no_header_of_a_stranger_changes_who_they_are(header, address):
    assert rules.client_address(str(address), header, ()) == rules.client_address(str(address), "", ())


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_header_is_read_without_falling_over(header, remote):
    rules.client_address("10.0.0.1", header, rules.networks(["10.0.0.1"]))
    rules.client_address(remote, header, ())
    rules.origin(remote)


def test_one_ipv6_subscriber_counts_as_one():
    assert rules.origin("2001:db8:1:2::1") == rules.origin("2001:db8:1:2:ffff::9") != rules.origin("2001:db8:1:3::1")
    assert rules.origin("192.0.2.7") == "192.0.2.7"


@given(st.integers(60, 600), st.lists(st.floats(0, 5), max_size=60))
def test_a_bucket_never_gives_more_than_a_minute_holds_plus_what_flows_in(per_minute, pauses):
    buckets, now, given_out = Buckets(), 0.0, 0
    for pause in pauses:
        now += pause
        for _number in range(per_minute // 4):
            wait = buckets.take("k", per_minute, now)
            given_out += wait == 0
            if wait:
                assert buckets.take("k", per_minute, now + wait + 1e-6) == 0
                given_out += 1
                now += wait + 1e-6
    assert given_out <= per_minute + now * per_minute / 60 + 1


def test_buckets_forget_the_oldest_keys():
    buckets = Buckets(keys_at_most=3)
    for key in "abcde":
        buckets.take(key, 60, 0.0)
    assert len(buckets._levels) == 3


def test_recovery_codes_are_read_as_people_type_them():
    code = rules.new_recovery_code()
    assert rules.recovery_digest(code) == rules.recovery_digest(code.lower().replace("-", " "))


@pytest.mark.parametrize(("name", "bounds"), rules.BOUNDS.items())
def test_no_policy_switches_a_protection_off(name, bounds):
    assert rules.policy_fault(POLICY) is None
    for value in (bounds[0] - 1, bounds[1] + 1):
        assert rules.policy_fault(replace(POLICY, **{name: value})) == (name, *bounds)
