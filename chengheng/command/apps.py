from django.apps import AppConfig


class CommandConfig(AppConfig):
    name = "chengheng.command"
    label = "command"
