"""The demonstration city: Tianjin's sixteen districts with invented organisations and people.

Only the districts, the commission and the centre bear real names; everybody and everything else is invented.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.utils.translation import gettext as _

from chengheng.common.demo import DemoCity
from chengheng.common.places.shipped import districts_file

CENTRE_CODE = "326206"  # the unit code of the seven target tables
SERVICES = (("HW", "环境卫生"), ("SZ", "市政公用"), ("YL", "园林绿化"), ("ZF", "综合执法"))
UNITS = 17  # with the sixteen district commissions they make the 33 sites of the conference system
_NUMERALS = "一二三四五六七八九十"


def _numeral(number: int) -> str:
    return _NUMERALS[number - 1] if number <= 10 else "十" + (_NUMERALS[number - 11] if number > 10 else "")


def build_base(city: DemoCity) -> None:
    """Organisations and the people that no single room owns: the three administrators, leaders."""
    city.organisation("CGW", "天津市城市管理委员会", "commission")
    city.organisation(CENTRE_CODE, "天津市数字化城市管理考核中心", "centre", parent="CGW")
    for feature in districts_file()["features"]:
        code, name = str(feature["properties"]["code"]), feature["properties"]["name"]
        city.organisation(f"D{code}", f"{name}城市管理委员会", "district", parent="CGW", district_code=code)
        for short, service in SERVICES:
            city.organisation(f"D{code}-{short}", f"{name}{service}部门", "department", f"D{code}", district_code=code)
    for number in range(1, UNITS + 1):
        city.organisation(f"U{number:02}", f"委属单位{_numeral(number)}（演示）", "unit", parent="CGW")
    for number in range(1, 4):
        city.organisation(f"C{number}", f"保洁公司{_numeral(number)}（演示）", "contractor", parent="CGW")
    city.organisation("V1", "运维服务商一（演示）", "vendor", parent="CGW")
    city.organisation("V2", "运维服务商二（演示）", "vendor", parent="CGW")

    city.person("sysadmin", "系统管理员", CENTRE_CODE, "people.system_administrator")
    city.person("secadmin", "安全管理员", CENTRE_CODE, "people.security_administrator")
    city.person("auditor", "审计管理员", CENTRE_CODE, "people.auditor")


def build(seed: int = 2024) -> list[str]:
    """Build the whole demonstration city, room by room; safe to repeat. Returns the welcome lines for the terminal."""
    city = DemoCity(seed)
    build_base(city)
    for room in [*settings.SYSTEMS, "performance", "portal"]:
        if find_spec(f"chengheng.{room}.demo"):
            import_module(f"chengheng.{room}.demo").build(city)
    return [_("Demonstration: choose a user on the sign-in page; no password is needed there.")]
