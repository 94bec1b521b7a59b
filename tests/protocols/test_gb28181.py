"""GB/T 28181: identifiers, MANSCDP, PTZ, SDP, playback control, gathering; and the vendor quirks of facts §2."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.protocols.gb28181 import edition, ids, manscdp, mansrtsp, ptz, sdp
from chengheng.protocols.gb28181.gathering import Gathering
from chengheng.protocols.gb28181.redact import redact

DEVICE, CAMERA = "12010000001110000001", "12010000001320000001"


class TestIds:
    def test_the_parts_of_annex_d(self):
        code = ids.read("12010112341320000042")
        assert code == ids.Code("12010112", "34", 132, "0", "000042")
        assert code.label == "ip camera"
        assert ids.read("0000042001000001") is None
        assert ids.read("１" * 20) is None
        assert [ids.kind_of(text) for text in ("12", "120101", "12010100002150000001", "12010100002160000001")] == [
            "region", "region", "group", "organisation",
        ]  # fmt: skip
        assert ids.kind_of(CAMERA, parental=True) == "camera"  # Parental=1 on a leaf is not believed
        assert ids.kind_of("32140") == "camera"

    def test_ssrc_of_annex_f(self):
        assert ids.ssrc("12010000002000000001", 7) == "0100000007"
        assert ids.ssrc("34020000002000000001", 12345, history=True) == "1200002345"
        assert ids.read_ssrc("630886") == 630886
        assert ids.read_ssrc("") is None
        assert ids.read_ssrc("9999999999") is None

    def test_editions(self):
        assert [edition(text) for text in ("1.1", "2.0", " 3.0", "", "9")] == [2011, 2016, 2022, None, None]


def catalog_body(items: str, total: int = 2, sn: int = 5, encoding: str = "GB2312") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<Response><CmdType>Catalog</CmdType><SN>{sn}</SN>'
        f"<DeviceID>{DEVICE}</DeviceID><SumNum>{total}</SumNum><DeviceList Num='2'>{items}</DeviceList></Response>"
    )
    return text.encode("gb18030")


def item(number: int, more: str = "", name: str = "路口") -> str:
    return (
        f"<Item><DeviceID>1201000000132{number:07d}</DeviceID><Name>{name}{number}</Name>{more}"
        "<Status>ON</Status></Item>"
    )


class TestReadingBrokenXml:
    """Quirk 7."""

    def names(self, data: bytes) -> list[str]:
        return [entry.name for entry in manscdp.catalog(manscdp.read(data)).items]

    def test_doubled_end_tags_and_nuls(self):
        broken = catalog_body(item(1) + "</Item>" + item(2)) + b"\0\0\0"
        assert self.names(broken) == ["路口1", "路口2"]
        assert self.names(catalog_body(item(1)).replace("路口".encode("gb18030"), b"a\0\0b")) == ["ab1"]

    def test_unescaped_ampersands_and_angle_brackets(self):
        assert self.names(catalog_body(item(1, name="A&B路"))) == ["A&B路1"]
        assert self.names(catalog_body(item(1, "<Address>1 < 2 & 3</Address>") + item(2))) == ["路口1", "路口2"]

    def test_uninitialised_bytes_in_the_address(self):
        data = catalog_body(item(1, "<Address>@@@@</Address>") + item(2))
        broken = data.replace(b"@@@@", b"\xd0\xff\x01<KP\xf1<K\x07'@\x80'@\xff")
        page = manscdp.catalog(manscdp.read(broken))
        assert [entry.status for entry in page.items] == ["ON", "ON"]
        assert [entry.name for entry in page.items] == ["路口1", "路口2"]

    def test_bodies_that_stop_in_the_middle(self):
        whole = catalog_body(item(1) + item(2))
        assert self.names(whole[:-60])[0] == "路口1"

    @pytest.mark.parametrize(
        ("declared", "used"),
        [("GB2312", "gb18030"), ("GB2312", "utf-8"), ("UTF-8", "utf-8"), ("UTF-8", "gb18030"), ("", "gb18030")],
    )
    def test_the_declared_charset_is_only_a_hint(self, declared: str, used: str):
        head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
        text = f"{head}<Notify><CmdType>Alarm</CmdType><AlarmDescription>视频丢失，请查</AlarmDescription></Notify>"
        assert manscdp.read(text.encode(used)).text("AlarmDescription") == "视频丢失，请查"

    def test_characters_beyond_gb2312(self):
        text = "<Notify><CmdType>Alarm</CmdType><AlarmDescription>㐀𠀀喆</AlarmDescription></Notify>"
        assert manscdp.read(text.encode("gb18030")).text("AlarmDescription") == "㐀𠀀喆"

    @pytest.mark.parametrize(
        "attack",
        [
            '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Notify><CmdType>&b;</CmdType></Notify>',
            '<!doctype a [<!entity b "x">]><Notify><CmdType>&b;</CmdType></Notify>',
        ],
    )
    def test_entities_are_refused(self, attack: str):
        with pytest.raises(manscdp.ManscdpError):
            manscdp.read(attack.encode())

    def test_deep_nesting_does_not_hang(self):
        try:
            manscdp.read(b"<Notify><CmdType>x</CmdType>" + b"<a>" * 100_000)
        except manscdp.ManscdpError:
            pass

    @settings(max_examples=300, deadline=2000)
    @given(st.binary(max_size=400))
    def test_no_bytes_break_it(self, data: bytes):
        for body in (data, b"<Response><CmdType>Catalog</CmdType>" + data + b"</Response>"):
            try:
                command = manscdp.read(body)
            except manscdp.ManscdpError:
                continue
            manscdp.catalog(command)
            manscdp.records(command)
            manscdp.alarm(command)
            manscdp.positions(command)
            manscdp.device_status(command)
            manscdp.keepalive(command)


class TestCatalogs:
    """Quirk 8."""

    def gather(self, *pages: bytes, sn: int = 5) -> Gathering:
        found = Gathering(sn, 0.0)
        for number, page in enumerate(pages):
            found.receive(manscdp.catalog(manscdp.read(page)), float(number))
        return found

    def test_one_item_a_message_out_of_order_and_twice(self):
        found = self.gather(*(catalog_body(item(number), total=4) for number in (3, 1, 1, 4, 2)))
        assert found.complete
        assert found.duplicates == 1
        assert len(found.items) == 4

    def test_a_sum_that_never_arrives_ends_by_quiet_and_is_incomplete(self):
        found = self.gather(catalog_body(item(1) + item(2), total=9))
        assert not found.over(7.0)
        assert found.over(8.1)
        assert not found.complete

    def test_repeats_do_not_keep_it_open_for_ever(self):
        found = self.gather(*(catalog_body(item(1), total=9) for _again in range(30)))
        assert found.over(30.0)

    def test_no_result_is_complete_at_once(self):
        nothing = manscdp.catalog_page(5, DEVICE, 0, [])
        assert b"DeviceList" not in nothing
        assert self.gather(nothing).complete

    def test_pages_of_another_query_are_not_ours(self):
        assert not self.gather(catalog_body(item(1), total=1, sn=6)).items

    def test_parents(self):
        def parent(text: str) -> str:
            return manscdp.parent_of(manscdp.CatalogItem(CAMERA, parent_id=text), DEVICE)

        assert parent("") == parent(CAMERA) == DEVICE
        assert parent(f"12010000002000000001/{DEVICE}") == DEVICE
        assert parent("12010000002160000001") == "12010000002160000001"

    def test_values_that_mean_nothing(self):
        more = (
            "<CivilCode>CivilCode</CivilCode><Longitude>0.000</Longitude><Latitude>0</Latitude><Parental>1</Parental>"
        )
        (entry,) = manscdp.catalog(manscdp.read(catalog_body(item(1, more)))).items
        assert (entry.civil_code, entry.lon, entry.lat) == ("", None, None)
        (far,) = manscdp.catalog(
            manscdp.read(catalog_body(item(1, "<Longitude>1e999</Longitude><Latitude>39</Latitude>")))
        ).items
        assert far.lon is None

    def test_what_we_write_we_read(self):
        entries = [
            manscdp.CatalogItem(CAMERA, name="<津>&路", status="OFF", lon=117.2, lat=39.1, ptz_type=1, parent_id=DEVICE,
                                register_way=1, secrecy=0),
        ]  # fmt: skip
        page = manscdp.catalog(manscdp.read(manscdp.catalog_page(5, DEVICE, 1, entries)))
        assert page.items == tuple(entries)

    def test_ten_thousand_items_in_one_message(self):
        entries = [
            manscdp.CatalogItem(f"1201000000132{number:07d}", name=f"摄像机{number}", status="ON", lon=117.0, lat=39.0)
            for number in range(10_000)
        ]
        data = manscdp.catalog_page(1, DEVICE, 10_000, entries)
        assert len(data) > 3_000_000
        started = time.process_time()
        page = manscdp.catalog(manscdp.read(data))
        spent = time.process_time() - started
        assert len({entry.id for entry in page.items}) == 10_000
        assert spent < 2.0  # 0.13 s when the machine is quiet; the benchmark gives the figure


class TestNotices:
    """Quirk 12."""

    def test_the_flat_and_the_list_form_of_positions(self):
        flat = manscdp.notify("MobilePosition", 1, DEVICE, Time="2026-01-05T08:00:00", Longitude=117.2, Latitude=39.1)
        (one,) = manscdp.positions(manscdp.read(flat))
        assert one.device_id == DEVICE
        assert one.at == datetime(2026, 1, 5, tzinfo=UTC)
        target = manscdp.notify("MobilePosition", 1, DEVICE, TargetID=CAMERA, Longitude=117.2, Latitude=39.1)
        assert manscdp.positions(manscdp.read(target))[0].device_id == CAMERA
        listed = manscdp.notify(
            "MobilePosition", 1, DEVICE,
            DeviceList={"@Num": 2, "Item": [
                {"DeviceID": CAMERA, "CaptureTime": "2026-01-05T08:00:01", "Longitude": 117.3, "Latitude": 39.2},
                {"DeviceID": DEVICE, "Longitude": 999, "Latitude": 39.2},
            ]},
        )  # fmt: skip
        (only,) = manscdp.positions(manscdp.read(listed))
        assert (only.device_id, only.lon) == (CAMERA, 117.3)

    def test_keepalive_with_faulty_parts(self):
        data = manscdp.notify("Keepalive", 1, DEVICE, Status="ERROR", Info={"DeviceID": [CAMERA]})
        assert manscdp.keepalive(manscdp.read(data)) == manscdp.Keepalive(DEVICE, False, (CAMERA,))


class TestPtz:
    def test_the_bytes_of_annex_a_3(self):
        assert ptz.encode(0x02, 0x96, address=1) == "A50F01029600004D"
        assert ptz.Move().encode() == "A50F0000000000B4"
        assert ptz.Move(pan=31, tilt=31, zoom=-5).encode()[6:8] == "29"
        assert ptz.PresetAct("call", 2).encode() == "A50F008200020038"

    @given(st.integers(-255, 255), st.integers(-255, 255), st.integers(-15, 15))
    def test_moves_come_back(self, pan: int, tilt: int, zoom: int):
        assert ptz.decode(ptz.Move(pan, tilt, zoom).encode()) == ptz.Move(pan, tilt, zoom)

    @given(st.integers(-255, 255), st.integers(-255, 255))
    def test_lens_comes_back(self, focus: int, iris: int):
        assert ptz.decode(ptz.Lens(focus, iris).encode()) == ptz.Lens(focus, iris)

    @pytest.mark.parametrize("text", ["", "A50F", "A50F0000000000B5", "zz", "00" * 8])
    def test_wrong_ones_are_refused(self, text: str):
        with pytest.raises(ptz.PtzError):
            ptz.decode(text)

    @given(st.text(max_size=20))
    def test_no_text_breaks_it(self, text: str):
        try:
            ptz.decode(text)
        except ptz.PtzError:
            pass


class TestSessions:
    """Quirk 9."""

    def test_what_we_write(self):
        text = sdp.Description(
            owner="12010000002000000001", session="Playback", host="10.0.0.1", port=40000, tcp=True, payloads=[96, 98],
            direction="recvonly", setup="passive", uri=f"{CAMERA}:0", from_at=1, to_at=2, ssrc="1100000001",
        ).encode()  # fmt: skip
        lines = text.decode().split("\r\n")
        assert "m=video 40000 TCP/RTP/AVP 96 98" in lines
        assert lines.index("a=setup:passive") < lines.index("y=1100000001")
        found = sdp.read(text)
        assert (found.kind, found.uri, found.from_at, found.to_at, found.tcp) == ("playback", f"{CAMERA}:0", 1, 2, True)

    def test_answers_that_are_off(self):
        found = sdp.read(
            b"v=0\r\no=- 0 0 IN IP4 192.168.1.2\r\ns=Network Video Recorder\r\nt=99999999999999999999 x\r\n"
            b"m=video 62000 RTP/AVP 96\r\na=setup:active\r\na=password:x\r\ny=7\r\nf=v/a/b"
        )
        assert (found.host, found.port, found.ssrc_value, found.video_format) == ("192.168.1.2", 62000, 7, {})
        assert found.kind == ""

    @settings(max_examples=200)
    @given(st.binary(max_size=300))
    def test_no_bytes_break_it(self, data: bytes):
        for body in (data, b"m=video 1 RTP/AVP 96\r\n" + data):
            try:
                sdp.read(body).encode()
            except sdp.SdpError:
                pass

    def test_subjects(self):
        assert sdp.subject(CAMERA, "0100000001", DEVICE) == f"{CAMERA}:0100000001,{DEVICE}:0"
        assert sdp.read_subject("a:0") == ("a", "0", "", "")


class TestPlayback:
    @pytest.mark.parametrize("name", ["RTSP/1.0", "MANSRTSP/1.0"])
    def test_both_names_are_read(self, name: str):
        found = mansrtsp.read(f"PLAY {name}\r\nCSeq: 3\r\nScale: 0.25\r\nRange: npt=now-\r\n\r\n".encode())
        assert found == mansrtsp.Control("PLAY", 3, 0.25, None, True)

    def test_what_we_write_we_read(self):
        for control in (
            mansrtsp.Control("PLAY", 1, 4.0, 120.0), mansrtsp.Control("PAUSE", 2), mansrtsp.Control("TEARDOWN", 3),
            mansrtsp.Control("PLAY", 4, None, None, True),
        ):  # fmt: skip
            assert mansrtsp.read(control.encode()) == control
        assert mansrtsp.read(mansrtsp.ok(9)) == mansrtsp.Answer(200, 9)

    @given(st.binary(max_size=200))
    def test_no_bytes_break_it(self, data: bytes):
        try:
            mansrtsp.read(data)
        except mansrtsp.MansrtspError:
            pass


def test_secrets_are_taken_out_everywhere():
    shown = redact('a=password:abc\r\nb\r\n<Password>x1</Password> rtsp://admin:pw9@10.0.0.1/1 response="deadbeef"')
    for secret in ("abc", "x1", "pw9", "deadbeef"):
        assert secret not in shown
    assert "rtsp://admin:***@10.0.0.1/1" in shown
