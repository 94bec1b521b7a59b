"""Base data (基础数据): unit grids, components, place names and addresses, duty zones, kept as numbered editions.

A change set is drafted (from a file, by hand, by a census), checked, approved by a second person and published as a new
edition; nothing published is ever overwritten. What must not go in: devices and their faults.
"""


def register() -> None:
    """Make the base data known to the product: menu, map, search, permissions, flow, lists."""
    from django.utils.translation import gettext_lazy as _

    from chengheng.common.places import gazetteer
    from chengheng.common.ui import maplayers, navigation, search
    from chengheng.common.ui.navigation import Item
    from chengheng.maintenance.basedata import flows, measures, queries, roles, tables, tasks  # noqa: F401

    for order, (label, name, icon, act) in enumerate(
        (
            (_("Base data"), "base", "map-2", "maintenance.base.view"),
            (_("Census tasks"), "base_censuses", "walk", "maintenance.base.survey"),
        ),
        start=50,
    ):
        navigation.add(Item("maintenance", label, f"maintenance:{name}", icon, act, order))
    search.add("basedata", queries.find)
    gazetteer.add("maintenance", queries.spots)
    maplayers.add(
        "maintenance.components", _("Components"), "/maintenance/base/component/items.geojson", "maintenance.base.view",
        room="maintenance", order=910, bounded=True,
    )  # fmt: skip
