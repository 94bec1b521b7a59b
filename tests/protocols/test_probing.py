"""What probes say and hear: RTSP, NTP, database greetings, exporters' numbers, remote write. Any bytes end in an answer."""

from __future__ import annotations

import math
import struct
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengheng.protocols import dbgreeting, exposition, ntp, remotewrite, rtsp

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True)


class TestRtsp:
    def test_an_answer_with_a_description(self):
        body = (
            b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        data = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        answer, rest = rtsp.read(data + b"more")
        assert (answer.status, answer.reason, answer.get("cseq"), rest) == (200, "OK", "2", b"more")
        assert rtsp.streams(answer.body) == [("video", "H264"), ("audio", "PCMA")]
        assert rtsp.read(data[:-1]) is None

    def test_the_question_holds_no_password(self):
        assert rtsp.plain_url("rtsp://admin:p%40ss@192.0.2.1:554/h264/ch1") == "rtsp://192.0.2.1:554/h264/ch1"
        with pytest.raises(ValueError, match="http"):
            rtsp.plain_url("http://192.0.2.1/")
        with pytest.raises(ValueError, match="line break"):
            rtsp.request("OPTIONS", "rtsp://a/", 1, {"X": "a\r\nB: c"})

    def test_both_ways_to_log_in(self):
        def asked(*challenges):
            return rtsp.Response(401, "", {"www-authenticate": list(challenges)})

        told = rtsp.authorization(asked('Digest realm="R", nonce="N"'), "u", "p", "DESCRIBE", "rtsp://a/")
        assert told.startswith("Digest ")
        assert 'uri="rtsp://a/"' in told
        assert rtsp.authorization(asked('Basic realm="R"'), "u", "p", "DESCRIBE", "rtsp://a/") == "Basic dTpw"
        assert rtsp.authorization(asked("Bearer x"), "u", "p", "DESCRIBE", "rtsp://a/") is None

    @given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"RTSP/1.0 200 OK\r\n" + tail))
    def test_any_bytes(self, data):
        try:
            found = rtsp.read(data)
        except rtsp.RtspError:
            return
        assert found is None or isinstance(found[0].status, int)

    @given(st.integers(100, 599), st.binary(max_size=200), st.integers(0, 400))
    def test_nothing_is_answered_before_all_is_there(self, status, body, cut):
        data = b"RTSP/1.0 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        found = rtsp.read(data[:cut])
        assert (found is not None) == (cut >= len(data))
        assert found is None or (found[0].status, found[0].body, found[1]) == (status, body, b"")


def served(question: bytes, came: float, went: float, stratum: int = 2, leap: int = 0, mode: int = 4) -> bytes:
    origin = question[40:48]
    times = b"".join(struct.pack("!II", *ntp._stamp(at)) for at in (came, went))
    return (
        struct.pack("!BBbbII4sII", leap << 6 | 4 << 3 | mode, stratum, 6, -20, 0, 65536, b"GPS\0", 0, 0)
        + origin
        + times
    )


class TestNtp:
    @given(st.floats(0, 4_200_000_000), st.floats(-5000, 5000), st.floats(0, 2), st.floats(0, 2))
    def test_offset_and_delay_are_those_of_the_rfc(self, sent, offset, out, back):
        came = sent + out + offset
        if came < 0:
            return
        answer = ntp.read(served(ntp.request(sent), came, came + 0.001), sent, sent + out + 0.001 + back)
        assert answer.offset_s == pytest.approx(offset + (out - back) / 2, abs=1e-4)
        assert answer.delay_s == pytest.approx(out + back, abs=1e-4)
        assert answer.fault == ""

    def test_what_must_not_be_followed(self):
        question = ntp.request(1e9)
        assert "RATE" in ntp.read(served(question, 1e9, 1e9, 0).replace(b"GPS\0", b"RATE"), 1e9, 1e9).fault
        assert "synchronised" in ntp.read(served(question, 1e9, 1e9, leap=3), 1e9, 1e9).fault
        assert ntp.read(served(question, 1e9, 1e9, 16), 1e9, 1e9).fault == "stratum 16"
        for bad in (served(ntp.request(1e9 + 1), 1e9, 1e9), served(question, 1e9, 1e9, mode=3), b"short"):
            with pytest.raises(ntp.NtpError):
                ntp.read(bad, 1e9, 1e9)

    @given(st.binary(max_size=80))
    def test_any_bytes(self, data):
        try:
            ntp.read(data, 1e9, 1e9)
        except ntp.NtpError:
            pass


def pg_error(code: str, words: str = "no") -> bytes:
    body = b"SFATAL\0C" + code.encode() + b"\0M" + words.encode() + b"\0\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def mysql_packet(body: bytes, number: int = 0) -> bytes:
    return len(body).to_bytes(3, "little") + bytes((number,)) + body


class TestDatabases:
    def test_postgresql_as_pg_isready_judges(self):
        assert dbgreeting.postgres(b"R" + struct.pack("!II", 8, 10)).ready
        assert dbgreeting.postgres(pg_error("28000")).ready, "it refused us, so it takes clients"
        starting = dbgreeting.postgres(pg_error("57P03", "the database system is starting up"))
        assert (starting.ready, starting.text) == (False, "57P03 the database system is starting up")
        with pytest.raises(dbgreeting.GreetingError):
            dbgreeting.postgres(b"SSH-2.0")

    def test_mysql_greets_or_refuses(self):
        told = dbgreeting.mysql(mysql_packet(b"\x0a8.0.36\0" + bytes(40)))
        assert (told.ready, told.version) == (True, "8.0.36")
        many = dbgreeting.mysql(mysql_packet(b"\xff" + (1040).to_bytes(2, "little") + b"Too many connections"))
        assert (many.ready, many.text) == (False, "1040 Too many connections")
        login = dbgreeting.mysql_login()
        assert int.from_bytes(login[:3], "little") == len(login) - 4

    @given(st.binary(max_size=120))
    def test_any_bytes(self, data):
        for read in (dbgreeting.postgres, dbgreeting.mysql):
            try:
                found = read(data)
            except dbgreeting.GreetingError:
                continue
            assert found is None or isinstance(found.ready, bool)

    @given(st.integers(0, 60))
    def test_half_an_answer_is_none_yet(self, cut):
        for read, whole in (
            (dbgreeting.postgres, pg_error("57P03")),
            (dbgreeting.mysql, mysql_packet(b"\x0a8.0\0" + bytes(20))),
        ):
            assert (read(whole[:cut]) is None) == (cut < len(whole))


class TestNumbers:
    TEXT = (
        "# HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1 0.52\n"
        'node_filesystem_avail_bytes{device="/dev/sda1",mountpoint="/"} 1.5e+10 1700000000000\n'
        'node_filesystem_avail_bytes{device="C:\\\\x",mountpoint="say \\"a\\"\\n"} NaN\n'
        "node_load15 3\nbad line here too many\n"
    )

    def test_only_what_was_asked_for(self):
        found = list(exposition.samples(self.TEXT, {"node_load1", "node_filesystem_avail_bytes"}))
        assert [(s.name, s.labels.get("mountpoint")) for s in found] == [
            ("node_load1", None), ("node_filesystem_avail_bytes", "/"), ("node_filesystem_avail_bytes", 'say "a"\n'),
        ]  # fmt: skip
        assert found[0].value == 0.52
        assert math.isnan(found[2].value)

    @given(names, st.dictionaries(names, st.text(max_size=20), max_size=4), st.floats(allow_nan=False))
    def test_what_is_written_is_read(self, name, labels, value):
        def quoted(text):
            return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

        pairs = ",".join(f'{key}="{quoted(text)}"' for key, text in labels.items())
        found = exposition.read_line(f"{name}{{{pairs}}} {value!r}" if labels else f"{name} {value!r}")
        assert (found.name, found.labels, found.value) == (name, labels, value)

    @given(st.text(max_size=80))
    def test_any_line(self, text):
        try:
            exposition.read_line(text)
        except exposition.ExpositionError:
            pass
        try:
            list(exposition.samples("up" + text, {"up"}))
        except exposition.ExpositionError:
            pass


@cache
def _schema():
    """The message of the specification, built for the protobuf library: a reader that is not ours."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="w.proto", package="w", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in (
        ("Label", (("name", 1, kinds.TYPE_STRING, ""), ("value", 2, kinds.TYPE_STRING, ""))),
        ("Sample", (("value", 1, kinds.TYPE_DOUBLE, ""), ("timestamp", 2, kinds.TYPE_INT64, ""))),
        ("Series", (("labels", 1, kinds.TYPE_MESSAGE, ".w.Label"), ("samples", 2, kinds.TYPE_MESSAGE, ".w.Sample"))),
        ("Write", (("timeseries", 1, kinds.TYPE_MESSAGE, ".w.Series"),)),
    ):
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            repeated = kinds.LABEL_REPEATED if of else kinds.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, label=repeated, type_name=of or None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("w.Write"))


points = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)), max_size=4)
values = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20)


_schema()  # takes longer than an example may


@given(st.lists(st.tuples(st.dictionaries(names, values, min_size=1, max_size=4), points), max_size=4))
def test_another_reader_reads_our_remote_write(series):
    found = _schema().FromString(remotewrite.write_request(series))
    assert [
        ({label.name: label.value for label in one.labels}, [(s.timestamp, s.value) for s in one.samples])
        for one in found.timeseries
    ] == series
    assert all(
        [label.name for label in one.labels] == sorted(label.name for label in one.labels) for one in found.timeseries
    )
