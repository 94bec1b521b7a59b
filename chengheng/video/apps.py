from django.apps import AppConfig


class VideoConfig(AppConfig):
    name = "chengheng.video"
    label = "video"
