from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    name = "chengheng.common.notices"
    label = "notices"
    verbose_name = _("Notices")

    def ready(self) -> None:
        from chengheng.common import live
        from chengheng.common.notices import roles, stream, tasks  # noqa: F401 - declare
        from chengheng.common.ui import navigation

        live.add(stream.setup)
        navigation.add(
            navigation.Item("site", _("Channels of notices"), "notices:endpoints", "send", roles.ENDPOINT_VIEW, 82)
        )
        navigation.add(navigation.Item("site", _("Deliveries"), "notices:deliveries", "mail", roles.ENDPOINT_VIEW, 84))
