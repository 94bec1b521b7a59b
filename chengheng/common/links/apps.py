from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LinksConfig(AppConfig):
    name = "chengheng.common.links"
    label = "links"
    verbose_name = _("Links")

    def ready(self) -> None:
        from chengheng.common.trail import acts

        acts.declare("links.link.make", _("Link with another record"))
        acts.declare("links.link.end", _("End a link with another record"))
