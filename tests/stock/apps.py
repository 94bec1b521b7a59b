from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "tests.stock"
    label = "stock"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.stock import imports, tables  # noqa: F401
