"""What base data is: its kinds, their fields and codes. Pure: tables and functions; no database.

Component codes and classes: `common.dictionary`. Field names: table 2 of GB/T 47678.5 and the names that interfaces of the
2013 edition use; facts/domain.md B.2–B.4.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.dictionary import component_name

STATES = ("完好", "破损", "丢失", "废弃", "移除")
"""States of a component (GB/T 47678.5 table 2, GLBJZT)."""

ORIGINS = ("实测", "地形图", "基础地理数据", "其他")
"""Origins of a component's data (GB/T 47678.5 table 2, SJLY)."""

POINT, LINE, POLYGON = "point", "line", "polygon"


@dataclass(frozen=True)
class Field:
    """A field of a kind. `aliases`: how files call it, compared without case, blanks and signs."""

    name: str
    label: str | Promise
    aliases: tuple[str, ...] = ()
    required: bool = False
    length: int = 200


@dataclass(frozen=True)
class Kind:
    """A kind of base data. `shapes`: what its geometry may be."""

    code: str
    label: str | Promise
    fields: tuple[Field, ...]
    shapes: frozenset[str]
    code_length: int

    def field(self, name: str) -> Field:
        """The field of this name; KeyError for an unknown one."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def extra(self) -> tuple[Field, ...]:
        """The fields besides code and name."""
        return self.fields[2:]


COMPONENT = Kind(
    "component",
    pgettext_lazy("base data", "components"),
    (
        Field("code", _("identifier"), ("GLBJBSM", "ObjID", "标识码", "部件标识码", "部件编码", "部件代码", "编码", "code"), True, 17),
        Field("name", _("name"), ("GLBJMC", "ObjName", "名称", "部件名称", "name"), True, 30),
        Field("authority_code", _("authority's code"), ("ZGBMDM", "DeptCode1", "主管部门代码"), length=18),
        Field("authority", _("authority"), ("ZGBMMC", "DeptName1", "主管部门", "主管部门名称"), True, 100),
        Field("owner_code", _("owner's code"), ("QSDWDM", "DeptCode2", "权属单位代码"), length=18),
        Field("owner", _("owner"), ("QSDWMC", "DeptName2", "权属单位", "权属单位名称"), length=100),
        Field("keeper_code", _("maintainer's code"), ("YHDWDM", "DeptCode3", "养护单位代码"), length=18),
        Field("keeper", _("maintaining unit"), ("YHDWMC", "DeptName3", "养护单位", "养护单位名称"), length=100),
        Field("grid", _("unit grid"), ("SZDYWGBSM", "BGID", "所在单元网格", "单元网格标识码", "网格编码"), True, 15),
        Field("state", _("state of the component"), ("GLBJZT", "ObjState", "状态", "部件状态"), length=10),
        Field("made_on", _("first recorded on"), ("CSRQ", "ORDate", "初始日期"), length=10),
        Field("changed_on", _("changed on"), ("BGRQ", "CHDate", "变更日期"), length=10),
        Field("origin", _("origin of the data"), ("SJLY", "DataSource", "数据来源"), length=30),
        Field("note", _("remark"), ("BZ", "Note", "备注"), length=1000),
    ),
    frozenset((POINT, LINE, POLYGON)),
    17,
)  # fmt: skip
GRID = Kind(
    "grid",
    pgettext_lazy("base data", "unit grids"),
    (
        Field("code", _("identifier"), ("DYWGBSM", "SZDYWGBSM", "BGID", "BGCode", "GridCode", "网格编码", "单元网格标识码", "标识码", "编码", "code"), True, 15),
        Field("name", _("name"), ("DYWGMC", "BGName", "GridName", "网格名称", "名称", "name"), length=120),
        Field("note", _("remark"), ("BZ", "Note", "备注"), length=1000),
    ),
    frozenset((POLYGON,)),
    15,
)  # fmt: skip
PLACE = Kind(
    "place",
    pgettext_lazy("base data", "place names and addresses"),
    (
        Field("code", _("identifier"), ("DMDZBSM", "DZBM", "地名地址标识码", "地址编码", "标识码", "编码", "code"), True, 40),
        Field("name", _("name"), ("DMMC", "名称", "地名", "标准地名", "门牌", "name"), True, 200),
        Field("address", _("address"), ("DZMS", "地址", "详细地址", "标准地址", "address"), length=200),
        Field("class", _("class of place"), ("DMLX", "类别", "类型", "地名类别", "class", "type"), length=40),
        Field("aliases", _("other names"), ("BM", "别名", "曾用名", "俗称", "alias"), length=200),
        Field("note", _("remark"), ("BZ", "Note", "备注"), length=1000),
    ),
    frozenset((POINT, LINE, POLYGON)),
    40,
)  # fmt: skip
DUTY = Kind(
    "duty",
    pgettext_lazy("base data", "duty zones"),
    (
        Field("code", _("identifier"), ("ZRWGBSM", "责任网格编码", "责任区编码", "标识码", "编码", "code"), True, 40),
        Field("name", _("name"), ("ZRWGMC", "责任网格名称", "责任区名称", "名称", "name"), True, 120),
        Field("duty", pgettext_lazy("base data", "duty"), ("ZRLX", "责任类型", "类型", "duty"), length=40),
        Field("organisation", _("responsible unit"), ("ZRDW", "ZRDWMC", "责任单位", "organisation"), True, 100),
        Field("note", _("remark"), ("BZ", "Note", "备注"), length=1000),
    ),
    frozenset((POLYGON,)),
    40,
)  # fmt: skip
KINDS = {kind.code: kind for kind in (COMPONENT, GRID, PLACE, DUTY)}
SHAPE_ALIASES = {
    "lon": ("lon", "lng", "longitude", "x", "经度", "横坐标", "东坐标"),
    "lat": ("lat", "latitude", "y", "纬度", "纵坐标", "北坐标"),
    "wkt": ("wkt", "geometry", "geom", "坐标串", "图形"),
}
"""Columns of a spreadsheet that say where a row is: a point, or any shape as WKT."""


def key(heading: str) -> str:
    """A heading as it is compared: without case, blanks and signs."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", heading)).lower()


def guess(kind: Kind, headings: list[str], table: bool = False) -> dict[str, str]:
    """Which heading holds which field, by name; a heading serves once. `table`: look for the columns of the place, too."""
    free = {key(heading): heading for heading in reversed(headings)}
    found: dict[str, str] = {}
    wanted = {field.name: (*field.aliases, field.name) for field in kind.fields} | (SHAPE_ALIASES if table else {})
    for name, aliases in wanted.items():
        hit = next((key(alias) for alias in aliases if key(alias) in free), None)
        if hit is not None:
            found[name] = free.pop(hit)
    return found


def class_name(class_code: str) -> str:
    """The name of a class by its 4 or 5 digits; the digits themselves when no list holds them."""
    return component_name(class_code) or class_code


def next_code(district: str, class_code: str, last: str | None) -> str:
    """The code after `last` of a district and class; the first when there is none."""
    sequence = int(last[-6:]) + 1 if last else 1
    return f"{district}{class_code}{sequence:06}"


_DATE = re.compile(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})(?:\D.*)?")


def plain_date(said: str) -> str:
    """A date as YYYY-MM-DD (table 2 writes YYYYMMDD); what is no date stays as it is, for the check to name."""
    found = _DATE.fullmatch(said.strip())
    if not found:
        return said.strip()
    year, month, day = (int(part) for part in found.groups())
    return f"{year:04}-{month:02}-{day:02}" if 1 <= month <= 12 and 1 <= day <= 31 else said.strip()
