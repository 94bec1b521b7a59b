from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CalendarsConfig(AppConfig):
    name = "chengheng.common.calendars"
    label = "calendars"
    verbose_name = _("Calendar")

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.common.calendars import actions, roles, tasks  # noqa: F401 - declare
        from chengheng.common.ui import navigation

        preparation.add("calendars.calendar", actions.prepare)
        navigation.add(navigation.Item("places", _("Working calendar"), "calendars:year", "calendar", order=80))
