from django.apps import AppConfig


class MeasuresConfig(AppConfig):
    name = "chengheng.common.measures"
    label = "measures"
