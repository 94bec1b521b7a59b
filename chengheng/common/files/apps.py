from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    name = "chengheng.common.files"
    label = "files"
    verbose_name = _("Files")

    def ready(self) -> None:
        from chengheng.common.files import roles, tasks  # noqa: F401 - declare
        from chengheng.common.ui import navigation

        navigation.add(
            navigation.Item("site", _("Retention of files"), "files:retention", "archive", roles.RETENTION_VIEW, 80)
        )
