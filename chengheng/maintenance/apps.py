from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MaintenanceConfig(AppConfig):
    name = "chengheng.maintenance"
    label = "maintenance"
    verbose_name = _("Maintenance")

    def ready(self) -> None:
        from chengheng.common import health, preparation
        from chengheng.common.ui import headlines, navigation, search
        from chengheng.common.ui.navigation import Item
        from chengheng.maintenance import actions, flows, imports, measures, queries, reference, roles, tables  # noqa: F401
        from chengheng.maintenance.prober import process

        navigation.room("maintenance", _("Maintenance"), "tool", order=50)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("State of systems"), "state", "activity", "maintenance.device.view"),
                (_("My maintenance work"), "vendor", "tool", "maintenance.fault.respond"),
                (_("Device faults"), "faults", "alert-triangle", "maintenance.fault.view"),
                (_("Devices under maintenance"), "devices", "server", "maintenance.device.view"),
                (_("Inspection visits"), "visits", "checklist", "maintenance.visit.view"),
                (_("Contracts"), "contracts", "file-text", "maintenance.contract.view"),
                (_("Cost of upkeep"), "money", "receipt", "maintenance.money.view"),
                (_("Sources of alerts"), "sources", "bell", "maintenance.source.change"),
            )
        ):
            navigation.add(Item("maintenance", label, f"maintenance:{name}", icon, act, order))
        search.add("maintenance", queries.find)
        headlines.add("maintenance", "maintenance.normal_rate", "maintenance.response_hours", "maintenance.devices")
        preparation.add("maintenance.systems", reference.load)
        health.listen(actions.hear)
        process.register()

        from chengheng.maintenance import basedata, care

        care.register()
        basedata.register()
