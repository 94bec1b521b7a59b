"""SIP: reading tolerantly, framing, digest, transactions, dialogs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.protocols.sip import digest
from chengheng.protocols.sip.dialog import Dialog
from chengheng.protocols.sip.endpoint import (
    T1,
    TIMEOUT,
    Answered,
    Endpoint,
    Malformed,
    Peer,
    Requested,
    TimedOut,
)
from chengheng.protocols.sip.message import Message, SipError, parameter, parse, response_to, uri_of
from chengheng.protocols.sip.stream import DatagramReader, StreamReader

DEVICE = Peer("udp", "10.0.0.7", 5060)
REGISTER = (
    b"REGISTER sip:12010000002000000001@1201000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.9:5060;rport;branch=z9hG4bK1\r\n"
    b"From: <sip:12010000001320000001@1201000000>;tag=1\r\nTo: <sip:12010000001320000001@1201000000>\r\n"
    b"Call-ID: a1\r\nCSeq: 1 REGISTER\r\nContact: <sip:12010000001320000001@192.168.1.9:5060>\r\n"
    b"Expires: 3600\r\nContent-Length: 0\r\n\r\n"
)


def message(body: bytes, length: int | None = None, cseq: int = 1) -> bytes:
    return (
        f"MESSAGE sip:12010000002000000001@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{cseq}\r\n"
        f"From: <sip:12010000001320000001@x>;tag=1\r\nTo: <sip:12010000002000000001@x>\r\nCall-ID: m\r\n"
        f"CSeq: {cseq} MESSAGE\r\nContent-Type: Application/MANSCDP+xml\r\n"
        f"Content-Length:   {len(body) if length is None else length}\r\n\r\n"
    ).encode() + body


class TestReading:
    def test_compact_names_folded_lines_bare_line_feeds_and_padding(self):
        found = parse(b"\r\nOPTIONS sip:a@b SIP/2.0\nv: SIP/2.0/UDP h\n ;branch=x\ni: 7\nCSeq: 3   OPTIONS\nl:   0\n\n")
        assert found.get("via") == "SIP/2.0/UDP h ;branch=x"
        assert found.branch == "x"
        assert (found.call_id, found.content_length) == ("7", 0)

    def test_a_missing_blank_line_before_the_body(self):
        found = parse(b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n<?xml version='1.0'?>\r\n<Notify/>")
        assert found.body.startswith(b"<?xml")
        assert found.body.endswith(b"<Notify/>")

    def test_headers_in_gb18030(self):
        found = parse("SIP/2.0 200 好\r\nUser-Agent: 摄像机\r\n\r\n".encode("gb18030"))
        assert found.get("user-agent") == "摄像机"

    @pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"hello", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 9x OK\r\n\r\n"])
    def test_what_is_no_sip_is_refused(self, data: bytes):
        with pytest.raises(SipError):
            parse(data)

    def test_uris(self):
        assert uri_of('"a" <sip:1@[fe80::1]:5060;transport=TCP>;tag=9')[:3] == ("1", "fe80::1", 5060)
        assert uri_of("sip:64010000002020000001@64010000").host == "64010000"
        assert uri_of("***").user == ""
        assert parameter('<sip:a@b;tag=wrong>;tag="x"', "tag") == "x"

    def test_content_length_is_counted_in_bytes_when_writing(self):
        text = "预置点".encode("gb18030")
        written = Message(status=200, headers={"call-id": ["1"]}, body=text).encode()
        assert b"Content-Length: 6\r\n\r\n" in written


class TestFraming:
    def test_any_cut_of_a_stream_gives_the_same_messages(self):
        data = REGISTER + b"\r\n\r\n" + message(b"<Notify></Notify>") + REGISTER
        for cut in range(1, len(data), 7):
            reader = StreamReader()
            found = []
            for start in range(0, len(data), cut):
                found += reader.receive(data[start : start + cut])
            assert [item.method for item in found] == ["REGISTER", "MESSAGE", "REGISTER"]
            assert found[1].body == b"<Notify></Notify>"
            assert reader.pings <= 1

    def test_a_stream_without_length_is_lost(self):
        with pytest.raises(SipError):
            StreamReader().receive(b"MESSAGE sip:a@b SIP/2.0\r\nContent-Type: x/y\r\n\r\n")
        with pytest.raises(SipError):
            StreamReader().receive(b"A" * 70_000)

    def test_one_message_cut_over_several_datagrams(self):
        xml = b"<?xml version='1.0'?><Response><CmdType>Catalog</CmdType>" + b"<a/>" * 600 + b"</Response>"
        data = message(xml)
        reader = DatagramReader()
        assert reader.receive(DEVICE, data[:1400], 0.0) == []
        assert reader.receive(("other", 1), REGISTER, 0.0)[0].method == "REGISTER"
        assert reader.receive(DEVICE, data[1400:2400], 0.1) == []
        (whole,) = reader.receive(DEVICE, data[2400:], 0.2)
        assert whole.body == xml

    def test_a_body_counted_in_characters_is_given_out_at_once(self):
        xml = "<Notify><Name>摄像机</Name></Notify>".encode("gb18030")
        (short,) = DatagramReader().receive(DEVICE, message(xml, length=len(xml) - 3), 0.0)
        (long,) = DatagramReader().receive(DEVICE, message(xml, length=len(xml) + 300), 0.0)
        assert short.body == long.body == xml

    def test_an_unfinished_one_is_given_out_after_a_second_or_when_the_next_begins(self):
        reader = DatagramReader()
        assert reader.receive(DEVICE, message(b"<Response><SN>1", length=900), 0.0) == []
        assert reader.tick(0.5) == []
        ((source, late),) = reader.tick(1.1)
        assert source == DEVICE
        assert late.body == b"<Response><SN>1"
        assert reader.receive(DEVICE, message(b"<Response><SN>1", length=900), 2.0) == []
        assert [item.method for item in reader.receive(DEVICE, REGISTER, 2.1)] == ["MESSAGE", "REGISTER"]


class TestDigest:
    def guard(self, **more) -> digest.Guard:
        return digest.Guard("1201000000", b"secret of the process", **more)

    def test_the_example_of_rfc_2617(self):
        values = {
            "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "uri": "/dir/index.html", "qop": "auth", "nc": "00000001",
            "cnonce": "0a4f113b",
        }  # fmt: skip
        secret = digest.ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
        assert digest.response(values, secret, "GET", "MD5") == "6629fae49393a05397450978507c4ef1"

    def test_the_sha_256_example_of_rfc_7616(self):
        values = {
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "uri": "/dir/index.html", "qop": "auth",
            "nc": "00000001", "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        }  # fmt: skip
        secret = digest.ha1("Mufasa", "http-auth@example.org", "Circle of Life", "SHA-256")
        assert (
            digest.response(values, secret, "GET", "SHA-256")
            == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        )

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    def test_a_nonce_works_once_and_only_in_time_and_only_for_its_peer(self, algorithm: str):
        guard = self.guard(algorithm=algorithm)
        challenge = guard.challenge("dev", "10.0.0.7", 100.0)
        assert f"algorithm={algorithm}" in challenge
        answer = digest.answer(challenge, "login", "pass", "REGISTER", "sip:x")

        def check(where: str = "10.0.0.7", now: float = 101.0, password: str = "pass", user: str = "login"):
            return guard.check(answer, "REGISTER", "dev", where, user, password, now)

        assert check(password="other") is digest.Verdict.WRONG
        assert check(user="dev") is digest.Verdict.WRONG
        assert check(where="10.0.0.8") is digest.Verdict.FOREIGN
        assert check(now=200.0) is digest.Verdict.STALE
        assert check() is digest.Verdict.RIGHT
        assert check() is digest.Verdict.REPLAYED

    def test_habits_of_devices(self):
        guard = self.guard()
        challenge = guard.challenge("dev", "h", 0.0)
        answer = digest.answer(challenge, "u", "p", "REGISTER", "sip:x")
        lower = answer.replace("algorithm=MD5", "algorithm=md5").replace(", ", ",")
        without = answer.replace("algorithm=MD5", "algorithm=MD5").replace(", algorithm=MD5", "")
        assert guard.check(lower, "REGISTER", "dev", "h", "u", "p", 1.0) is digest.Verdict.RIGHT
        challenge = guard.challenge("dev", "h", 2.0)
        answer = digest.answer(challenge + ', qop="auth,auth-int"', "u", "p", "REGISTER", "sip:x")
        assert "qop=auth" in answer
        assert guard.check(answer, "REGISTER", "dev", "h", "u", "p", 3.0) is digest.Verdict.RIGHT
        assert guard.check(without, "REGISTER", "dev", "h", "u", "p", 3.0) is digest.Verdict.REPLAYED

    def test_a_35114_capability_offer_is_answered_cleanly(self):
        offer = 'Capability algorithm="A:SM2;H:SM3;S:SM4/OFB/PKCS5", keyversion="2020-01-01T00:00:00"'
        assert self.guard().check(offer, "REGISTER", "d", "h", "u", "p", 0.0) is digest.Verdict.UNSUPPORTED

    @given(st.text(max_size=300))
    def test_no_header_is_ever_right_by_chance(self, header: str):
        assert self.guard().check(header, "REGISTER", "d", "h", "u", "p", 0.0) is not digest.Verdict.RIGHT


def request(method: str = "MESSAGE", cseq: int = 1, call_id: str = "c") -> Message:
    found = Message(method=method, uri="sip:d@h")
    for name, value in (("from", "<sip:a@h>;tag=1"), ("to", "<sip:d@h>"), ("call-id", call_id)):
        found.set(name, value)
    found.set("cseq", f"{cseq} {method}")
    return found


class TestTransactions:
    def test_a_repeat_gets_the_same_answer_and_no_second_event(self):
        end = Endpoint()
        (event,) = end.receive(REGISTER, DEVICE, 0.0)
        assert isinstance(event, Requested)
        assert "received=10.0.0.7" in event.request.get("via")
        assert "rport=5060" in event.request.get("via")
        end.answer(event.request, DEVICE, response_to(event.request, 401, to_tag="t"), 0.0)
        first = end.outgoing.pop()
        assert end.receive(REGISTER, DEVICE, 0.5) == []
        assert end.outgoing == [first]

    def test_one_branch_for_everything_does_not_mix_requests_up(self):
        end = Endpoint()
        one = message(b"<Notify></Notify>", cseq=1).replace(b"z9hG4bK1", b"same")
        two = message(b"<Notify></Notify>", cseq=2).replace(b"z9hG4bK2", b"same")
        assert len(end.receive(one, DEVICE, 0.0)) == len(end.receive(two, DEVICE, 0.0)) == 1

    def test_requests_are_repeated_on_udp_and_end_after_timer_f(self):
        end = Endpoint()
        end.send(request(), DEVICE, 0.0, ("10.0.0.1", 5060))
        now, events = 0.0, []
        while now < TIMEOUT + 1:
            now += 0.1
            events += end.tick(now)
        assert [type(event) for event in events] == [TimedOut]
        assert 9 <= len(end.outgoing) <= 12
        assert len({data for _peer, data in end.outgoing}) == 1
        assert end.wake_at() is None

    def test_requests_are_not_repeated_on_tcp_and_end_with_the_connection(self):
        peer = Peer("tcp", "10.0.0.7", 40000)
        end = Endpoint()
        end.send(request(), peer, 0.0, ("10.0.0.1", 5060))
        end.tick(5.0)
        assert len(end.outgoing) == 1
        assert isinstance(end.closed(peer)[0], TimedOut)
        assert end.waiting == 0

    def test_an_answer_ends_the_repeats(self):
        end = Endpoint()
        sent = end.send(request(), DEVICE, 0.0, ("10.0.0.1", 5060))
        (event,) = end.receive(response_to(sent, 200, to_tag="x").encode(), DEVICE, 0.2)
        assert isinstance(event, Answered)
        end.outgoing.clear()
        assert end.tick(T1 * 40) == []
        assert end.outgoing == []
        assert end.receive(response_to(sent, 200, to_tag="x").encode(), DEVICE, 20.1) == []

    def test_an_invite_waits_while_it_rings_and_a_failure_is_acknowledged(self):
        end = Endpoint()
        sent = end.send(request("INVITE"), DEVICE, 0.0, ("10.0.0.1", 5060))
        end.receive(response_to(sent, 101, "Dialog Establishement").encode(), DEVICE, 0.1)
        end.outgoing.clear()
        assert end.tick(10.0) == []
        assert end.outgoing == []
        failed = response_to(sent, 488, to_tag="x").encode()
        (event,) = end.receive(failed, DEVICE, 11.0)
        assert isinstance(event, Answered)
        ack = parse(end.outgoing.pop()[1])
        assert (ack.method, ack.cseq, ack.branch) == ("ACK", (1, "ACK"), sent.branch)
        assert end.receive(failed, DEVICE, 11.5) == []
        assert parse(end.outgoing.pop()[1]).method == "ACK"

    def test_a_repeated_200_is_acknowledged_again(self):
        end = Endpoint()
        sent = end.send(request("INVITE"), DEVICE, 0.0, ("10.0.0.1", 5060))
        good = response_to(sent, 200, to_tag="x", contact="<sip:dev@10.0.0.7:5060>")
        end.receive(good.encode(), DEVICE, 0.1)
        dialog = Dialog.called(sent, good, DEVICE)
        end.send(dialog.ack(1), DEVICE, 0.1, ("10.0.0.1", 5060))
        first = end.outgoing[-1]
        end.outgoing.clear()
        assert end.receive(good.encode(), DEVICE, 0.6) == []
        assert end.outgoing == [first]

    def test_our_200_is_repeated_until_the_ack(self):
        end = Endpoint()
        invite = request("INVITE")
        invite.set("via", "SIP/2.0/UDP h;branch=nocookie")
        (event,) = end.receive(invite.encode(), DEVICE, 0.0)
        end.answer(event.request, DEVICE, response_to(event.request, 200, to_tag="me"), 0.0)
        end.tick(0.6)
        assert len(end.outgoing) == 2
        ack = request("ACK")
        ack.set("cseq", "1 INVITE")  # seen in the field
        end.receive(ack.encode(), DEVICE, 0.7)
        end.outgoing.clear()
        assert end.tick(60.0) == []
        assert end.outgoing == []

    def test_an_unacknowledged_200_is_reported(self):
        end = Endpoint()
        (event,) = end.receive(request("INVITE").encode(), DEVICE, 0.0)
        end.answer(event.request, DEVICE, response_to(event.request, 200, to_tag="me"), 0.0)
        found = [item for step in range(80) for item in end.tick(step * 0.5)]
        assert found == [TimedOut(event.request, DEVICE, unacknowledged=True)] or found[0].unacknowledged

    def test_noise_is_malformed_and_a_stream_of_it_is_lost(self):
        end = Endpoint()
        assert end.receive(b"\x00\x01garbage", DEVICE, 0.0) == [Malformed(DEVICE, "no start line")]
        (event,) = end.receive(b"GET / HTTP/1.1\r\n\r\n", Peer("tcp", "1.2.3.4", 9), 0.0)
        assert isinstance(event, Malformed)
        assert event.lost

    def test_memory_of_answers_is_bounded(self):
        end = Endpoint(most_remembered=100)
        for number in range(1000):
            end.receive(message(b"", cseq=number), DEVICE, 0.0)
        assert len(end._servers) <= 100


class TestDialogs:
    def test_requests_go_to_the_contact_and_count_up(self):
        invite = request("INVITE", cseq=20)
        good = response_to(invite, 200, to_tag="r", contact="<sip:12010000001320000001@192.168.1.9:5060>;x=1")
        dialog = Dialog.called(invite, good)
        info, bye = dialog.request("INFO"), dialog.request("BYE")
        assert info.uri == "sip:12010000001320000001@192.168.1.9:5060"
        assert (info.cseq, bye.cseq) == ((21, "INFO"), (22, "BYE"))
        assert parameter(info.get("to"), "tag") == "r"

    def test_a_200_without_contact_falls_back_to_the_request_address(self):
        invite = request("INVITE")
        assert Dialog.called(invite, response_to(invite, 200)).target == "sip:d@h"
        masked = response_to(invite, 200, contact="***")
        assert Dialog.called(invite, masked).target in ("sip:d@h", "***")

    def test_the_called_side(self):
        invite = request("INVITE", cseq=5)
        invite.set("contact", "<sip:up@10.1.1.1:5060>")
        dialog = Dialog.answered(invite, "mine")
        bye = dialog.request("BYE")
        assert bye.uri == "sip:up@10.1.1.1:5060"
        assert parameter(bye.get("from"), "tag") == "mine"
        assert dialog.key == ("c", "mine")


@settings(max_examples=300, deadline=2000)
@given(st.binary(max_size=600))
def test_no_bytes_break_the_readers(data: bytes):
    for start in (b"", b"MESSAGE sip:a@b SIP/2.0\r\n", b"SIP/2.0 200 OK\r\nVia: "):
        try:
            parse(start + data).encode()
        except SipError:
            pass
        end = Endpoint()
        end.receive(start + data, DEVICE, 0.0)
        end.receive(start + data, Peer("tcp", "h", 1), 0.0)
        end.tick(100.0)


def test_mutations_of_real_shapes_do_not_break_the_endpoint():
    chance = random.Random(28181)
    end = Endpoint()
    seeds = [REGISTER, message(b"<Notify><CmdType>Keepalive</CmdType></Notify>"), message(b"<a>" * 50, length=999)]
    for round_number in range(4000):
        data = bytearray(chance.choice(seeds))
        for _change in range(chance.randint(1, 8)):
            where = chance.randrange(len(data))
            kind = chance.random()
            if kind < 0.4:
                data[where] = chance.randrange(256)
            elif kind < 0.7:
                del data[where : where + chance.randint(1, 20)]
            else:
                data[where:where] = bytes(chance.choices(b'\r\n:;=<>" ,0\xff', k=chance.randint(1, 9)))
            if not data:
                data = bytearray(b"x")
        peer = Peer(chance.choice(("udp", "tcp")), "h", round_number % 50)
        for event in end.receive(bytes(data), peer, round_number * 0.01):
            if isinstance(event, Requested) and event.request.method != "ACK":
                end.answer(event.request, peer, response_to(event.request, 200), round_number * 0.01)
            elif isinstance(event, Malformed) and event.lost:
                end.closed(peer)
        end.outgoing.clear()
        end.tick(round_number * 0.01)
