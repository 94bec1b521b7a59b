from django.apps import AppConfig


class CleanlinessConfig(AppConfig):
    name = "chengheng.cleanliness"
    label = "cleanliness"
