from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "chengheng.common.ui"
    label = "ui"
