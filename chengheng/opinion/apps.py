from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OpinionConfig(AppConfig):
    name = "chengheng.opinion"
    label = "opinion"
    verbose_name = _("Public opinion")

    def ready(self) -> None:
        import sys

        from chengheng.common import files, preparation, processes
        from chengheng.common.ui import headlines, navigation
        from chengheng.opinion import flows, imports, measures, reference, roles, tables  # noqa: F401

        def attached(item: Any, attachment: Any) -> None:
            from chengheng.opinion.actions.media import wait_for

            wait_for(item, attachment)

        files.on_attach("opinion.item", attached)
        preparation.add("opinion.reference", reference.load)
        processes.add(processes.Process("opinion", lambda: [sys.executable, "-m", "chengheng", "opinion", "collect"]))
        headlines.add("opinion", "opinion.alert_within_hour", "opinion.items", "opinion.false_story_push")
        navigation.room("opinion", _("Public opinion"), "ear", 40)
        for order, (label, url_name, icon, act) in enumerate((
            (_("Overview"), "opinion:overview", "ear", "opinion.item.view"),
            (_("Items"), "opinion:items", "news", "opinion.item.view"),
            (_("Events"), "opinion:events", "chart-dots", "opinion.item.view"),
            (_("Opinion alerts"), "opinion:alerts", "bell-ringing", "opinion.alert.view"),
            (_("False stories"), "opinion:claims", "shield-question", "opinion.claim.view"),
            (_("Alert rules"), "opinion:rules", "adjustments", "opinion.rule.view"),
            (_("Sources"), "opinion:sources", "rss", "opinion.source.view"),
            (_("Reports"), "opinion:reports", "file-text", "opinion.report.view"),
            (_("Models"), "opinion:models", "brain", "opinion.model.view"),
        )):  # fmt: skip
            navigation.add(navigation.Item("opinion", label, url_name, icon, act, order * 10))
