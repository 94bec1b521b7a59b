from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "chengheng.common.intake"
    label = "intake"
