"""Spreadsheets of patrol: an edition of the dictionary, a table of filing standards, the history of cases."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common import intake, places, trail
from chengheng.common.calendars.rules import Kind as LimitKind
from chengheng.common.dictionary import Edition, Kind
from chengheng.common.intake import Field, Importer
from chengheng.common.intake.parsers import choice, date, datetime, decimal, integer, lat, lon, organisation, text
from chengheng.patrol import queries
from chengheng.patrol.models import Case, DictionaryEntry, FilingStandard, Source, StandardSet, month_of

_EDITIONS = [(edition.value, edition.value) for edition in Edition]
_KINDS = [(Kind.COMPONENT.value, _("component")), (Kind.EVENT.value, _("event"))]
_KIND_WORDS = {"部件": "component", "管理部件": "component", "事件": "event", "事项": "event", "管理事项": "event"}
_LIMIT_WORDS = {
    "紧急工作时": "urgent_hours", "工作时": "working_hours", "小时": "working_hours", "工作小时": "working_hours",
    "工作日": "working_days", "天": "working_days", "自然日": "natural_days", "紧急工作日": "natural_days",
}  # fmt: skip
_ENDED = (
    ("closed", pgettext_lazy("state", "Closed")),
    ("not_filed", pgettext_lazy("case", "Not filed")),
    ("refused", pgettext_lazy("case", "Not accepted")),
    ("voided", pgettext_lazy("case", "Voided")),
)
_ENDED_WORDS = {"结案": "closed", "已结案": "closed", "不予立案": "not_filed", "不予受理": "refused", "作废": "voided"}


def _classes(rows: Any) -> dict[tuple[str, str, str], str]:
    """The small classes of the editions that the rows name, (edition, kind, code) → name."""
    found = DictionaryEntry.objects.filter(edition__in=set(rows.columns["edition"]))
    return {(e, k, c): name for e, k, c, name in found.values_list("edition", "kind", "code", "name")}


_CLASS = (
    Field("edition", pgettext_lazy("case", "Edition"), required=True, parse=choice(_EDITIONS), aliases=("标准", "版本"), example="GB/T 30428.2-2013"),
    Field("kind", pgettext_lazy("case", "Kind"), required=True, parse=choice(_KINDS, _KIND_WORDS), aliases=("类别", "部件事件"), example="event"),
    Field("code", pgettext_lazy("case", "Code"), required=True, parse=text(5), aliases=("小类代码", "代码"), example="0110"),
)  # fmt: skip


@intake.register
class DictionaryImporter(Importer):
    """Small classes of an edition; the shipped ones are given in part for the older editions."""

    code = "patrol.dictionary"
    title = _("Import the dictionary")
    act = "patrol.dictionary.import"
    models = (DictionaryEntry,)
    fields = (
        *_CLASS,
        Field(
            "name",
            pgettext_lazy("case", "Name"),
            required=True,
            parse=text(60),
            aliases=("小类名称", "名称"),
            example="暴露垃圾",
        ),
        Field("class_code", _("class code"), required=True, parse=text(2), aliases=("大类代码",), example="01"),
        Field(
            "class_name", _("Class"), required=True, parse=text(30), aliases=("大类", "大类名称"), example="市容环境"
        ),
    )

    def check(self, rows: Any, problems: Any) -> None:
        """Each class once; what is known already stays as it is."""
        known, seen = _classes(rows), set()
        for row in rows:
            key = (row["edition"], row["kind"], row["code"])
            if key in known or key in seen:
                problems.add(row, "code", _("This class is in the dictionary already."))
            seen.add(key)

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Make the entries."""
        names = ("edition", "kind", "code", "name", "class_code", "class_name")
        made = [DictionaryEntry(batch=batch, **{name: row[name] for name in names}) for row in rows]
        DictionaryEntry.objects.bulk_create(made, batch_size=1000)
        trail.record_new("patrol.dictionary.import", actor, [(entry, {"code": entry.code}) for entry in made])
        return len(made)


@intake.register
class StandardImporter(Importer):
    """One table of filing standards (立案条件、处置时限、结案条件) with the day from which it holds."""

    code = "patrol.standard"
    title = _("Import filing standards")
    act = "patrol.standard.import"
    models = (FilingStandard, StandardSet)
    fields = (
        Field("table", pgettext_lazy("case", "Table"), required=True, parse=text(80), aliases=("标准名称", "表名")),
        Field("in_force_from", _("In force from"), required=True, parse=date(), aliases=("生效日期", "施行日期")),
        *_CLASS,
        Field("condition", _("Filing condition"), required=True, parse=text(200), aliases=("立案条件",)),
        Field("limit_kind", _("Kind of limit"), required=True, parse=choice(LimitKind.choices(), _LIMIT_WORDS), aliases=("时限单位", "时限类型"), example="working_hours"),
        Field("limit_amount", _("Limit"), required=True, parse=decimal("0.01", 9999, places=2), aliases=("处置时限", "时限"), example="4"),
        Field("closing_condition", _("Closing condition"), parse=text(200), aliases=("结案条件",), default=""),
        Field("responsible", _("Responsible"), parse=text(80), aliases=("责任主体", "责任单位"), default=""),
        Field("source", _("source"), parse=text(200), aliases=("依据", "来源"), default=""),
    )  # fmt: skip

    def check(self, rows: Any, problems: Any) -> None:
        """One table with one day; classes of the dictionary; each condition of a class once."""
        classes, seen, first = _classes(rows), set(), None
        for row in rows:
            first = first or (row["table"], row["in_force_from"])
            if (row["table"], row["in_force_from"]) != first:
                problems.add(row, "table", _("One file holds one table with one day."))
            key = (row["edition"], row["kind"], row["code"])
            if key not in classes:
                problems.add(row, "code", _("This class is not in the dictionary."))
            if (*key, row["condition"]) in seen:
                problems.add(row, "condition", _("This condition is given twice."))
            seen.add((*key, row["condition"]))

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Make the table with its conditions."""
        rows = list(rows)
        table = StandardSet.objects.create(
            name=rows[0]["table"], in_force_from=rows[0]["in_force_from"], batch=batch,
            source=next((row["source"] for row in rows if row["source"]), rows[0]["table"]),
        )  # fmt: skip
        names = (*(field.name for field in _CLASS), "condition", "limit_kind", "limit_amount", "closing_condition",
                 "responsible")  # fmt: skip
        made = [FilingStandard(table=table, batch=batch, **{name: row[name] for name in names}) for row in rows]
        FilingStandard.objects.bulk_create(made, batch_size=1000)
        trail.record("patrol.standard.import", actor, table, {"conditions": len(made)}, new=True)
        return len(made)


@intake.register
class CaseImporter(Importer):
    """Cases of the past that have ended, from another system: for statistics and for looking them up.

    Their stages' limits are those that the file gives; no clock runs for them.
    """

    code = "patrol.case"
    title = _("Import the history of cases")
    act = "patrol.case.import"
    models = (Case,)
    fields = (
        Field("outside_number", _("Number elsewhere"), required=True, parse=text(60), aliases=("任务号", "案卷编号", "案件编号", "编号")),
        *_CLASS,
        Field("source", _("Source"), parse=choice(Source.choices), aliases=("问题来源", "来源"), default=Source.API.value),
        Field("reported_at", pgettext_lazy("case", "Reported"), required=True, parse=datetime(), aliases=("上报时间",)),
        Field("state", _("State"), required=True, parse=choice(_ENDED, _ENDED_WORDS), aliases=("状态", "案件状态"), example="closed"),
        Field("lon", _("Longitude"), parse=lon(), aliases=("经度", "X坐标")),
        Field("lat", _("Latitude"), parse=lat(), aliases=("纬度", "Y坐标")),
        Field("address", _("Address"), parse=text(200), aliases=("地址", "位置描述"), default=""),
        Field("district_code", _("District"), parse=text(6), aliases=("区划代码", "行政区"), default=""),
        Field("description", pgettext_lazy("case", "description"), parse=text(1000, lines=True), aliases=("问题描述",), default=""),
        Field("department", pgettext_lazy("case", "Department"), parse=organisation(), aliases=("处置部门", "专业部门")),
        Field("filed_at", _("filed"), parse=datetime(), aliases=("立案时间",)),
        Field("dispatched_at", _("dispatched"), parse=datetime(), aliases=("派遣时间",)),
        Field("handle_due_at", _("handling due"), parse=datetime(), aliases=("处置截止时间",)),
        Field("handled_at", _("handled"), parse=datetime(), aliases=("处置时间", "处置完成时间")),
        Field("close_due_at", _("closing due"), parse=datetime(), aliases=("结案截止时间",)),
        Field("closed_at", pgettext_lazy("case", "closed"), parse=datetime(), aliases=("结案时间",)),
        Field("reworks", _("reworks"), parse=integer(0, 999), aliases=("返工次数",), default=0),
    )  # fmt: skip
    _TIMES = ("reported_at", "filed_at", "dispatched_at", "handled_at", "closed_at")

    def check(self, rows: Any, problems: Any) -> None:
        """Numbers once in file and store, classes of the dictionary, times in order, a place or a district."""
        classes, seen = _classes(rows), set()
        known = set(
            Case.objects.filter(outside_number__in=rows.columns["outside_number"]).values_list(
                "outside_number", flat=True
            )
        )
        for row in rows:
            if row["outside_number"] in known or row["outside_number"] in seen:
                problems.add(row, "outside_number", _("This number is in use already."))
            seen.add(row["outside_number"])
            if (row["edition"], row["kind"], row["code"]) not in classes:
                problems.add(row, "code", _("This class is not in the dictionary."))
            times = [row[name] for name in self._TIMES if row[name]]
            if times != sorted(times):
                problems.add(row, "reported_at", _("The times are not in order."))
            if row["state"] == "closed" and not (row["filed_at"] and row["closed_at"]):
                problems.add(row, "closed_at", _("A closed case needs the times of filing and closing."))
            if not row["district_code"] and (row["lon"] is None or row["lat"] is None):
                problems.add(row, "district_code", _("A position or a district is needed."))

    def commit(self, rows: Any, batch: Any, actor: Any) -> int:
        """Make the cases, all ended."""
        classes, made = _classes(rows), []
        for row in rows:
            case = Case(
                batch=batch, class_name=classes[row["edition"], row["kind"], row["code"]], state_since=row["reported_at"],
                observed_at=row["reported_at"], month=month_of(row["reported_at"]),
                **{name: row[name] for name in (
                    "outside_number", "edition", "kind", "code", "source", "reported_at", "state", "lon", "lat", "address",
                    "district_code", "description", "department", "filed_at", "dispatched_at", "handle_due_at",
                    "handled_at", "close_due_at", "closed_at", "reworks",
                )},
            )  # fmt: skip
            case.accepted = case.state != "refused"
            case.filed = False if case.state in ("refused", "not_filed") else bool(case.filed_at) or None
            case.voided = case.state == "voided"
            case.state_since = case.closed_at or case.filed_at or case.reported_at
            if case.lon is not None and case.lat is not None:
                found = places.locate(case.lon, case.lat)
                case.area_code = found.code or case.district_code
                case.district_code = found.district or case.district_code
                case.cell = queries.cell_of(case.lon, case.lat)
            case.area_code = case.area_code or case.district_code
            made.append(case)
        Case.objects.bulk_create(made, batch_size=1000)
        trail.record_new("patrol.case.import", actor, [(case, {"number": case.outside_number}) for case in made])
        return len(made)
