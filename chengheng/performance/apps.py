from django.apps import AppConfig


class PerformanceConfig(AppConfig):
    name = "chengheng.performance"
    label = "performance"
