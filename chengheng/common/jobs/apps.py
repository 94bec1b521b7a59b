from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "chengheng.common.jobs"
    label = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        from chengheng.common.ui import navigation

        navigation.add(navigation.Item("", _("Jobs"), "jobs:list", "loader-2", order=95))
        from chengheng.common.jobs import tables as tables
