from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlacesConfig(AppConfig):
    name = "chengheng.common.places"
    label = "places"
    verbose_name = _("Places")

    def ready(self) -> None:
        from chengheng.common.places import roles  # noqa: F401 - declares
