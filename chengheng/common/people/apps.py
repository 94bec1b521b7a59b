from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PeopleConfig(AppConfig):
    name = "chengheng.common.people"
    label = "people"
    verbose_name = _("People")

    def ready(self) -> None:
        from chengheng.common.people import administrators  # noqa: F401 - declares the roles of this room
