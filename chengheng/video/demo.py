"""This room's share of the demonstration city: four simulated cameras, people, a scene, an operation.

The cameras are real processes of the simulator (`chengheng camera --demo`), which `chengheng up` runs on a
demonstration site. What they show says that it is simulated.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from chengheng.common.demo import DemoCity
from chengheng.common.people.access import SYSTEM
from chengheng.video import actions
from chengheng.video.commands import DEMO_PREFIX, PLACES
from chengheng.video.models import Channel, Device, Operation

DISTRICTS = ("120101", "120103", "120102", "120103")


def build(city: DemoCity) -> None:
    """Make what is missing."""
    city.person("shipin", "周视频", "326206", "video.operator")
    commander = city.person("shipinzhang", "秦指挥", "326206", "video.commander")
    city.person("shebei", "高设备", "326206", "video.engineer")
    for number, (name, district) in enumerate(zip(PLACES, DISTRICTS, strict=True), 1):
        gb_id = f"{DEMO_PREFIX}{number:07d}"
        device = Device.objects.filter(gb_id=gb_id).first()
        if device is None:
            device, _password = actions.add_device(SYSTEM, gb_id, name, city.centre, area_code=district)
        # the catalog would bring the same entry; here already, so that the wall has its places before the first call
        if not device.channels.exists():
            lon, lat = city.point_in(district)
            Channel.objects.create(
                device=device, gb_id=f"{gb_id[:10]}131{gb_id[13]}{number:06d}", name=name, raw_name=name,
                organisation=device.organisation, area_code=district, lon=lon, lat=lat, parent_id=gb_id,
                manufacturer="Chengheng", model="Simulator", ptz_type=1,
            )  # fmt: skip
    cameras = list(
        Channel.objects.filter(device__gb_id__startswith=DEMO_PREFIX, kind="camera").order_by("gb_id")
        .values_list("pk", flat=True)
    )  # fmt: skip
    if not commander.video_scenes.exists():
        actions.save_scene(commander, "四个路口", 4, cameras, shared=True)
    if not Operation.objects.filter(created_by=commander).exists():
        start = datetime(2024, 12, 14, 20, 0, tzinfo=timezone.get_current_timezone())
        actions.plan_operation(
            commander, cameras, title="清融雪保障（演示）", kind="snow", starts_at=start,
            ends_at=start + timedelta(hours=12), snapshot_minutes=30,
            about="演示：大雪预警期间对主要路口清融雪情况进行视频巡查。",
        )  # fmt: skip
