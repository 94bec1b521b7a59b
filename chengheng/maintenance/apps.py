from django.apps import AppConfig


class MaintenanceConfig(AppConfig):
    name = "chengheng.maintenance"
    label = "maintenance"
