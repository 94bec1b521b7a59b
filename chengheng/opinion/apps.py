from django.apps import AppConfig


class OpinionConfig(AppConfig):
    name = "chengheng.opinion"
    label = "opinion"
