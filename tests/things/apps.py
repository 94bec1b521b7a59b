from django.apps import AppConfig


class ThingsConfig(AppConfig):
    name = "tests.things"
    label = "things"

    def ready(self) -> None:
        from tests.things import flows  # noqa: F401
