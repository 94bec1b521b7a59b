from django.apps import AppConfig


class PatrolConfig(AppConfig):
    name = "chengheng.patrol"
    label = "patrol"
