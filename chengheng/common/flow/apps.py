from django.apps import AppConfig


class FlowConfig(AppConfig):
    name = "chengheng.common.flow"
    label = "flow"
