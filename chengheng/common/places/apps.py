from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "chengheng.common.places"
    label = "places"
