from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class CommandConfig(AppConfig):
    name = "chengheng.command"
    label = "command"
    verbose_name = _("Conference and command")

    def ready(self) -> None:
        from chengheng.command import flows, measures, queries, roles, tables  # noqa: F401
        from chengheng.command.conference import engine
        from chengheng.command.conference import measures as conference_measures  # noqa: F401
        from chengheng.command.conference import tables as conference_tables  # noqa: F401
        from chengheng.command.conference.live import entrance
        from chengheng.common.ui import headlines, maplayers, navigation, search

        engine.register()
        entrance.register()
        navigation.room("command", _("Conference and command"), "speakerphone", 70)
        for order, (label, name, icon, act) in enumerate((
            (_("Command screen"), "screen", "map-2", "command.target.view"),
            (_("Meetings"), "meetings", "users-group", "command.meeting.view"),
            (_("Venue console"), "console", "phone-ringing", "command.meeting.attend"),
            (_("Meeting templates"), "templates", "template", "command.meeting.change"),
            (pgettext_lazy("dispatch", "Orders"), "orders", "speakerphone", "command.order.view"),
            (pgettext_lazy("dispatch", "Orders received"), "targets", "inbox", "command.target.view"),
            (pgettext_lazy("emergency", "Plans"), "plans", "clipboard-list", "command.plan.view"),
            (_("Runs of plans"), "runs", "history", "command.run.view"),
            (_("Venues"), "sites", "building-community", "command.site.view"),
            (_("Link checks"), "checks", "activity", "command.site.view"),
            (_("Terminals"), "terminals", "device-landline-phone", "command.site.change"),
            (_("Duty rota"), "rota", "calendar-user", "command.rota.view"),
            (_("Resources"), "resources", "truck", "command.resource.view"),
        )):  # fmt: skip
            navigation.add(navigation.Item("command", label, f"command:{name}", icon, act, order * 10))
        for place, (code, label, url, act) in enumerate((
            ("sites", _("Venues"), "/command/sites.geojson", "command.site.view"),
            ("orders", _("Orders with a place"), "/command/orders.geojson", "command.order.view"),
            ("resources", _("Resources"), "/command/resources.geojson", "command.resource.view"),
        )):  # fmt: skip
            maplayers.add(f"command.{code}", label, url, act, room="command", order=70 + place)
        search.add("command", queries.find)
        headlines.add("command", "command.sites", "command.link_availability", "command.finished_on_time")
