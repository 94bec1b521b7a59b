from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PerformanceConfig(AppConfig):
    name = "chengheng.performance"
    label = "performance"
    verbose_name = _("Targets and results")

    def ready(self) -> None:
        from chengheng.common.measures import targets_from
        from chengheng.common.ui import navigation
        from chengheng.performance import flows, ledger, measures, queries, roles  # noqa: F401 - each declares what it holds

        targets_from(queries.target_of)

        for order, (label, url_name, icon, act) in enumerate((
            (_("Programmes"), "performance:programmes", "target-arrow", "performance.programme.view"),
            (_("Import target tables"), "performance:import", "file-import", "performance.programme.import"),
            (_("What answers what"), "performance:bindings", "link", "performance.binding.confirm"),
            (_("Payments"), "performance:payments", "receipt", "performance.payment.view"),
            (_("Surveys"), "performance:surveys", "messages", "performance.survey.view"),
            (_("Monitoring report"), "performance:report", "traffic-lights", "performance.programme.view"),
            (_("Next year"), "performance:roll_over", "calendar-plus", "performance.programme.roll_over"),
        )):  # fmt: skip
            navigation.add(navigation.Item("performance", label, url_name, icon, act, order * 10))
