"""The lists of this room."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import tables
from chengheng.common.tables import BulkAction, Choice, Column, DateRange, Organisation, Table, Text
from chengheng.video import actions, words
from chengheng.video.models import Alarm, Call, Channel, Device, Operation, Recording, Snapshot

_VERDICTS = Snapshot.Verdict.choices


def _on(row: Any) -> Any:
    return _("online") if row.online else _("offline")


@tables.register
class CameraTable(Table):
    code = "video.camera"
    title = _("Cameras")
    act = "video.channel.view"
    columns = [
        Column("name", _("Name"), link=True),
        Column("state", _("State"), value=lambda row: _on(row) if row.device.online else _("offline"), kind="badge",
               tones=lambda row: "good" if row.online and row.device.online else "bad", sort="online"),
        Column("picture", _("Picture"), badge=True, tones={"good": "good", "black": "bad", "none": "bad",
               "covered": "bad", "blurred": "warn", "frozen": "bad"},
               value=lambda row: dict(_VERDICTS).get(row.picture, "")),
        Column("organisation__name", pgettext_lazy("video", "Organisation")),
        Column("device__name", _("Device")),
        Column("gb_id", _("ID")),
        Column("manufacturer", _("Manufacturer"), shown=False),
        Column("model", _("Model"), shown=False),
        Column("address", pgettext_lazy("video", "Place")),
        Column("area_code", _("Area"), shown=False),
        Column("picture_at", _("Picture checked"), kind="datetime", shown=False),
    ]  # fmt: skip
    filters = [
        Text("q", _("Search"), fields=("name", "gb_id", "address")),
        Choice("online", _("Online"), choices=[("True", _("online")), ("False", _("offline"))]),
        Choice("picture", _("Picture"), choices=_VERDICTS),
        Organisation("organisation", pgettext_lazy("video", "Organisation")),
    ]
    default_sort = "name"
    empty = _("No cameras. A device's catalog brings them after it has registered.")

    def queryset(self, user: Any) -> QuerySet[Channel]:
        return Channel.objects.filter(kind="camera", removed_at=None, device__enabled=True).select_related(
            "device", "organisation"
        )


@tables.register
class DeviceTable(Table):
    code = "video.device"
    title = _("Devices")
    act = "video.device.view"
    columns = [
        Column("name", _("Name"), link=True),
        Column("online", _("State"), value=_on, kind="badge", tones=lambda row: "good" if row.online else "bad",
               sort="online"),
        Column("kind", pgettext_lazy("video", "Kind"), badge=True),
        Column("gb_id", _("ID")),
        Column("organisation__name", pgettext_lazy("video", "Organisation")),
        Column("manufacturer", _("Manufacturer")),
        Column("model", _("Model")),
        Column("host", _("Address")),
        Column("transport", _("Transport"), shown=False),
        Column("edition", _("Edition"), kind="text"),
        Column("catalog_found", _("Catalog"), kind="number"),
        Column("last_seen_at", _("Last seen"), kind="datetime"),
        Column("locked_until", _("Locked until"), kind="datetime", shown=False),
        Column("enabled", _("Enabled"), kind="boolean", shown=False),
    ]  # fmt: skip
    filters = [
        Text("q", _("Search"), fields=("name", "gb_id", "host")),
        Choice("online", _("Online"), choices=[("True", _("online")), ("False", _("offline"))]),
        Choice("kind", pgettext_lazy("video", "Kind"), choices=Device.Kind.choices),
        Organisation("organisation", pgettext_lazy("video", "Organisation")),
    ]
    default_sort = "name"
    navigation = [(_("Add a device"), "video:device_new")]

    def queryset(self, user: Any) -> QuerySet[Device]:
        return Device.objects.select_related("organisation")


@tables.register
class CallTable(Table):
    code = "video.call"
    title = _("Call-ups")
    act = "video.call.view"
    columns = [
        Column("asked_at", _("Asked"), kind="datetime", link=True),
        Column("channel__name", _("Camera")),
        Column("kind", pgettext_lazy("video", "Kind"), badge=True),
        Column("asked_by", _("By"), kind="user"),
        Column("key", _("First key frame (s)"), kind="number", places=2, sort="",
               value=lambda row: (row.first_key_at - row.asked_at).total_seconds() if row.first_key_at else None),
        Column("stop_reason", _("Stopped"), value=lambda row: words.reason(row.stop_reason)[0]),
        Column("codec", _("Codec"), shown=False),
        Column("viewers_peak", _("Viewers"), kind="number"),
        Column("missing", _("Packets missing"), kind="number", shown=False),
        Column("ended_at", _("Ended"), kind="datetime", shown=False),
    ]  # fmt: skip
    filters = [
        Text("q", _("Search"), fields=("channel__name", "channel__gb_id")),
        Choice("kind", pgettext_lazy("video", "Kind"), choices=Call.Kind.choices),
        Choice("stop_reason", _("Stopped"), choices=[(code, text[0]) for code, text in words.REASONS.items()]),
        DateRange("asked_at", _("Asked")),
    ]
    default_sort = "-asked_at"

    def queryset(self, user: Any) -> QuerySet[Call]:
        return Call.objects.select_related("channel", "asked_by").defer("trace")


@tables.register
class OperationTable(Table):
    code = "video.operation"
    title = _("Operations")
    act = "video.operation.view"
    columns = [
        Column("title", pgettext_lazy("video", "Title"), link=True),
        Column("kind", pgettext_lazy("video", "Kind"), badge=True),
        Column("starts_at", pgettext_lazy("video", "From"), kind="datetime"),
        Column("ends_at", pgettext_lazy("video", "Until"), kind="datetime"),
        Column("organisation__name", pgettext_lazy("video", "Organisation")),
        Column("snapshot_minutes", _("Snapshot every (minutes)"), kind="number"),
    ]
    filters = [
        Text("q", _("Search"), fields=("title", "about")),
        Choice("kind", pgettext_lazy("video", "Kind"), choices=Operation.Kind.choices),
        DateRange("starts_at", pgettext_lazy("video", "From")),
    ]
    default_sort = "-starts_at"
    navigation = [(_("Plan an operation"), "video:operation_new")]

    def queryset(self, user: Any) -> QuerySet[Operation]:
        return Operation.objects.select_related("organisation")


def _see(user: Any, rows: list[Any]) -> None:
    for row in rows:
        actions.see_alarm(user, row.pk)


@tables.register
class AlarmTable(Table):
    code = "video.alarm"
    title = _("Device alarms")
    act = "video.device.view"
    columns = [
        Column("at", _("Time"), kind="datetime"),
        Column("device__name", _("Device"), link=True),
        Column("channel__name", _("Camera")),
        Column("description", pgettext_lazy("video", "Description")),
        Column("priority", _("Priority"), kind="number"),
        Column("method", _("Method"), kind="number", shown=False),
        Column("kind", pgettext_lazy("video", "Kind"), kind="number", shown=False),
        Column("seen_at", _("Seen"), kind="datetime"),
    ]
    filters = [
        Text("q", _("Search"), fields=("description", "device__name", "source_id")),
        DateRange("at", _("Time")),
    ]
    actions = [BulkAction("see", _("Mark as seen"), "video.alarm.see", _see, icon="check")]
    default_sort = "-at"

    def queryset(self, user: Any) -> QuerySet[Alarm]:
        return Alarm.objects.select_related("device", "channel")


@tables.register
class RecordingTable(Table):
    code = "video.recording"
    title = _("Recordings kept here")
    act = "video.recording.view"
    columns = [
        Column("started_at", pgettext_lazy("video", "From"), kind="datetime", link=True),
        Column("channel__name", _("Camera")),
        Column("ended_at", pgettext_lazy("video", "Until"), kind="datetime"),
        Column("size_bytes", _("Bytes"), kind="number"),
        Column("by", _("By"), kind="user"),
        Column("keep_until", _("Kept until"), kind="datetime"),
        Column("sha256", _("SHA-256"), shown=False),
    ]
    filters = [
        Text("q", _("Search"), fields=("channel__name",)),
        DateRange("started_at", pgettext_lazy("video", "From")),
    ]
    default_sort = "-started_at"

    def queryset(self, user: Any) -> QuerySet[Recording]:
        return Recording.objects.select_related("channel", "by")
