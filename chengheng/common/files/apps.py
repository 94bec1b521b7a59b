from django.apps import AppConfig


class FilesConfig(AppConfig):
    name = "chengheng.common.files"
    label = "files"
