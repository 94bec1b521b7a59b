import sys

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VideoConfig(AppConfig):
    name = "chengheng.video"
    label = "video"
    verbose_name = _("Video")

    def ready(self) -> None:
        from django.conf import settings

        from chengheng.common import processes
        from chengheng.common.processes import Process
        from chengheng.common.ui import headlines, maplayers, navigation, search
        from chengheng.common.ui.navigation import Item
        from chengheng.video import measures, queries, roles, tables  # noqa: F401
        from chengheng.video.live.entrance import register

        register()
        processes.add(
            Process(
                "cameras",
                lambda: [sys.executable, "-m", "chengheng", "camera", "--demo"],
                wanted=lambda: settings.DEMO and bool(settings.SIP_PORT),
                why_not="only a demonstration site has simulated cameras",
            )
        )
        navigation.room("video", _("Video"), "video", order=30)
        for item in (
            Item("video", _("Video wall"), "video:wall", "layout-grid", "video.channel.view", 10),
            Item("video", _("Cameras"), "video:cameras", "video", "video.channel.view", 20),
            Item("video", _("Operations"), "video:operations", "snowflake", "video.operation.view", 30),
            Item("video", _("Camera state"), "video:state", "activity", "video.channel.view", 40),
            Item("video", _("Call-ups"), "video:calls", "phone-call", "video.call.view", 50),
            Item("video", _("Devices"), "video:devices", "server", "video.device.view", 60),
            Item("video", _("Device alarms"), "video:alarms", "bell-ringing", "video.device.view", 70),
            Item("video", _("Platforms above"), "video:upstreams", "arrow-up-circle", "video.upstream.view", 80),
        ):
            navigation.add(item)
        maplayers.add(
            "video.cameras",
            _("Cameras"),
            "/video/cameras.geojson",
            "video.channel.view",
            room="video",
            bounded=True,
            order=40,
        )
        maplayers.add(
            "video.mobile", _("Mobile cameras"), "/video/mobile.geojson", "video.device.view", room="video",
            bounded=True, order=41,
        )  # fmt: skip
        maplayers.add(
            "video.tracks", _("Tracks of mobile cameras, last hour"), "/video/mobile.geojson?shape=line",
            "video.device.view", room="video", shape="line", order=42,
        )  # fmt: skip
        search.add("video", queries.find)
        headlines.add("video", "video.online_rate", "video.picture_rate", "video.call_success_rate")
