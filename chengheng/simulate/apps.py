from django.apps import AppConfig


class SimulateConfig(AppConfig):
    name = "chengheng.simulate"
    label = "simulate"

    def ready(self) -> None:
        from chengheng.common import preparation
        from chengheng.simulate import city

        preparation.add("simulate.city", city.build, demo=True)
