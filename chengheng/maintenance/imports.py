"""Devices from a spreadsheet (设备台账)."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import intake, trail
from chengheng.common.intake import Field, Importer
from chengheng.common.intake.parsers import date, organisation, text
from chengheng.maintenance.models import Device, Site, System


@intake.register
class DeviceImporter(Importer):
    """One row a device. System by code or name; a site that is not known yet is made."""

    code = "maintenance.device"
    title = _("Import devices under maintenance")
    act = "maintenance.device.import"
    models = (Device,)
    fields = (
        Field("code", _("Identifier"), required=True, parse=text(40), aliases=("编号", "设备编号", "资产编号"), example="SP-001"),
        Field("name", _("Device name"), required=True, parse=text(80), aliases=("名称", "设备名称")),
        Field("system", _("System"), required=True, parse=text(60), aliases=("系统", "所属系统")),
        Field("site", _("Site"), parse=text(80), aliases=("地点", "点位", "会场", "安装位置"), default=""),
        Field("kind", _("Type"), parse=text(40), aliases=("类型", "设备类型"), default=""),
        Field("maker", _("Maker"), parse=text(60), aliases=("品牌", "厂商", "生产厂家"), default=""),
        Field("model", _("Model"), parse=text(60), aliases=("型号", "规格型号"), default=""),
        Field("serial", _("Serial number"), parse=text(80), aliases=("序列号", "出厂编号"), default=""),
        Field("address", _("Network address"), parse=text(100), aliases=("IP", "IP地址", "网络地址"), default=""),
        Field("room", _("room"), parse=text(60), aliases=("机房", "房间"), default=""),
        Field("rack", _("rack"), parse=text(40), aliases=("机柜",), default=""),
        Field("vendor", _("Maintainer"), parse=organisation(), aliases=("运维单位", "维保单位", "服务商")),
        Field("in_service", _("In service since"), parse=date(), aliases=("启用日期", "投用日期")),
        Field("warranty_until", _("Warranty until"), parse=date(), aliases=("质保到期", "保修期至")),
    )  # fmt: skip

    def _systems(self) -> dict[str, System]:
        return {key: row for row in System.objects.all() for key in (row.code, row.name)}

    def check(self, rows: Any, problems: Any) -> None:
        """Numbers once in file and register; systems known."""
        systems, seen = self._systems(), set()
        known = set(Device.objects.filter(code__in=rows.columns["code"]).values_list("code", flat=True))
        for row in rows:
            if row["system"] not in systems:
                problems.add(row, "system", _("There is no such system."))
            if row["code"] in known or row["code"] in seen:
                problems.add(row, "code", _("This number is in use already."))
            seen.add(row["code"])

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Make the devices, and the sites that are new."""
        systems = self._systems()
        sites = {site.name: site for site in Site.objects.filter(name__in=rows.columns["site"])}
        made = []
        for row in rows:
            site = None
            if row["site"]:
                site = sites.get(row["site"])
                if site is None:
                    site = sites[row["site"]] = Site.objects.create(code=f"S-{row['code']}", name=row["site"])
            began = row["in_service"]
            since = datetime.combine(began, time.min, timezone.get_current_timezone()) if began else timezone.now()
            plain = {name: row[name] or "" for name in ("kind", "maker", "model", "serial", "address", "room", "rack")}
            made.append(
                Device(
                    code=row["code"], name=row["name"], system=systems[row["system"]], site=site, vendor=row["vendor"],
                    in_service_at=since, warranty_until=row["warranty_until"], batch=batch, **plain,
                )
            )  # fmt: skip
        Device.objects.bulk_create(made, batch_size=1000)
        trail.record_new("maintenance.device.import", actor, [(device, {"code": device.code}) for device in made])
        return len(made)
