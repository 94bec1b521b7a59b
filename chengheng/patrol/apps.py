from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatrolConfig(AppConfig):
    name = "chengheng.patrol"
    label = "patrol"
    verbose_name = _("Patrol")

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.common.ui import navigation
        from chengheng.common.ui.navigation import Item
        from chengheng.patrol import flows, measures, reference, roles, tables  # noqa: F401

        navigation.room("patrol", _("Patrol"), "map-search", 20)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("Cases"), "cases", "clipboard-list", "patrol.case.view"),
                (_("Tasks"), "tasks", "walk", "patrol.task.view"),
                (_("Shifts"), "shifts", "calendar-user", "patrol.shift.view"),
                (_("Filing standards"), "standards", "scale", "patrol.standard.view"),
                (_("Dictionary"), "dictionary", "book", "patrol.dictionary.view"),
            )
        ):
            navigation.add(Item("patrol", label, f"patrol:{name}", icon, act, order))
        preparation.add("patrol.reference", reference.load)
