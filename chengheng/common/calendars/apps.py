from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "chengheng.common.calendars"
    label = "calendars"
