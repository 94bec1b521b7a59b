"""`chengheng camera`: simulated devices that register at a platform and send real encoded pictures."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import click

from chengheng.common.commands import with_database

DEMO_PREFIX = "1201019900132"
PLACES = (
    "解放北路与承德道路口（模拟）",
    "南京路与营口道路口（模拟）",
    "卫国道快速路（模拟）",
    "友谊路会展中心（模拟）",
)


def register(cli: click.Group) -> None:
    cli.add_command(camera)


@click.command()
@click.option("--platform", "platform", default="127.0.0.1:5060", show_default=True, help="host:port of the platform.")
@click.option("--platform-id", default="12010000002000000001", show_default=True, help="20-digit ID of the platform.")
@click.option("--realm", default="", help="Its domain; empty: the first ten digits of its ID.")
@click.option("--id", "first_id", default="", help="20-digit ID of the first device; further ones count up.")
@click.option("--password", default="", help="The device's password (all of them, with --count).")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 2000), help="How many devices.")
@click.option(
    "--channels", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Cameras of each device."
)
@click.option("--transport", default="udp", type=click.Choice(["udp", "tcp"]), show_default=True)
@click.option("--codec", default="h264", type=click.Choice(["h264", "h265"]), show_default=True)
@click.option("--size", default="640x368", show_default=True, help="Width x height of the picture, multiples of 16.")
@click.option("--fps", default=15, show_default=True, type=click.IntRange(1, 60))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine as the platform sees it.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    help="NAME or NAME=VALUE, repeated: loss=0.01 reorder=0.05 refuse=486 silent deaf wrong_ssrc own_ssrc no_marker "
    "split_datagrams catalog_short catalog_single black frozen answer_delay_s=3 stop_after_s=20 refuse_subscribe=489 short_subscribe=60 "
    "forgetful no_sub no_capture bad_pictures no_speaker no_fetch talk=tcp_active.",
)
@click.option("--sound", default="", type=click.Choice(["", "g711a", "g711u", "aac"]), help="Send a tone, coded so.")
@click.option("--mobile", is_flag=True, help="The devices drive about and tell where they are, when subscribed to.")
@click.option("--alarm-every", default=0.0, help="Seconds between alarms of the first camera; 0: none.")
@click.option("--demo", is_flag=True, help="Run the demonstration city's cameras; passwords come from the database.")
def camera(demo: bool, faults: tuple[str, ...], **options: Any) -> None:
    """Run simulated GB/T 28181 cameras until interrupted. What they show says that it is simulated."""
    try:
        wrong = _faults(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error
    if demo:
        devices = _demo_devices()
        if not devices:
            click.echo("there are no demonstration cameras in this database", err=True)
            sys.exit(1)
        from django.conf import settings

        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1"}.get(settings.SIP_HOST, settings.SIP_HOST)  # noqa: S104
        target, platform_id, realm = (host, settings.SIP_PORT), settings.SIP_ID, settings.SIP_REALM
    else:
        name, _colon, port = options["platform"].rpartition(":")
        if not name or not port.isdigit() or not options["first_id"].isdigit() or len(options["first_id"]) != 20:
            raise click.UsageError("--platform host:port and a 20-digit --id are needed")
        target, platform_id = (name, int(port)), options["platform_id"]
        realm = options["realm"] or platform_id[:10]
        start = int(options["first_id"])
        devices = [
            (str(start + number), options["password"], f"模拟摄像机 {number + 1}") for number in range(options["count"])
        ]
    asyncio.run(_run(devices, target, platform_id, realm, wrong, options))


@with_database
def _demo_devices() -> list[tuple[str, str, str]]:
    from chengheng.video.models import Device
    from chengheng.video.sealing import unseal

    rows = Device.objects.filter(gb_id__startswith=DEMO_PREFIX, enabled=True).order_by("gb_id")
    return [(row.gb_id, unseal(row.sealed_password), row.name) for row in rows]


def _faults(texts: tuple[str, ...]) -> Any:
    from chengheng.video.camera.device import Faults

    found = Faults()
    for text in texts:
        name, _equals, value = text.partition("=")
        if not hasattr(found, name):
            raise ValueError(f"unknown fault {name}")
        kind = type(getattr(found, name))
        setattr(found, name, value.lower() not in ("0", "no", "false") if kind is bool else kind(value or 1))
    return found


async def _run(
    devices: list[tuple[str, str, str]],
    target: tuple[str, int],
    platform_id: str,
    realm: str,
    faults: Any,
    options: dict[str, Any],
) -> None:
    from chengheng.video.camera.device import Camera, CameraChannel

    width, _x, height = options["size"].partition("x")
    cameras = []
    for gb_id, password, name in devices:
        serial = int(gb_id[14:])
        channels = [
            CameraChannel(
                f"{gb_id[:10]}131{gb_id[13]}{(serial * options['channels'] + index) % 1_000_000:06d}",
                name if options["channels"] == 1 else f"{name} {index + 1}",
            )
            for index in range(options["channels"])
        ]
        cameras.append(
            Camera(
                gb_id, password, target, platform_id, channels, realm=realm, transport=options["transport"],
                codec=options["codec"], width=int(width), height=int(height), fps=options["fps"],
                gop=options["fps"] * 2, host=options["host"], faults=faults, name=name, mobile=options["mobile"],
                sound=options["sound"],
            )
        )  # fmt: skip
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    for item in cameras:
        await item.start()
    click.echo(f"{len(cameras)} simulated devices register at {target[0]}:{target[1]}")
    alarms = asyncio.create_task(_alarms(cameras[0], options["alarm_every"]))
    await stop.wait()
    alarms.cancel()
    await asyncio.gather(*(item.stop() for item in cameras), return_exceptions=True)


async def _alarms(camera: Any, seconds: float) -> None:
    from chengheng.common.sipnode import NoAnswer

    while seconds:
        await asyncio.sleep(seconds)
        try:
            await camera.alarm(next(iter(camera.channels)))
        except NoAnswer:
            continue
