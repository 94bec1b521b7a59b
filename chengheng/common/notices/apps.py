from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "chengheng.common.notices"
    label = "notices"
