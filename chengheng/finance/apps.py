from django.apps import AppConfig


class FinanceConfig(AppConfig):
    name = "chengheng.finance"
    label = "finance"
