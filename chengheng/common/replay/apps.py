from django.apps import AppConfig


class ReplayConfig(AppConfig):
    name = "chengheng.common.replay"
    label = "replay"
