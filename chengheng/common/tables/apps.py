from django.apps import AppConfig


class TablesConfig(AppConfig):
    name = "chengheng.common.tables"
    label = "tables"
