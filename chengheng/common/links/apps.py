from django.apps import AppConfig


class LinksConfig(AppConfig):
    name = "chengheng.common.links"
    label = "links"
