from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "chengheng.common.jobs"
    label = "jobs"
