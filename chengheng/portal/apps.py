from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "chengheng.portal"
    label = "portal"
