from collections import Counter

from django.utils.translation import gettext_lazy as _

from chengheng.common import intake
from chengheng.common.intake import (
    Field,
    Importer,
    boolean,
    choice,
    date,
    decimal,
    lat,
    lon,
    money_fen,
    organisation,
    text,
)
from chengheng.common.intake.copy import copy_read
from tests.stock.models import Grade, Road


@intake.register
class RoadImporter(Importer):
    code = "road"
    title = "Roads"
    act = "road.import"
    models = (Road,)
    fields = (
        Field("number", "Number", required=True, parse=text(30), aliases=("编号", "道路编号")),
        Field("name", "Road name", required=True, parse=text(80), aliases=("名称", "道路名称")),
        Field("grade", "Grade", parse=choice(Grade), default="side", aliases=("等级",)),
        Field("keeper", "Keeper", parse=organisation, aliases=("养护单位",)),
        Field("length_m", "Length", parse=decimal(0, 1_000_000, places=2), aliases=("长度",)),
        Field("cost_fen", "Cost", parse=money_fen(), aliases=("造价",)),
        Field("lit", "Lit", parse=boolean, default=False, aliases=("有路灯",)),
        Field("surveyed_on", "Surveyed", parse=date, aliases=("普查日期",)),
        Field("lon", "Longitude", parse=lon(), aliases=("坐标经度", "经度")),
        Field("lat", "Latitude", parse=lat(), aliases=("纬度",)),
    )

    def check(self, rows, problems):
        times = Counter(rows.columns["number"])
        known = set(Road.objects.filter(number__in=list(times)).values_list("number", flat=True))
        for row in rows:
            if times[row["number"]] > 1:
                problems.add(row, "number", _("appears more than once"))
            elif row["number"] in known:
                problems.add(row, "number", _("exists already"))

    def commit(self, rows, batch, actor):
        return copy_read(Road, rows, batch=batch)
