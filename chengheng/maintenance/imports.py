"""Devices (设备台账) and bills (费用台账) from spreadsheets."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import intake, trail
from chengheng.common.intake import Field, Importer
from chengheng.common.intake.parsers import choice, date, decimal, money_fen, organisation, text
from chengheng.common.people.models import User
from chengheng.maintenance import actions
from chengheng.maintenance.errors import DependsOnItself
from chengheng.maintenance.models import Bill, Contract, Device, Site, System
from chengheng.maintenance.rules import watch


def _systems() -> dict[str, System]:
    return {key: row for row in System.objects.all() for key in (row.code, row.name)}


def _people(names: Any) -> dict[str, list[User]]:
    """Who is called so: by user name or by the name that is shown."""
    wanted = {name for name in names if name}
    found: dict[str, list[User]] = {}
    for user in User.objects.filter(Q(username__in=wanted) | Q(display_name__in=wanted), is_active=True):
        for name in {user.username, user.display_name} & wanted:
            found.setdefault(name, []).append(user)
    return found


def _codes(told: str) -> list[str]:
    """The identifiers of a cell, however they are set apart."""
    return list(dict.fromkeys(code for code in re.split(r"[\s,，、;；]+", told or "") if code))


PLAIN = ("kind", "maker", "model", "serial", "address", "room", "rack", "spare_parts", "outside")


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
        Field("owner", _("Person in charge"), parse=text(60), aliases=("责任人", "负责人", "保管人"), default=""),
        Field("spare_parts", _("Spare parts"), parse=text(200), aliases=("备件", "备品备件"), default=""),
        Field("outside", _("Key in another system"), parse=text(80), aliases=("外部标识", "对接标识"), default=""),
        Field("depends_on", _("Depends on"), parse=text(400), aliases=("依赖", "依赖设备", "上级设备"), default=""),
    )  # fmt: skip

    def check(self, rows: Any, problems: Any) -> None:
        """Numbers and keys once in file and register; systems, people and what is depended on known; no ring."""
        systems, seen, people = _systems(), set(), _people(rows.columns["owner"])
        known = set(Device.objects.filter(code__in=rows.columns["code"]).values_list("code", flat=True))
        keys = [key for key in rows.columns["outside"] if key]
        taken = set(Device.objects.filter(outside__in=keys).values_list("outside", flat=True))
        upward = {row["code"]: _codes(row["depends_on"]) for row in rows}
        named = {code for codes in upward.values() for code in codes}
        there = set(Device.objects.filter(code__in=named).values_list("code", flat=True)) | set(rows.columns["code"])
        parents: dict[str, set[str]] = {code: set(codes) for code, codes in upward.items() if codes}
        for row in rows:
            if row["system"] not in systems:
                problems.add(row, "system", _("There is no such system."))
            if row["code"] in known or row["code"] in seen:
                problems.add(row, "code", _("This number is in use already."))
            seen.add(row["code"])
            if row["owner"] and len(people.get(row["owner"], ())) != 1:
                problems.add(row, "owner", _("Nobody, or more than one, is called so here."))
            if row["outside"]:
                if row["outside"] in taken:
                    problems.add(row, "outside", _("Another device has this key."))
                taken.add(row["outside"])
            missing = [code for code in upward[row["code"]] if code not in there]
            if missing:
                problems.add(row, "depends_on", _("There is no device of this identifier."))
            elif parents.get(row["code"]) and watch.is_suppressed(row["code"], parents, {row["code"]}):
                problems.add(row, "depends_on", str(DependsOnItself()))

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Make the devices, and the sites that are new."""
        systems, people = _systems(), _people(rows.columns["owner"])
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
            plain = {name: row[name] or "" for name in PLAIN}
            made.append(
                Device(
                    code=row["code"], name=row["name"], system=systems[row["system"]], site=site, vendor=row["vendor"],
                    in_service_at=since, warranty_until=row["warranty_until"], batch=batch,
                    owner=people[row["owner"]][0] if row["owner"] else None, **plain,
                )
            )  # fmt: skip
        Device.objects.bulk_create(made, batch_size=1000)
        wanted = {device.code: _codes(row["depends_on"]) for device, row in zip(made, rows, strict=True)}
        named = {code for codes in wanted.values() for code in codes}
        keys = dict(Device.objects.filter(code__in=named).values_list("code", "pk"))
        between = Device.depends_on.through
        between.objects.bulk_create(
            [
                between(from_device_id=device.pk, to_device_id=keys[code])
                for device in made
                for code in wanted[device.code]
            ],
            batch_size=1000,
        )
        trail.record_new("maintenance.device.import", actor, [(device, {"code": device.code}) for device in made])
        return len(made)


@intake.register
class BillImporter(Importer):
    """One row a bill, entered as by hand: each goes on to its programme's ledger. Undoing strikes them all."""

    code = "maintenance.bill"
    title = _("Import bills")
    act = "maintenance.money.import"
    fields = (
        Field("voucher", _("Voucher"), required=True, parse=text(60), aliases=("凭证号", "凭证", "发票号"), example="2024-0301"),
        Field("system", _("System"), required=True, parse=text(60), aliases=("系统", "所属系统")),
        Field("kind", _("Kind"), required=True, parse=choice(Bill.Kind, {"合同款": "contract", "电费": "power", "网络费": "network",
              "线路费": "network", "配件": "parts", "维修费": "parts"}), aliases=("类别", "费用类别", "类型")),
        Field("amount_fen", _("Amount"), required=True, parse=money_fen(low=None), aliases=("金额", "金额（元）", "支付金额")),
        Field("paid_on", _("Paid on"), required=True, parse=date(), aliases=("支付日期", "付款日期", "日期")),
        Field("payee", _("Payee"), required=True, parse=text(120), aliases=("收款人", "收款单位")),
        Field("contract", _("Contract"), parse=text(200), aliases=("合同", "合同名称")),
        Field("site", _("Site"), parse=text(80), aliases=("地点", "点位", "会场")),
        Field("starts_on", _("From"), parse=date(), aliases=("费用起始日", "起始日期")),
        Field("ends_on", _("To"), parse=date(), aliases=("费用截止日", "截止日期")),
        Field("quantity", _("Quantity"), parse=decimal(0, places=3), aliases=("用量", "数量", "电量")),
        Field("note", _("Note"), parse=text(300), aliases=("摘要", "备注"), default=""),
    )  # fmt: skip

    def check(self, rows: Any, problems: Any) -> None:
        """Systems, contracts and sites known; a voucher once a system; no bill of nothing, none of a day to come."""
        systems, contracts, today = _systems(), self._contracts(), timezone.localdate()
        sites = set(Site.objects.values_list("name", flat=True))
        entered = Bill.objects.filter(struck_at=None, voucher__in=rows.columns["voucher"])
        seen = set(entered.values_list("system_id", "voucher"))
        for row in rows:
            system = systems.get(row["system"])
            if system is None:
                problems.add(row, "system", _("There is no such system."))
                continue
            if (system.pk, row["voucher"]) in seen:
                problems.add(row, "voucher", _("This voucher was entered before."))
            seen.add((system.pk, row["voucher"]))
            if row["contract"] and (system.pk, row["contract"]) not in contracts:
                problems.add(row, "contract", _("This system has no such contract."))
            if row["kind"] == Bill.Kind.CONTRACT and not row["contract"]:
                problems.add(row, "contract", _("Say which contract was paid."))
            if row["site"] and row["site"] not in sites:
                problems.add(row, "site", _("There is no such site."))
            if not row["amount_fen"]:
                problems.add(row, "amount_fen", _("A bill of nothing is none."))
            if row["paid_on"] > today:
                problems.add(row, "paid_on", _("It cannot have been paid on a day to come."))
            if row["starts_on"] and row["ends_on"] and row["ends_on"] < row["starts_on"]:
                problems.add(row, "ends_on", _("The end lies before the start."))

    def _contracts(self) -> dict[tuple[int, str], Contract]:
        return {(row.system_id, row.title): row for row in Contract.objects.all()}

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Enter the bills one by one: each is booked and recorded by itself."""
        systems, contracts = _systems(), self._contracts()
        sites = {row.name: row for row in Site.objects.filter(name__in=[name for name in rows.columns["site"] if name])}
        plain = ("kind", "amount_fen", "paid_on", "payee", "voucher", "starts_on", "ends_on", "quantity")
        for row in rows:
            system = systems[row["system"]]
            actions.enter_bill(
                actor, system=system, batch=batch, contract=contracts.get((system.pk, row["contract"])),
                site=sites.get(row["site"]), note=row["note"] or "", **{name: row[name] for name in plain},
            )  # fmt: skip
        return len(rows)

    def undo(self, batch: Any, actor: Any) -> None:
        """Strike what still stands; an entry is never deleted, the ledger gets the counter-entries."""
        for bill in Bill.objects.filter(batch=batch, struck_at=None):
            actions.strike_bill(bill, actor, note=str(_("The import was undone.")))

    def done_url(self, batch: Any) -> str:
        return reverse("maintenance:bills")
