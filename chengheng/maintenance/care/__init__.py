"""What stands around a repair: spare parts in stock, what is known to help, what those who reported think of it.

What must not go in: how a fault moves (`maintenance.flows`), devices and contracts.
"""


def register() -> None:
    """Make it known to the product: menu, search, lists, measure."""
    from django.utils.translation import gettext_lazy as _

    from chengheng.common.ui import navigation, search
    from chengheng.common.ui.navigation import Item
    from chengheng.maintenance.care import measures, queries, tables  # noqa: F401

    for order, (label, name, icon, act) in enumerate(
        (
            (_("Spare parts"), "spares", "package", "maintenance.spare.view"),
            (_("What helps"), "articles", "bulb", "maintenance.knowledge.view"),
        ),
        start=20,
    ):
        navigation.add(Item("maintenance", label, f"maintenance:{name}", icon, act, order))
    search.add("maintenance.care", queries.find)
