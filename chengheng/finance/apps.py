from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FinanceConfig(AppConfig):
    name = "chengheng.finance"
    label = "finance"
    verbose_name = _("Finance supervision")

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.common.ui import navigation
        from chengheng.common.ui.navigation import Item
        from chengheng.finance import flows, imports, measures, reference, roles, tables, tasks  # noqa: F401

        navigation.room("finance", _("Finance supervision"), "report-money", 60)
        for order, (label, name, icon, act) in enumerate(
            (
                (_("Overview of supervision"), "overview", "layout-dashboard", "finance.finding.view"),
                (_("Audit doubts"), "doubts", "alert-triangle", "finance.doubt.view"),
                (_("Rule findings"), "findings", "list-search", "finance.finding.view"),
                (_("Rules of supervision"), "rules", "scale", "finance.rule.view"),
                (_("Supervised units"), "units", "building", "finance.unit.view"),
                (_("Units as one"), "consolidated", "sitemap", "finance.unit.view"),
                (_("Batches of evidence"), "batches", "database", "finance.batch.view"),
                (_("Voucher lines"), "lines", "list-details", "finance.line.view"),
                (_("Import evidence"), "import", "upload", "finance.batch.import"),
            )
        ):
            navigation.add(Item("finance", label, f"finance:{name}", icon, act, order))
        preparation.add("finance.reference", reference.load)
