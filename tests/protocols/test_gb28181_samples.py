"""All 74 real messages parse to checked values. The samples are not part of the product: skipped where not at hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from chengheng.protocols.gb28181 import edition, manscdp, mansrtsp, ptz, sdp
from chengheng.protocols.gb28181.redact import redact
from chengheng.protocols.sip import digest
from chengheng.protocols.sip.message import Message, SipError, parse, uri_of

DEVICE, CHANNEL = "34020000001320000002", "34020000001310000001"

# number: (method or status, CSeq, user of From, user of To)
SIP = {
    1: ("REGISTER", (1, "REGISTER"), DEVICE, DEVICE), 2: (401, (1, "REGISTER"), DEVICE, DEVICE),
    4: (200, (2, "REGISTER"), DEVICE, DEVICE), 5: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000010"),
    7: ("MESSAGE", (20, "MESSAGE"), "34020000002000000010", DEVICE),
    8: (200, (20, "MESSAGE"), "34020000002000000010", DEVICE),
    10: ("MESSAGE", (20, "MESSAGE"), "34020000002000000010", DEVICE),
    11: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000010"),
    13: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000010"),
    14: ("INVITE", (20, "INVITE"), "34020000002000000010", CHANNEL),
    16: (101, (20, "INVITE"), "34020000002000000010", CHANNEL),
    17: (200, (20, "INVITE"), "34020000002000000010", CHANNEL),
    19: ("BYE", (21, "BYE"), "34020000002000000010", CHANNEL), 20: (200, (21, "BYE"), "34020000002000000010", CHANNEL),
    22: ("MESSAGE", (20, "MESSAGE"), "34020000002000000010", DEVICE),
    23: ("MESSAGE", (20, "MESSAGE"), "34020000002000000010", DEVICE),
    25: ("MESSAGE", (20, "MESSAGE"), "34020000002000000010", "34020000001110000001"),
    26: (200, (20, "MESSAGE"), "34020000002000000010", "34020000001110000001"),
    28: ("INVITE", (20, "INVITE"), "34020000002000000010", CHANNEL),
    29: (200, (20, "INVITE"), "34020000002000000010", CHANNEL),
    31: ("INFO", (21, "INFO"), "34020000002000000010", CHANNEL),
    32: (200, (21, "INFO"), "34020000002000000010", CHANNEL),
    34: ("INFO", (23, "INFO"), "34020000002000000010", CHANNEL),
    35: ("BYE", (24, "BYE"), "34020000002000000010", CHANNEL),
    37: ("INVITE", (20, "INVITE"), "34020000002000000010", CHANNEL),
    38: ("ACK", (20, "ACK"), "34020000002000000010", CHANNEL),
    40: ("MESSAGE", (20, "MESSAGE"), "34020000001320000001", "0000042001000001"),
    41: ("INVITE", (20, "INVITE"), "0000042001000001", "32140"),
    43: ("REGISTER", (1, "REGISTER"), "44010200492000400301", "44010200492000400301"),
    44: (401, (1, "REGISTER"), "44010200492000400301", "44010200492000400301"),
    46: (200, (2, "REGISTER"), "44010200492000400301", "44010200492000400301"),
    47: ("MESSAGE", (1, "MESSAGE"), "34020000002000000001", "44010200492000400301"),
    49: ("INVITE", (2, "INVITE"), "34020000002000000001", "44010200492000400301"),
    50: (100, (2, "INVITE"), "34020000002000000001", "44010200492000400301"),
    52: ("ACK", (2, "INVITE"), "34020000002000000001", "44010200492000400301"),
    53: ("MESSAGE", (1, "MESSAGE"), "44010200492000400301", "44010200492000000001"),
    55: (200, (2, "BYE"), "34020000002000000001", "44010200492000400301"),
    56: ("REGISTER", (1, "REGISTER"), DEVICE, DEVICE),
    58: (302, (2, "REGISTER"), "34020000001320000099", "34020000001320000099"),
    59: ("REGISTER", (4, "REGISTER"), DEVICE, DEVICE),
    61: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000001"),
    62: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000001"),
    64: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000001"),
    65: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000001"),
    67: ("MESSAGE", (20, "MESSAGE"), DEVICE, "34020000002000000001"),
    68: ("INVITE", (35, "INVITE"), "34020000002000000001", CHANNEL),
    70: (200, (42, "INVITE"), "34020000002000000001", CHANNEL),
    71: ("INFO", (43, "INFO"), "34020000002000000001", CHANNEL),
    73: ("MESSAGE", (23, "MESSAGE"), "34020000002000000001", DEVICE),
    77: ("MESSAGE", (18, "MESSAGE"), "34020000002000000001", "34020000001320000001"),
    79: ("INVITE", (1, "INVITE"), "34020000001320000001", "34020000002000000001"),
    80: ("INVITE", (20, "INVITE"), "34020000001320000099", "34020000002000000001"),
    82: ("MESSAGE", (20, "MESSAGE"), "34020000001320000001", "34020000002000000001"),
    83: ("MESSAGE", (20, "MESSAGE"), "34020000001320000001", "34020000002000000001"),
    91: ("MESSAGE", (20, "MESSAGE"), "34020000001110000001", "34020000001110000001"),
    92: ("INVITE", (20, "INVITE"), "34020000002000000001", "34020000001320000003"),
    94: ("MESSAGE", (20, "MESSAGE"), "37070000081118000002", "37070000082008000001"),
    97: ("MESSAGE", (20, "MESSAGE"), "44010200491118000001", "44010200492000000001"),
    98: ("REGISTER", (413, "REGISTER"), "34020092992000868740", "34020092992000868740"),
    100: ("INVITE", (1, "INVITE"), "", ""), 101: (200, (1, "INVITE"), "", ""),
    103: ("SUBSCRIBE", (4, "SUBSCRIBE"), "34020000002000000002", "34020000001320000005"),
    104: ("NOTIFY", (2, "NOTIFY"), "31010400001320000002", "31010100992000000001"),
    109: (401, (1, "REGISTER"), "64010000002020000001", "64010000002020000001"),
    110: (200, (1, "INVITE"), "64010000002000000001", "64010000041110000044"),
}  # fmt: skip
BODY_ONLY = (74, 76, 85, 86, 88, 89, 95, 106, 107)

# number: (kind, CmdType, SN, DeviceID)
COMMANDS = {
    5: ("Notify", "Keepalive", 539, DEVICE), 7: ("Query", "Catalog", 7, DEVICE),
    10: ("Query", "DeviceInfo", 9, DEVICE), 11: ("Response", "DeviceInfo", 9, DEVICE),
    13: ("Response", "DeviceStatus", 10, DEVICE), 22: ("Control", "DeviceControl", 17, CHANNEL),
    23: ("Control", "DeviceControl", 24, CHANNEL), 25: ("Query", "RecordInfo", 18, CHANNEL),
    40: ("Response", "Catalog", 16705, "34020000001320000001"),
    47: ("Query", "DeviceStatus", 1, "44010200492000400301"), 53: ("Notify", "Keepalive", 1, "44010200492000400301"),
    61: ("Response", "DeviceInfo", 10019, DEVICE), 62: ("Response", "DeviceStatus", 10018, DEVICE),
    64: ("Response", "Catalog", 10021, DEVICE), 65: ("Response", "PresetQuery", 10024, CHANNEL),
    67: ("Response", "RecordInfo", 10035, CHANNEL), 73: ("Control", "DeviceControl", 10022, CHANNEL),
    74: ("Control", "DeviceControl", 10025, CHANNEL), 76: ("Control", "DeviceControl", 10025, CHANNEL),
    77: ("Notify", "Broadcast", 10017, ""), 82: ("Response", "DeviceConfig", 10003, CHANNEL),
    83: ("Notify", "UploadSnapShotFinished", 10003, CHANNEL),
    85: ("Response", "Catalog", 1, "34020000001180000001"), 86: ("Response", "Catalog", 4, "34020000001180000001"),
    88: ("Notify", "Alarm", 9, CHANNEL), 89: ("Response", "Catalog", 1, "34020000001320000001"),
    91: ("Response", "Catalog", 419315752, "34020000001110000001"),
    94: ("Response", "Catalog", 159643, "37070000081118000002"),
    95: ("Response", "Catalog", 726289, "34020000001110000001"),
    97: ("Response", "DeviceInfo", 701385, "44010200491118000001"),
    103: ("Query", "MobilePosition", 955675, "34020000001320000005"),
    104: ("Notify", "MobilePosition", 166925, "31010400001320000002"),
    107: ("Response", "DeviceInfo", 1676965736, "34020000001110000005"),
}  # fmt: skip

# number: (kind, host, port, tcp, setup, y=, direction)
SESSIONS = {
    14: ("play", "192.168.6.106", 45056, False, "", "0000001002", "recvonly"),
    17: ("play", "192.168.6.71", 9712, False, "", "0000001002", "sendonly"),
    28: ("playback", "192.168.6.106", 45056, False, "", "0000002000", "recvonly"),
    29: ("", "192.168.6.60", 62000, False, "", "0000002000", "sendonly"),
    37: ("download", "192.168.6.106", 45056, False, "", "0000003000", "recvonly"),
    41: ("play", "0.0.0.0", 32500, False, "", "0999999999", "recvonly"),
    49: ("play", "127.0.0.1", 7080, False, "", "", "recvonly"),
    68: ("play", "192.168.0.110", 8888, True, "active", "0000010000", "recvonly"),
    70: ("download", "192.168.0.64", 15060, False, "active", "1000010003", "sendonly"),
    79: ("play", "192.168.0.100", 9776, False, "", "0022440333", "recvonly"),
    80: ("play", "192.168.0.65", 15066, True, "active", "0200000017", "recvonly"),
    92: ("play", "39.100.155.146", 9000, False, "", "630886", "recvonly"),
    100: ("play", "***", 10000, False, "", "0200009319", "recvonly"),
    101: ("play", "***", 5490, False, "", "0703001718", "sendonly"),
    110: ("", "172.24.18.44", 8412, False, "", "100000001", "sendonly"),
}  # fmt: skip

PLAYBACK = {
    31: mansrtsp.Control("PAUSE", 20), 32: mansrtsp.Answer(200, 20, 9810092, 3450012),
    34: mansrtsp.Control("PLAY", 22, 2.0, 11.0), 71: mansrtsp.Control("PAUSE", 1),
}  # fmt: skip


@pytest.fixture
def sample(shared: Path):
    folder = shared / "data" / "gb28181"
    if not folder.exists():
        pytest.skip("the message samples are not at hand")

    def read(number: int) -> bytes:
        (path,) = folder.glob(f"{number:03d}-*.txt")
        return path.read_bytes()

    return read


def body(data: bytes) -> bytes:
    try:
        return parse(data).body
    except SipError:
        return data


def test_the_tables_here_cover_every_sample(shared: Path):
    folder = shared / "data" / "gb28181"
    if not folder.exists():
        pytest.skip("the message samples are not at hand")
    numbers = {int(path.name[:3]) for path in folder.glob("*.txt")}
    assert numbers == set(SIP) | set(BODY_ONLY)
    assert len(numbers) == 74
    with_body = {number for number in numbers if body(next(folder.glob(f"{number:03d}-*")).read_bytes()).strip()}
    assert with_body == set(COMMANDS) | set(SESSIONS) | set(PLAYBACK) | {106}


@pytest.mark.parametrize("number", SIP)
def test_a_sip_head_is_read(sample, number: int):
    what, cseq, caller, called = SIP[number]
    message = parse(sample(number))
    assert (message.method or message.status) == what
    assert message.cseq == cseq
    assert uri_of(message.get("from")).user == caller
    assert uri_of(message.get("to")).user == called
    assert message.call_id
    assert message.get("via").startswith("SIP/2.0/")
    again = parse(message.encode())
    assert again.headers == {**message.headers, "content-length": [str(len(message.body))]}
    assert again.body == message.body


@pytest.mark.parametrize("number", COMMANDS)
def test_a_command_is_read(sample, number: int):
    command = manscdp.read(body(sample(number)))
    assert (command.kind, command.name, command.sn, command.device_id) == COMMANDS[number]


@pytest.mark.parametrize("number", SESSIONS)
def test_a_session_description_is_read(sample, number: int):
    found = sdp.read(body(sample(number)))
    assert (
        found.kind, found.host, found.port, found.tcp, found.setup, found.ssrc, found.direction
    ) == SESSIONS[number]  # fmt: skip
    assert found.payloads[0] in (8, 96)
    again = sdp.read(found.encode())
    assert (again.host, again.port, again.ssrc, again.payloads) == (
        found.host, found.port, found.ssrc, found.payloads,
    )  # fmt: skip


@pytest.mark.parametrize("number", PLAYBACK)
def test_a_playback_control_is_read(sample, number: int):
    assert mansrtsp.read(parse(sample(number)).body) == PLAYBACK[number]


def test_registrations(sample):
    assert parse(sample(1)).expires == 3600
    assert parse(sample(43)).get("x-gb-ver") == "3.0"
    assert edition(parse(sample(43)).get("x-gb-ver")) == 2022
    assert parse(sample(59)).expires == 0
    assert parse(sample(98)).get("via").startswith("SIP/2.0/TCP")
    moved = parse(sample(58))
    assert uri_of(moved.get("contact")).port == 15066


def test_challenges_and_a_login_that_is_not_the_device_id(sample):
    realms = {number: digest.fields(parse(sample(number)).get("www-authenticate")) for number in (2, 44, 109)}
    assert [realms[number]["realm"] for number in (2, 44, 109)] == [
        "34020000", "gbt@future_oriented.com", "64010000",
    ]  # fmt: skip
    assert {digest.algorithm_of(found) for found in realms.values()} == {"MD5"}
    answer = digest.fields(parse(sample(59)).get("authorization"))
    assert answer["username"] == "34020000001320000088"
    assert answer["username"] != uri_of(parse(sample(59)).get("from")).user


def test_catalogs(sample):
    def page(number: int) -> manscdp.Page:
        return manscdp.catalog(manscdp.read(body(sample(number))))

    dahua = page(40)
    assert dahua.total == 1
    assert dahua.items[0] == manscdp.CatalogItem(
        id=CHANNEL, name="IPC", manufacturer="Dahua", model="IPC-HDW2230C-A-V2", owner="0", civil_code="340200",
        address="axy", parent_id="34020000001320000001", register_way=1, secrecy=0, status="ON", ptz_type=3,
        download_speed="1/2/4/8", stream_count=2,
    )  # fmt: skip
    hikvision = page(64)
    assert [item.id for item in hikvision.items] == [CHANNEL, "34020000001340000001"]
    assert hikvision.items[1].name == ""
    assert hikvision.items[0].parent_id == "34020000002000000001"
    assert page(85).items[0].name == "大华1.107"
    assert (page(85).total, len(page(85).items)) == (4, 1)
    assert page(86).items[0].ip_address == "rtsp://admin@192.168.1.64:554/Streaming/Channels/101"
    old = page(89)
    assert old.items[0].id == old.device_id
    assert old.items[0].civil_code == "6532"
    assert manscdp.parent_of(old.items[0], old.device_id) == old.device_id
    recorder = page(91)
    assert (recorder.total, len(recorder.items)) == (8, 2)
    assert [item.online for item in recorder.items] == [True, False]
    assert recorder.items[0].civil_code == ""
    assert page(94).items[0].name == "channel1"
    garbage = page(95)
    assert len(garbage.items) == 1
    assert (garbage.items[0].name, garbage.items[0].status, garbage.items[0].secrecy) == ("Camera 01", "ON", 0)
    leaf = manscdp.catalog_item(manscdp.tree(sample(106)))
    assert leaf is not None
    assert (leaf.lon, leaf.lat, leaf.parental, leaf.owner) == (None, None, True, "IPC-B2202.7.11.230222")


def test_device_answers(sample):
    def command(number: int) -> manscdp.Command:
        return manscdp.read(body(sample(number)))

    assert manscdp.device_info(command(11)) == manscdp.DeviceInfo(
        "DH-SD-6C3230UE-HN", "Dahua", "DH-SD-6C3230UE-HN", "2.623.0000000.17.R,2019-01-19", 1, "OK"
    )
    assert manscdp.device_info(command(61)).firmware == "V5.5.85"
    assert manscdp.device_info(command(97)).model == "DS-2DE3104W-DE"
    assert manscdp.device_info(command(107)).channels == 16
    status = manscdp.device_status(command(13))
    assert (status.online, status.encode, status.record) == (True, True, False)
    assert status.alarms == {"34020000001340000001": "ONDUTY", "34020000001340000002": "ONDUTY"}
    assert status.at == datetime(2024, 5, 17, 14, 24, 54, tzinfo=manscdp.CHINA)
    assert manscdp.device_status(command(62)).record is True
    assert manscdp.presets(command(65)) == [manscdp.Preset(1, "预置点 1")]
    assert manscdp.keepalive(command(5)) == manscdp.Keepalive(DEVICE, True, ())
    assert manscdp.snapshots_done(command(83)).files == ("34020000001310000001022025081815045400000",)
    page = manscdp.records(command(67))
    assert (page.total, len(page.items), page.items[0].size_bytes) == (134, 2, 263094272)
    assert page.items[1].from_at == page.items[0].to_at
    alarm = manscdp.alarm(command(88))
    assert (alarm.device_id, alarm.priority, alarm.method, alarm.kind, alarm.event) == (CHANNEL, 1, 5, 2, 1)
    assert alarm.description == "视频动检"


def test_a_position_notice_that_was_cut_off_gives_what_is_there_and_no_invented_place(sample):
    command = manscdp.read(body(sample(104)))
    assert command.number("SumNum") == 1
    assert manscdp.positions(command) == []  # the latitude was lost with the end


def test_ptz_commands(sample):
    def move(number: int):
        return ptz.decode(manscdp.read(body(sample(number))).text("PTZCmd"))

    assert move(22) == ptz.Move()
    assert move(23) == ptz.Lens(focus=100)  # its speed is in the other byte
    assert move(73) == ptz.Move(pan=-0x96)
    assert move(74) == ptz.PresetAct("set", 2)
    assert move(76) == ptz.PresetAct("call", 2)


def test_sessions_in_detail(sample):
    shifted = sdp.read(body(sample(29)))
    asked = sdp.read(body(sample(28)))
    assert shifted.from_at - asked.from_at == 8 * 3600  # some recorders answer in local time
    assert shifted.filesize == 2124794308
    assert set(sdp.read(body(sample(17))).video_format.values()) == {"0"}  # "v/0/0/0/0/0a/…": no separator before a/
    assert set(sdp.read(body(sample(80))).video_format.values()) == {""}
    assert sdp.read(body(sample(92))).ssrc_value == 630886
    assert sdp.read(body(sample(101))).ssrc_value != sdp.read(body(sample(100))).ssrc_value
    assert sdp.read_subject(parse(sample(14)).get("subject")) == (
        DEVICE, "04020000001320000002", "34020000002000000010", "1002",
    )  # fmt: skip
    assert sdp.read(body(sample(79))).media == "audio"


def test_passwords_do_not_reach_logs(sample):
    shown = redact(sample(29)) + redact(sample(59)) + redact(sample(11))
    assert "zzgd1234" not in shown
    assert "fed25d2e352370cc22bab577ac6e0d93" not in shown
    assert "<Password>***</Password>" in shown
    assert "34020000001320000088" in shown  # who it was stays readable


def test_lengths_that_are_wrong_do_not_matter_on_udp(sample):
    for number in (49, 53, 97, 100, 101, 110):
        message: Message = parse(sample(number))
        assert message.content_length != len(message.body)
        assert message.body.strip()
