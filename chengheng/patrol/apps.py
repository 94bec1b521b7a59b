from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatrolConfig(AppConfig):
    name = "chengheng.patrol"
    label = "patrol"
    verbose_name = _("Patrol")

    def ready(self) -> None:
        from chengheng.common import files, preparation
        from chengheng.common.ui import maplayers, navigation, search
        from chengheng.common.ui.navigation import Item
        from chengheng.patrol import actions, flows, imports, measures, queries, reference, roles, tables, tiles  # noqa: F401

        navigation.room("patrol", _("Patrol"), "map-search", 20)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("Queue"), "queue", "inbox", "patrol.case.view"),
                (_("Take down a report"), "receive", "phone-call", "patrol.case.receive"),
                (_("Cases"), "cases", "clipboard-list", "patrol.case.view"),
                (_("Statistics"), "statistics", "chart-bar", "patrol.statistics.view"),
                (_("Monthly bulletins"), "bulletins", "news", "patrol.bulletin.view"),
                (_("Reward allocation"), "allocations", "coins", "patrol.allocation.view"),
                (_("Tasks"), "tasks", "walk", "patrol.task.view"),
                (_("Shifts"), "shifts", "calendar-user", "patrol.shift.view"),
                (_("Re-inspections"), "samplings", "eye-check", "patrol.sampling.view"),
                (_("Boundary of collection"), "boundaries", "polygon", "patrol.boundary.view"),
                (_("Filing standards"), "standards", "scale", "patrol.standard.view"),
                (_("Dictionary"), "dictionary", "book", "patrol.dictionary.view"),
                (_("Webhooks"), "hooks", "webhook", "patrol.hook.manage"),
            )
        ):
            navigation.add(Item("patrol", label, f"patrol:{name}", icon, act, order))
        preparation.add("patrol.reference", reference.load)
        maplayers.add(
            "patrol.cases", _("Live cases"), "/api/v1/patrol/tiles/{z}/{x}/{y}.mvt", "patrol.case.view",
            room="patrol", order=10, shown=True, tiles=tiles.LAYER,
        )  # fmt: skip
        search.add("patrol", queries.find)
        files.on_attach("patrol.case", actions.look_at_photo)
