from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntakeConfig(AppConfig):
    name = "chengheng.common.intake"
    label = "intake"
    verbose_name = _("Imports")

    def ready(self) -> None:
        from chengheng.common.ui import navigation

        navigation.add(navigation.Item("", _("Imports"), "intake:index", "upload", order=90))
        from chengheng.common.intake import tables as tables
