from django.apps import AppConfig


class TrailConfig(AppConfig):
    name = "chengheng.common.trail"
    label = "trail"
