from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "chengheng.common.people"
    label = "people"
