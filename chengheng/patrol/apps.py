from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatrolConfig(AppConfig):
    name = "chengheng.patrol"
    label = "patrol"
    verbose_name = _("Patrol")

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.patrol import flows, reference, roles  # noqa: F401

        preparation.add("patrol.reference", reference.load)
