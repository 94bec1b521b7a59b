"""MANSCDP: the XML commands in MESSAGE, NOTIFY and SUBSCRIBE (Annex A), read tolerantly and written exactly.

Hostile until checked: no DTD, no entities, no network, bounded size. Broken XML is repaired as far as lxml can
(facts §2 quirk 7): NULs, unescaped `&`, wrong bytes, doubled end tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from xml.sax.saxutils import escape

from lxml import etree

LARGEST = 8 * 1024 * 1024
CHINA = timezone(timedelta(hours=8))
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_-]{1,20})["']""")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_STRAY = re.compile(r"<(?![/!?A-Za-z_])")
_NOT_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)([^<>]*)(?=<|$)")
_DOUBLED = re.compile(r"(</Item>\s*)(?:</Item>\s*)+")


_LOWER: dict[str, str] = {}  # tags as devices write them, bounded


class ManscdpError(ValueError):
    """This body is no MANSCDP command."""


def decode(data: bytes) -> str:
    """Bytes of a body to text: what it declares is only a hint, because devices declare GB2312 and send UTF-8."""
    if data.isascii():
        return data.decode("ascii")
    declared = _DECLARED.search(data[:300])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        name = declared.group(1).lower() if declared else b""
        if name in (b"utf-8", b"utf8") or all(
            0x2000 <= ord(char) < 0xD800 or ord(char) >= 0xFF00 for char in text if ord(char) > 0x7F
        ):
            return text
    return data.decode("gb18030", "replace")


def tree(data: bytes) -> etree._Element:
    """The root element of a body. ManscdpError when nothing can be made of it."""
    if len(data) > LARGEST:
        raise ManscdpError("the body is too long")
    text = _DECLARATION.sub("", decode(data.strip(b"\r\n\0 \t")), count=1)
    if "<!" in text and ("<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper()):
        raise ManscdpError("document types are not accepted")
    text = _CONTROL.sub("", text)
    parser = etree.XMLParser(recover=False, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = _repaired(text)
    if root is None or not isinstance(root.tag, str):
        raise ManscdpError("no XML")
    return root


def _repaired(text: str) -> etree._Element | None:
    text = _AMPERSAND.sub("&amp;", text)
    text = _STRAY.sub("&lt;", text)
    text = _NOT_TAG.sub(lambda found: f"&lt;{found[1]}{found[2]}{found[3]}", text)
    text = _DOUBLED.sub(r"\1", text)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


@dataclass(frozen=True)
class Command:
    """One command: `kind` Query, Control, Notify or Response; `name` is CmdType; `sn` None when missing or no number.

    `root` gives the whole tree to the typed readers below.
    """

    kind: str
    name: str
    sn: int | None
    device_id: str
    root: etree._Element

    def text(self, tag: str, default: str = "") -> str:
        return text_of(self.root, tag, default)

    def number(self, tag: str) -> int | None:
        return integer(self.text(tag))


def text_of(element: etree._Element, tag: str, default: str = "") -> str:
    """Stripped text of a direct child; tags are matched in any case because some devices write their own."""
    child = element.find(tag)
    if child is None:
        low = tag.lower()
        child = next((item for item in element if isinstance(item.tag, str) and item.tag.lower() == low), None)
    return (child.text or default).strip() if child is not None else default


def integer(text: str) -> int | None:
    text = text.strip()
    digits = text[1:] if text[:1] in "+-" else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 18 else None


def real(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) < 1e12 else None


def moment(text: str) -> datetime | None:
    """A time of a message as aware datetime; without zone it is China's."""
    text = text.strip().replace("Z", "+00:00")
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=CHINA)


def stamp(at: datetime) -> str:
    """A time as messages write it: China's, to the second, without zone."""
    return at.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M:%S")


def read(data: bytes) -> Command:
    """A body to a command. ManscdpError when it has no CmdType."""
    root = tree(data)
    name = text_of(root, "CmdType")
    if not name:
        raise ManscdpError("no CmdType")
    return Command(str(root.tag), name, integer(text_of(root, "SN")), text_of(root, "DeviceID"), root)


# -- typed readers ---------------------------------------------------------------------------------------------------
class CatalogItem(NamedTuple):
    """One entry of a catalog. Raw values are kept as sent; `lon`, `lat` are None when unset (0,0 means unset)."""

    id: str
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    block: str = ""
    address: str = ""
    parental: bool = False
    parent_id: str = ""
    group_id: str = ""
    register_way: int | None = None
    secrecy: int | None = None
    ip_address: str = ""
    port: int | None = None
    status: str = ""
    lon: float | None = None
    lat: float | None = None
    ptz_type: int | None = None
    resolution: str = ""
    download_speed: str = ""
    stream_count: int | None = None
    event: str = ""

    @property
    def online(self) -> bool:
        """ON and its spellings; a missing status counts as on, OFF, VLOST, DEFECT do not."""
        return self.status.upper() in ("ON", "ONLINE", "OK", "1", "")


def catalog_item(element: etree._Element) -> CatalogItem | None:
    """An Item element to an entry; None without a DeviceID."""
    values: dict[str, str] = {}
    info: etree._Element | None = None
    for child in element:
        tag = child.tag
        name = _LOWER.get(tag)
        if name is None:
            if not isinstance(tag, str):
                continue
            name = tag.lower()
            if len(_LOWER) < 300:
                _LOWER[tag] = name
        if tag == "Info" and info is None:
            info = child
        else:
            values[name] = (child.text or "").strip()
    get = values.get
    identifier = get("deviceid", "")
    if not identifier or len(identifier) > 40:
        return None
    detail: dict[str, str] = {}
    if info is not None:
        detail = {child.tag.lower(): (child.text or "").strip() for child in info if isinstance(child.tag, str)}
    lon, lat = real(get("longitude", "")), real(get("latitude", ""))
    if lon is None or lat is None or (lon == 0 and lat == 0) or abs(lon) > 180 or abs(lat) > 90:
        lon = lat = None
    civil = get("civilcode", "")
    return CatalogItem(
        identifier, get("name", "")[:200], get("manufacturer", "")[:100], get("model", "")[:100],
        get("owner", "")[:100], civil if civil.isascii() and civil.isdigit() else "", get("block", "")[:40],
        get("address", "")[:200], get("parental") == "1", get("parentid", ""),
        get("businessgroupid", "") or detail.get("businessgroupid", ""), integer(get("registerway", "")),
        integer(get("secrecy", "")), get("ipaddress", "")[:200], integer(get("port", "")), get("status", "")[:20],
        lon, lat, integer(detail.get("ptztype", "") or get("ptztype", "")), detail.get("resolution", "")[:60],
        detail.get("downloadspeed", "")[:40], integer(get("streamnum", "")), get("event", "").upper()[:12],
    )  # fmt: skip


def parent_of(item: CatalogItem, device_id: str) -> str:
    """Where an entry hangs: ParentID `a/b` means b under a; itself, the server or nothing means the device."""
    parent = item.parent_id.rsplit("/", 1)[-1].strip()
    return device_id if not parent or parent == item.id else parent


@dataclass(frozen=True)
class Page:
    """One message of an answer in several (Annex N): `total` is SumNum (None when missing), `items` what it holds."""

    sn: int | None
    device_id: str
    total: int | None
    items: tuple


def items(command: Command) -> Iterator[etree._Element]:
    """Item elements at any depth but not those inside other items (a broken page may lose its list element)."""
    for element in command.root.iter("Item"):
        parent = element.getparent()
        if parent is None or parent.tag != "Alarmstatus":
            yield element


def catalog(command: Command) -> Page:
    """A Catalog response or notice."""
    found = tuple(item for item in map(catalog_item, items(command)) if item is not None)
    return Page(command.sn, command.device_id, command.number("SumNum"), found)


@dataclass(frozen=True)
class RecordItem:
    """One recorded file. `from_at`, `to_at` aware; None when unreadable."""

    device_id: str
    name: str
    from_at: datetime | None
    to_at: datetime | None
    kind: str = ""
    path: str = ""
    address: str = ""
    secrecy: int | None = None
    size_bytes: int | None = None
    recorder_id: str = ""


def records(command: Command) -> Page:
    """A RecordInfo response."""
    found = tuple(
        RecordItem(
            text_of(item, "DeviceID"), text_of(item, "Name"), moment(text_of(item, "StartTime")),
            moment(text_of(item, "EndTime")), text_of(item, "Type"), text_of(item, "FilePath"),
            text_of(item, "Address"), integer(text_of(item, "Secrecy")), integer(text_of(item, "FileSize")),
            text_of(item, "RecorderID"),
        )
        for item in items(command)
    )  # fmt: skip
    return Page(command.sn, command.device_id, command.number("SumNum"), found)


@dataclass(frozen=True)
class DeviceInfo:
    name: str
    manufacturer: str
    model: str
    firmware: str
    channels: int | None
    result: str


def device_info(command: Command) -> DeviceInfo:
    return DeviceInfo(
        command.text("DeviceName"), command.text("Manufacturer"), command.text("Model"), command.text("Firmware"),
        command.number("Channel") or command.number("MaxCamera"), command.text("Result"),
    )  # fmt: skip


@dataclass(frozen=True)
class DeviceStatus:
    """`online`, `encode`, `record` None when not told; `alarms` maps alarm inputs to ONDUTY, OFFDUTY, ALARM."""

    online: bool | None
    status: str
    reason: str
    at: datetime | None
    encode: bool | None
    record: bool | None
    alarms: Mapping[str, str]


def device_status(command: Command) -> DeviceStatus:
    def yes(tag: str, *words: str) -> bool | None:
        value = command.text(tag).upper()
        return value in words if value else None

    return DeviceStatus(
        yes("Online", "ONLINE", "ON"), command.text("Status"), command.text("Reason"),
        moment(command.text("DeviceTime")), yes("Encode", "ON"), yes("Record", "ON"),
        {text_of(item, "DeviceID"): text_of(item, "DutyStatus") for item in command.root.iter("Item")},
    )  # fmt: skip


@dataclass(frozen=True)
class Keepalive:
    """`faulty` lists sub-devices that the device reports as broken (9.6)."""

    device_id: str
    healthy: bool
    faulty: tuple[str, ...]


def keepalive(command: Command) -> Keepalive:
    info = command.root.find("Info")
    faulty = tuple((item.text or "").strip() for item in info.iter("DeviceID")) if info is not None else ()
    return Keepalive(command.device_id, command.text("Status").upper() in ("OK", ""), faulty)


@dataclass(frozen=True)
class Alarm:
    """An alarm notice: `device_id` is the channel or alarm input (quirk 12). Kinds as in Annex A.2.5."""

    device_id: str
    priority: int | None
    method: int | None
    at: datetime | None
    description: str
    kind: int | None
    lon: float | None
    lat: float | None
    event: int | None


def alarm(command: Command) -> Alarm:
    info = command.root.find("Info")
    kind = event = None
    if info is not None:
        kind = integer(text_of(info, "AlarmType"))
        parameters = info.find("AlarmTypeParam")
        event = integer(text_of(parameters, "EventType")) if parameters is not None else None
    return Alarm(
        command.device_id, command.number("AlarmPriority"), command.number("AlarmMethod"),
        moment(command.text("AlarmTime")), command.text("AlarmDescription"), kind,
        real(command.text("Longitude")), real(command.text("Latitude")), event,
    )  # fmt: skip


@dataclass(frozen=True)
class Position:
    device_id: str
    at: datetime | None
    lon: float
    lat: float
    speed_kmh: float | None
    direction: float | None
    altitude_m: float | None


def positions(command: Command) -> list[Position]:
    """A MobilePosition notice: the flat form of 2016 and the list form of 2022; the target may be in TargetID."""
    found = []
    for element in list(command.root.iter("Item")) or [command.root]:
        lon, lat = real(text_of(element, "Longitude")), real(text_of(element, "Latitude"))
        if lon is None or lat is None or abs(lon) > 180 or abs(lat) > 90:
            continue
        target = text_of(element, "DeviceID") or command.text("TargetID") or command.device_id
        if element is command.root:
            target = command.text("TargetID") or command.device_id
        at = moment(text_of(element, "CaptureTime") or text_of(element, "Time") or command.text("Time"))
        found.append(
            Position(
                target,
                at,
                lon,
                lat,
                real(text_of(element, "Speed")),
                real(text_of(element, "Direction")),
                real(text_of(element, "Altitude")),
            )
        )
    return found


@dataclass(frozen=True)
class Preset:
    id: int
    name: str


def presets(command: Command) -> list[Preset]:
    found = []
    for element in command.root.iter("Item"):
        number = integer(text_of(element, "PresetID"))
        if number is not None:
            found.append(Preset(number, text_of(element, "PresetName")))
    return found


@dataclass(frozen=True)
class SnapshotsDone:
    """2022: the device has uploaded the snapshots of one session."""

    device_id: str
    session: str
    files: tuple[str, ...]


def snapshots_done(command: Command) -> SnapshotsDone:
    files = tuple((item.text or "").strip() for item in command.root.iter("SnapShotFileID"))
    return SnapshotsDone(command.device_id, command.text("SessionID"), files)


# -- writing ---------------------------------------------------------------------------------------------------------
Value = str | int | float | None | Mapping | list


def _element(tag: str, value: Value, out: list[str]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        attributes = "".join(f' {key[1:]}="{escape(str(item))}"' for key, item in value.items() if key[0] == "@")
        out.append(f"<{tag}{attributes}>\r\n")
        for key, item in value.items():
            if key[0] != "@":
                _element(key, item, out)
        out.append(f"</{tag}>\r\n")
    elif isinstance(value, list):
        for item in value:
            _element(tag, item, out)
    else:
        out.append(f"<{tag}>{escape(_CONTROL.sub('', str(value)))}</{tag}>\r\n")


def write(kind: str, name: str, sn: int, device_id: str, values: Mapping[str, Value] | None = None) -> bytes:
    """A command as bytes. Written as GB18030 under the name GB2312 that every edition's devices accept.

    Nested mappings become elements, lists repeat their tag, keys that start with @ become attributes.
    """
    out = ['<?xml version="1.0" encoding="GB2312"?>\r\n']
    _element(kind, {"CmdType": name, "SN": sn, "DeviceID": device_id, **(values or {})}, out)
    return "".join(out).encode("gb18030")


def query(name: str, sn: int, device_id: str, **values: Value) -> bytes:
    return write("Query", name, sn, device_id, values)


def control(sn: int, device_id: str, **values: Value) -> bytes:
    """A DeviceControl; ControlPriority and similar go into Info."""
    return write("Control", "DeviceControl", sn, device_id, values)


def notify(name: str, sn: int, device_id: str, **values: Value) -> bytes:
    return write("Notify", name, sn, device_id, values)


def broadcast(sn: int, source_id: str, target_id: str) -> bytes:
    """A voice broadcast announced (9.12, A.2.5): who speaks and which loudspeaker; it names no DeviceID."""
    out = ['<?xml version="1.0" encoding="GB2312"?>\r\n']
    _element("Notify", {"CmdType": "Broadcast", "SN": sn, "SourceID": source_id, "TargetID": target_id}, out)
    return "".join(out).encode("gb18030")


def respond(name: str, sn: int, device_id: str, **values: Value) -> bytes:
    return write("Response", name, sn, device_id, values)


def catalog_page(sn: int, device_id: str, total: int, entries: Iterable[CatalogItem], kind: str = "Response") -> bytes:
    """One page of a catalog answer (or, with kind Notify, of a catalog notice). No entry: SumNum without a list."""
    written: list[Value] = [
        {
            "DeviceID": item.id,
            "Event": item.event or None,
            "Name": item.name,
            "Manufacturer": item.manufacturer,
            "Model": item.model,
            "Owner": item.owner,
            "CivilCode": item.civil_code,
            "Address": item.address,
            "Parental": int(item.parental),
            "ParentID": item.parent_id,
            "BusinessGroupID": item.group_id or None,
            "SafetyWay": 0,
            "RegisterWay": item.register_way or 1,
            "Secrecy": item.secrecy or 0,
            "Status": item.status or "ON",
            "Longitude": item.lon,
            "Latitude": item.lat,
            "Info": {"PTZType": item.ptz_type} if item.ptz_type is not None else None,
        }
        for item in entries
    ]
    values: dict[str, Value] = {"SumNum": total}
    if written:
        values["DeviceList"] = {"@Num": len(written), "Item": written}
    return write(kind, "Catalog", sn, device_id, values)


def record_page(sn: int, device_id: str, name: str, total: int, entries: Iterable[RecordItem]) -> bytes:
    written: list[Value] = [
        {
            "DeviceID": item.device_id,
            "Name": item.name,
            "FilePath": item.path,
            "Address": item.address,
            "StartTime": stamp(item.from_at) if item.from_at else "",
            "EndTime": stamp(item.to_at) if item.to_at else "",
            "Secrecy": item.secrecy or 0,
            "Type": item.kind or "time",
            "FileSize": item.size_bytes,
        }
        for item in entries
    ]
    values: dict[str, Value] = {"Name": name, "SumNum": total}
    if written:
        values["RecordList"] = {"@Num": len(written), "Item": written}
    return write("Response", "RecordInfo", sn, device_id, values)
