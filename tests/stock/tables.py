from chengheng.common import tables
from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from chengheng.common.tables import (
    Area,
    BulkAction,
    Choice,
    Column,
    DateRange,
    MultiChoice,
    NumberRange,
    Organisation,
    Table,
    Text,
)
from tests.stock.models import Grade, Road

roles.declare(Role("road.reader", "Reader", {"road.view": Reach.ALL, "road.light": Reach.ORGANISATION}))
roles.declare(Role("road.keeper", "Keeper", {"road.view": Reach.ORGANISATION}))
roles.declare(Role("road.importer", "Importer", {"road.view": Reach.ALL, "road.import": Reach.ALL}))


def switch_on(user, rows):
    for road in rows:
        road.lit = True
        road.save(update_fields=["lit"])


@tables.register
class RoadTable(Table):
    code = "road"
    title = "Roads"
    act = "road.view"
    columns = (
        Column("number", "Number", link=True),
        Column("name", "Name"),
        Column("grade", "Grade", badge=True, tones={"main": "info"}),
        Column("keeper", "Keeper", kind="organisation", sort="keeper__name"),
        Column("length_m", "Length", kind="number"),
        Column("cost_fen", "Cost", kind="money_fen"),
        Column("share", "Share", kind="percent"),
        Column("lit", "Lit", kind="boolean"),
        Column("surveyed_on", "Surveyed", kind="date"),
        Column("reported_at", "Reported", kind="datetime"),
        Column("shout", "Shout", value=lambda road: road.name.upper()),
        Column("owner", "Owner", kind="user", shown=False),
    )
    filters = (
        Text("q", "Search", fields=("number", "name")),
        Choice("grade", "Grade", choices=Grade.choices),
        MultiChoice("grades", "Grades", choices=Grade.choices, lookup="grade"),
        DateRange("reported_at", "Reported"),
        DateRange("surveyed_on", "Surveyed"),
        NumberRange("cost", "Cost", lookup="cost_fen", scale=100),
        Organisation("keeper", "Keeper"),
        Area("area_code", "Area"),
    )
    actions = (BulkAction("light", "Switch on", act="road.light", perform=switch_on),)
    default_sort = "-reported_at"

    def queryset(self, user):
        return Road.objects.select_related("keeper", "owner")
