from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "chengheng.portal"
    label = "portal"
    verbose_name = _("Portal")

    def ready(self) -> None:
        from chengheng.common.ui import navigation, search
        from chengheng.common.ui.navigation import Item
        from chengheng.portal import choosing, handing, queries

        for order, (code, label, icon) in enumerate(
            (
                ("performance", _("Targets and results"), "target-arrow"),
                ("patrol", _("Patrol and cases"), "clipboard-list"),
                ("cleanliness", _("Road cleanliness"), "road"),
                ("video", _("Video"), "device-cctv"),
                ("opinion", _("Public opinion"), "news"),
                ("maintenance", _("Operations and base data"), "tool"),
                ("finance", _("Finance and audit"), "wallet"),
                ("command", _("Meetings and command"), "users-group"),
            ),
            start=1,
        ):
            navigation.room(code, label, icon, order * 10)
        navigation.room("places", _("Places"), "map-pin", 200)
        navigation.room("people", _("People and permissions"), "shield-lock", 210)
        navigation.room("site", _("Administration"), "settings", 220)
        navigation.add(Item("", _("Overview"), "portal:overview", "scale", order=1))
        navigation.add(Item("", _("Inbox"), "portal:inbox", "inbox", order=2))
        navigation.add(Item("", _("Map"), "portal:map", "map-2", order=3))
        navigation.add(Item("", _("Wall screen"), "portal:wall", "device-tv", order=4))
        search.add("", queries.find_pages)
        handing.wire()
        choosing.wire()
