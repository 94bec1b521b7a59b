from django.apps import AppConfig


class SimulateConfig(AppConfig):
    name = "chengheng.simulate"
    label = "simulate"
