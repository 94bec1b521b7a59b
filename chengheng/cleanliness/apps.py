from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CleanlinessConfig(AppConfig):
    name = "chengheng.cleanliness"
    label = "cleanliness"
    verbose_name = _("Cleanliness by grams")

    def ready(self) -> None:
        from chengheng.cleanliness import flows, imports, measures, reference, roles, tables, tasks  # noqa: F401
        from chengheng.common import preparation
        from chengheng.common.ui import headlines, maplayers, navigation
        from chengheng.common.ui.navigation import Item

        navigation.room("cleanliness", _("Cleanliness by grams"), "scale", 30)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("My day"), "my_day", "route", "cleanliness.item.view"),
                (_("Plans"), "plans", "calendar-event", "cleanliness.plan.view"),
                (_("Road checks"), "checks", "checklist", "cleanliness.check.view"),
                (_("Weighing room"), "weighing", "scale", "cleanliness.bag.weigh"),
                (_("Results and ranking"), "results", "list-numbers", "cleanliness.result.view"),
                (_("Bulletins"), "bulletins", "news", "cleanliness.bulletin.view"),
                (_("Roads"), "roads", "road", "cleanliness.road.view"),
                (_("Rule sets"), "rules", "gavel", "cleanliness.rules.view"),
                (_("Scales"), "scales", "weight", "cleanliness.scale.view"),
            )
        ):
            navigation.add(Item("cleanliness", label, f"cleanliness:{name}", icon, act, order))
        maplayers.add(
            "cleanliness.roads", _("Roads by last check"), "/cleanliness/roads.geojson", "cleanliness.road.view",
            room="cleanliness", shape="line", tone="none", order=30, bounded=True,
        )  # fmt: skip
        headlines.add("cleanliness", "cleanliness.road_checks", "cleanliness.points_minimum", "cleanliness.by_plan")
        preparation.add("cleanliness.reference", reference.load)
