"""Pages of this room: parse, call one action or query, render."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect as go
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chengheng.common import files, trail
from chengheng.common.errors import Invalid, Refusal
from chengheng.common.people import access
from chengheng.common.places.box import asked_box
from chengheng.common.ui.csp import live_origin
from chengheng.common.ui.views import page, redirect, require_act
from chengheng.video import actions, queries, words
from chengheng.video.forms import (
    ChannelForm,
    DeviceForm,
    FetchForm,
    OperationForm,
    PlanForm,
    ThresholdsForm,
    TranscodeLimitForm,
    UpstreamForm,
)
from chengheng.video.models import (
    Broadcast,
    Call,
    Channel,
    Device,
    Operation,
    PictureThresholds,
    Recording,
    Scene,
    Snapshot,
    Transcode,
    TranscodeLimit,
    Upstream,
)
from chengheng.video.roles import steering_priority


def _player(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What every player needs: where the live process is, where tokens come from, whose name the watermark carries."""
    user = request.user
    return {
        "live": live_origin(request),
        "token": reverse("video:token", args=[0]).replace("/0/", "/{id}/"),
        "snapshot": reverse("video:take_snapshot", args=[0]).replace("/0/", "/{id}/"),
        "page": reverse("video:channel", args=[0]).replace("/0/", "/{id}/"),
        "mark": f"{user} {user.get_username()}",
        **more,
    }


@require_act("video.channel.view")
def wall(request: HttpRequest) -> HttpResponse:
    """The wall: tree on the left, 1, 4, 9 or 16 places; asked for nothing, it opens on the latest scene."""
    scene = None
    if (number := request.GET.get("scene", "")).isdigit():
        scene = queries.scenes(request.user).filter(pk=int(number)).first()
    elif "cameras" not in request.GET:
        scene = queries.latest_scene(request.user)
    chosen = [int(part) for part in request.GET.get("cameras", "").split(",") if part.isdigit()][:16]
    found = queries.tree(request.user)
    props = _player(
        request,
        tree=found,
        places=scene.places if scene else 4 if len(chosen) <= 4 else 9 if len(chosen) <= 9 else 16,
        cells=scene.cells if scene else chosen,
        carousel=scene.carousel_seconds if scene else 0,
        save=reverse("video:save_scene"),
        scenes=[
            {"id": item.pk, "title": item.title, "url": item.get_absolute_url()}
            for item in queries.scenes(request.user)
        ],
        scene=scene.title if scene else "",
    )
    return page(request, "video/wall.html", {"props": props, "empty": not found})


@require_act("video.channel.view")
def search_tree(request: HttpRequest) -> JsonResponse:
    """The tree cut down to what matches."""
    return JsonResponse({"tree": queries.tree(request.user, request.GET.get("q", "").strip()[:60])})


@require_act("video.channel.view")
def channel(request: HttpRequest, pk: int) -> HttpResponse:
    """One camera: picture, steps, steering, recordings, evidence."""
    row = access.fetch(
        request.user, "video.channel.view", Channel.objects.select_related("device", "organisation"), pk=pk
    )
    priority = steering_priority(request.user, row) if row.movable else 0
    props = _player(
        request,
        id=row.pk,
        name=row.name,
        ptz=bool(priority),
        presets=[{"number": item.number, "name": item.name} for item in row.presets.all()],
        presets_url=reverse("video:presets", args=[pk]),
        records_url=reverse("video:records", args=[pk])
        if access.may(request.user, "video.channel.playback", row)
        else "",
        steps=[{"code": code, "label": str(label)} for code, label in words.STEPS.items()],
        may_snapshot=access.may(request.user, "video.channel.snapshot", row),
        talk=reverse("video:talk", args=[pk]) if access.may(request.user, "video.channel.talk", row) else "",
        talk_steps=[{"code": code, "label": str(label)} for code, label in words.TALK_STEPS.items()],
    )
    snapshots = list(row.snapshots.exclude(purpose="probe").select_related("by")[:12])
    recordings = list(row.recordings.select_related("by")[:12])
    context = {
        "channel": row,
        "props": props,
        "broadcasts": row.broadcasts.select_related("by").defer("trace")[:5],
        "calls": row.calls.select_related("asked_by").defer("trace")[:8],
        "snapshots": _with_files(snapshots),
        "captures": row.captures.select_related("by")[:5],
        "may_snapshot": props["may_snapshot"],
        "captures_itself": row.device.edition == 2022,
        "recordings": _with_files(recordings) if access.may(request.user, "video.recording.view", row) else [],
        "may_record": access.may(request.user, "video.recording.make", row),
        "plans": row.plans.select_related("by") if access.may(request.user, "video.recording.view", row) else (),
        "may_fetch": bool(props["records_url"]) and access.may(request.user, "video.recording.make", row),
        "may_steer": bool(priority),
        "may_change": access.may(request.user, "video.channel.change", row),
        "area": queries.area_name(row.area_code),
        "history": trail.history(row).order_by("-at")[:15],
    }
    return page(request, "video/channel.html", context)


def _with_files(rows: list[Any]) -> list[dict[str, Any]]:
    found = files.of_many(rows)
    return [
        {"row": row, "file": next(iter(found.get(row.pk, ())), None), "genuine": actions.is_genuine(row)}
        for row in rows
    ]


@require_POST
@require_act("video.channel.view")
def token(request: HttpRequest, pk: int) -> JsonResponse:
    """A play token; `from` and `to` (UNIX seconds) ask for the device's recording."""
    from_at, to_at = _moment(request.POST.get("from")), _moment(request.POST.get("to"))
    stream = 1 if request.POST.get("stream") == "1" else 0
    try:
        made = actions.permit_watching(
            request.user, pk, session_key=request.session.session_key or "", stream=stream, from_at=from_at, to_at=to_at
        )
    except Refusal as refusal:
        return JsonResponse(refusal.as_dict(), status=refusal.status)
    return JsonResponse({"token": made})


@require_POST
@require_act("video.channel.talk")
def talk_token(request: HttpRequest, pk: int) -> JsonResponse:
    """A token to speak through this camera's device."""
    try:
        made = actions.permit_talking(request.user, pk, session_key=request.session.session_key or "")
    except Refusal as refusal:
        return JsonResponse(refusal.as_dict(), status=refusal.status)
    return JsonResponse({"token": made})


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromtimestamp(float(text), timezone.get_current_timezone())
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(field="from") from error


@require_act("video.channel.playback")
def records(request: HttpRequest, pk: int) -> JsonResponse:
    """What the device has recorded on a day, for the time line."""
    start, end = _moment(request.GET.get("from")), _moment(request.GET.get("to"))
    if start is None or end is None:
        raise Invalid(field="from")
    try:
        return JsonResponse(actions.list_device_records(request.user, pk, start, end))
    except Refusal as refusal:
        return JsonResponse(refusal.as_dict(), status=refusal.status)


@require_act("video.channel.view")
def presets(request: HttpRequest, pk: int) -> JsonResponse:
    try:
        return JsonResponse({"presets": actions.read_presets(request.user, pk)})
    except Refusal as refusal:
        return JsonResponse(refusal.as_dict(), status=refusal.status)


@require_POST
@require_act("video.channel.snapshot")
def take_snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    operation = None
    if (number := request.POST.get("operation", "")).isdigit():
        operation = access.fetch(request.user, "video.operation.change", Operation.objects.all(), pk=int(number))
    if request.headers.get("Accept", "").startswith("application/json"):
        try:
            made = actions.take_snapshot(request.user, pk, operation)
        except Refusal as refusal:
            return JsonResponse(refusal.as_dict(), status=refusal.status)
        return JsonResponse({"id": made.pk, "url": made.get_absolute_url()})
    actions.take_snapshot(request.user, pk, operation)
    return redirect(request, reverse("video:channel", args=[pk]), _("The snapshot is kept."))


@require_POST
@require_act("video.channel.snapshot")
def capture(request: HttpRequest, pk: int) -> HttpResponse:
    """The device takes pictures itself; they appear under the snapshots as they arrive."""
    values = [request.POST.get(name, "") for name in ("number", "interval")]
    if not all(value.isascii() and value.isdigit() and len(value) < 4 for value in values):
        raise Invalid(field="number")
    try:
        actions.capture(request.user, pk, int(values[0]), int(values[1]))
    except Refusal as refusal:
        if refusal.status in (403, 404):
            raise
        return redirect(request, reverse("video:channel", args=[pk]), str(refusal), "bad")
    text = _("The device takes the pictures; they appear under the snapshots as they arrive.")
    return redirect(request, reverse("video:channel", args=[pk]), text)


@require_act("video.channel.view")
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(
        request.user, "video.channel.view", Snapshot.objects.select_related("channel", "by", "operation"), pk=pk
    )
    return page(
        request, "video/snapshot.html",
        {"snapshot": row, "picture": files.of(row).first(), "genuine": actions.is_genuine(row),
         "device_time": parse_datetime(row.figures.get("device_time", ""))},
    )  # fmt: skip


@require_POST
@require_act("video.recording.make")
def record(request: HttpRequest, pk: int) -> HttpResponse:
    minutes = request.POST.get("minutes", "")
    actions.record(request.user, pk, seconds=min(int(minutes), 240) * 60 if minutes.isdigit() else 0)
    return redirect(request, reverse("video:channel", args=[pk]), _("Recording has begun."))


@require_act("video.recording.make")
def fetch_recording(request: HttpRequest, pk: int) -> HttpResponse:
    """Fetch a clip of what the device has recorded."""
    row = access.fetch(request.user, "video.channel.playback", Channel.objects.all(), pk=pk)
    form = FetchForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.fetch_recording(request.user, pk, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(getattr(refusal, "field", None) or None, str(refusal))
        else:
            text = _("The clip is being fetched; it appears under the recordings kept here.")
            return redirect(request, row.get_absolute_url(), text)
    title = _("Fetch a clip from the device: %(camera)s") % {"camera": row}
    return page(request, "video/form.html", {"form": form, "title": title, "back": row.get_absolute_url()})


@require_act("video.recording.make")
def plan_recording(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.recording.make", Channel.objects.all(), pk=pk)
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.plan_recording(request.user, pk, **form.cleaned_data)
        except Invalid as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            return redirect(request, row.get_absolute_url(), _("Saved."))
    title = _("Record by plan: %(camera)s") % {"camera": row}
    return page(request, "video/form.html", {"form": form, "title": title, "back": row.get_absolute_url()})


@require_POST
@require_act("video.recording.make")
def end_plan(request: HttpRequest, pk: int) -> HttpResponse:
    return redirect(request, actions.end_plan(request.user, pk).get_absolute_url(), _("The plan is taken away."))


@require_POST
@require_act("video.channel.steer")
def home_position(request: HttpRequest, pk: int) -> HttpResponse:
    """Preset and seconds of the home position; 0 seconds switch it off."""
    values = [request.POST.get(name, "") for name in ("preset", "seconds")]
    if not all(value.isdigit() and len(value) < 7 for value in values):
        raise Invalid(field="seconds")
    actions.set_home_position(request.user, pk, int(values[0]), int(values[1]))
    return redirect(request, reverse("video:channel", args=[pk]), _("The camera has taken the command."))


@require_POST
@require_act("video.channel.steer")
def guard(request: HttpRequest, pk: int) -> HttpResponse:
    actions.guard(request.user, pk, request.POST.get("on") == "1")
    return redirect(request, reverse("video:channel", args=[pk]), _("The camera has taken the command."))


@require_act("video.channel.view")
def thresholds(request: HttpRequest) -> HttpResponse:
    """By what pictures are judged, now and before; those who set up devices add a set."""
    may_change = access.may(request.user, "video.device.change")
    current = queries.thresholds()
    first = {name: getattr(current, name) for name in current.__dataclass_fields__}
    form = ThresholdsForm(request.POST or None, initial={**first, "starts_on": timezone.localdate()})
    if request.method == "POST":
        access.require(request.user, "video.device.change")
        if form.is_valid():
            try:
                actions.set_thresholds(request.user, **form.cleaned_data)
            except Invalid as refusal:
                form.add_error(refusal.field or None, str(refusal))
            else:
                return redirect(request, reverse("video:thresholds"), _("Saved."))
    context = {
        "form": form, "may_change": may_change, "current": current, "example": not PictureThresholds.objects.exists(),
        "sets": PictureThresholds.objects.select_related("by")[:50],
    }  # fmt: skip
    return page(request, "video/thresholds.html", context)


@require_act("video.channel.view")
def transcodes(request: HttpRequest) -> HttpResponse:
    """What was coded anew for browsers without H.265, what it cost, and how much of it is permitted."""
    may_change = access.may(request.user, "video.device.change")
    first = {"starts_on": timezone.localdate(), "most": queries.transcode_limit()}
    form = TranscodeLimitForm(request.POST or None, initial=first)
    if request.method == "POST":
        access.require(request.user, "video.device.change")
        if form.is_valid():
            try:
                actions.set_transcode_limit(request.user, **form.cleaned_data)
            except Invalid as refusal:
                form.add_error(refusal.field or None, str(refusal))
            else:
                return redirect(request, reverse("video:transcodes"), _("Saved."))
    rows = access.visible(request.user, "video.channel.view", Transcode.objects.select_related("channel"))[:30]
    context = {
        "form": form, "may_change": may_change, "figures": queries.transcodes(request.user),
        "rows": [{"row": row, "why": words.reason(row.stop_reason)[0]} for row in rows],
        "example": not TranscodeLimit.objects.exists(), "sets": TranscodeLimit.objects.select_related("by")[:20],
    }  # fmt: skip
    return page(request, "video/transcodes.html", context)


@require_POST
@require_act("video.recording.make")
def stop_recording(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.recording.view", Recording.objects.all(), pk=pk)
    actions.stop_recording(request.user, pk)
    return redirect(request, reverse("video:channel", args=[row.channel_id]), _("Recording is stopped."))


@require_act("video.channel.change")
def change_channel(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.channel.change", Channel.objects.all(), pk=pk)
    form = ChannelForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.change_channel(request.user, pk, **form.cleaned_data)
        return redirect(request, reverse("video:channel", args=[pk]), _("Saved."))
    return page(request, "video/form.html", {"form": form, "title": row.name, "back": row.get_absolute_url()})


@require_act("video.channel.view")
def cameras_geojson(request: HttpRequest) -> JsonResponse:
    return JsonResponse(queries.points(request.user, asked_box(request.GET.get("bbox"))))


@require_act("video.device.view")
def mobile_geojson(request: HttpRequest) -> JsonResponse:
    """Where mobile devices are (`?shape=line`: where they drove in the last hour)."""
    return JsonResponse(
        queries.mobile(request.user, request.GET.get("shape") == "line", asked_box(request.GET.get("bbox")))
    )


@require_act("video.channel.view")
def state(request: HttpRequest) -> HttpResponse:
    """How the cameras are: online, with a picture, called up with success."""
    found = queries.state(request.user)
    chart = {
        "kind": "line", "unit": "%", "most": 100, "x": [f"{item['day']:%m-%d}" for item in found["by_day"]],
        "series": [{"name": _("Online rate"), "data": [item["rate"] for item in found["by_day"]], "tone": "accent"}],
    }  # fmt: skip
    pictures = {
        "kind": "rows", "x": [str(label) for label in found["pictures"]],
        "series": [{"name": _("Cameras"), "data": list(found["pictures"].values()), "tone": "info"}],
    }  # fmt: skip
    return page(request, "video/state.html", {"figures": found, "chart": chart, "picture_chart": pictures})


@require_act("video.call.view")
def call(request: HttpRequest, pk: Any) -> HttpResponse:
    row = access.fetch(request.user, "video.call.view", Call.objects.select_related("channel", "asked_by"), pk=pk)
    what, look = words.reason(row.stop_reason)
    context = {
        "call": row, "steps": queries.steps_of(row), "what": what, "look": look,
        "watchings": row.watchings.select_related("user"),
        "may_stop": row.ended_at is None and access.may(request.user, "video.call.stop", row),
    }  # fmt: skip
    return page(request, "video/call.html", context)


@require_act("video.call.view")
def broadcast(request: HttpRequest, pk: Any) -> HttpResponse:
    """One announcement: its steps, where it stopped and why."""
    rows = Broadcast.objects.select_related("channel__device", "by")
    row = access.fetch(request.user, "video.call.view", rows, pk=pk)
    what, look = words.reason(row.stop_reason)
    context = {"row": row, "steps": queries.steps_of(row), "what": what, "look": look}
    return page(request, "video/broadcast.html", context)


@require_POST
@require_act("video.call.stop")
def stop_call(request: HttpRequest, pk: Any) -> HttpResponse:
    actions.stop_call(request.user, pk)
    return redirect(request, reverse("video:call", args=[pk]), _("Stopped."))


# -- devices ---------------------------------------------------------------------------------------------------------
@require_act("video.device.view")
def device(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.device.view", Device.objects.select_related("organisation"), pk=pk)
    context = {
        "device": row,
        "channels": row.channels.order_by("kind", "name")[:200],
        "channel_count": row.channels.filter(removed_at=None).count(),
        "subscriptions": queries.subscriptions_of(row),
        "may_subscribe": access.may(request.user, "video.device.subscribe", row),
        "track": (track := queries.track(row)),
        "map": track["map"] if track else None,
        "spans": row.spans.order_by("-since")[:20],
        "alarms": row.alarms.order_by("-at")[:10],
        "may_change": access.may(request.user, "video.device.change", row),
        "may_password": access.may(request.user, "video.device.password", row),
        "may_catalog": access.may(request.user, "video.device.catalog", row),
        "locked": row.locked_until is not None and row.locked_until > timezone.now(),
        "password": request.session.pop(f"video_password_{pk}", ""),
        "platform": {"id": settings.SIP_ID, "realm": settings.SIP_REALM, "port": settings.SIP_PORT},
        "history": trail.history(row).order_by("-at")[:15],
    }
    return page(request, "video/device.html", context)


@require_act("video.device.change")
def device_new(request: HttpRequest) -> HttpResponse:
    form = DeviceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            row, password = actions.add_device(
                request.user, values.pop("gb_id"), values.pop("name"), values.pop("organisation"), **values
            )
        except Invalid as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            request.session[f"video_password_{row.pk}"] = password
            return go("video:device", row.pk)
    return page(
        request, "video/form.html", {"form": form, "title": _("Add a device"), "back": reverse("video:devices")}
    )


@require_act("video.device.change")
def device_change(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.device.change", Device.objects.all(), pk=pk)
    form = DeviceForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        values.pop("gb_id")
        actions.change_device(request.user, pk, **values)
        return redirect(request, reverse("video:device", args=[pk]), _("Saved."))
    return page(request, "video/form.html", {"form": form, "title": row.name, "back": row.get_absolute_url()})


@require_POST
@require_act("video.device.password")
def device_password(request: HttpRequest, pk: int) -> HttpResponse:
    _row, password = actions.renew_password(request.user, pk)
    request.session[f"video_password_{pk}"] = password
    return go("video:device", pk)


@require_POST
@require_act("video.device.subscribe")
def device_subscribe(request: HttpRequest, pk: int) -> HttpResponse:
    """What the device shall tell by itself; the page then shows how it answered."""
    seconds = request.POST.get("position_seconds", "")
    try:
        row = actions.subscribe(
            request.user, pk, catalog="catalog" in request.POST, alarms="alarms" in request.POST,
            positions="positions" in request.POST,
            position_seconds=int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else 0,
        )  # fmt: skip
    except Invalid as refusal:
        return redirect(request, reverse("video:device", args=[pk]), str(refusal), "bad")
    refused = [item["label"] for item in queries.subscriptions_of(row) if item["wanted"] and item["tone"] == "bad"]
    if refused:
        text = _("Saved. The device does not tell: %(what)s.") % {"what": _(", ").join(map(str, refused))}
        return redirect(request, reverse("video:device", args=[pk]), text, "warn")
    return redirect(request, reverse("video:device", args=[pk]), _("Saved."))


@require_POST
@require_act("video.device.catalog")
def device_catalog(request: HttpRequest, pk: int) -> HttpResponse:
    answer = actions.read_catalog(request.user, pk)
    text = (
        _("%(found)s entries, complete.")
        if answer["complete"]
        else _("%(found)s of %(total)s entries; nothing was removed.")
    )
    return redirect(
        request, reverse("video:device", args=[pk]), text % {"found": answer["found"], "total": answer["total"]},
        "good" if answer["complete"] else "warn",
    )  # fmt: skip


# -- operations ------------------------------------------------------------------------------------------------------
@require_act("video.operation.view")
def operation(request: HttpRequest, pk: int) -> HttpResponse:
    row = access.fetch(request.user, "video.operation.view", Operation.objects.select_related("organisation"), pk=pk)
    channels = list(queries.cameras(request.user).filter(operations=row).order_by("name"))
    context = {
        "operation": row,
        "channels": channels,
        "wall": f"{reverse('video:wall')}?cameras={','.join(str(item.pk) for item in channels[:16])}",
        "album": queries.album(row),
        "notes": row.notes.select_related("by", "channel"),
        "may_change": access.may(request.user, "video.operation.change", row),
    }
    return page(request, "video/operation.html", context)


@require_act("video.operation.change")
def operation_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    row = access.fetch(request.user, "video.operation.change", Operation.objects.all(), pk=pk) if pk else None
    form = OperationForm(request.POST or None, instance=row)
    chosen = [int(number) for number in request.POST.getlist("channels") if number.isdigit()]
    if request.method == "POST" and form.is_valid():
        try:
            made = (
                actions.change_operation(request.user, row.pk, chosen, **form.cleaned_data)
                if row
                else actions.plan_operation(request.user, chosen, **form.cleaned_data)
            )
        except Invalid as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            return redirect(request, made.get_absolute_url(), _("Saved."))
    if row is not None and request.method != "POST":
        chosen = list(row.places.values_list("channel_id", flat=True))
    context = {"form": form, "operation": row, "cameras": queries.cameras(request.user)[:2000], "chosen": set(chosen)}
    return page(request, "video/operation_form.html", context)


@require_POST
@require_act("video.operation.change")
def operation_note(request: HttpRequest, pk: int) -> HttpResponse:
    actions.note_operation(request.user, pk, request.POST.get("text", ""))
    return redirect(request, reverse("video:operation", args=[pk]))


@require_POST
@require_act("video.scene.save")
def save_scene(request: HttpRequest) -> JsonResponse:
    try:
        told = json.loads(request.body)
        scene: Scene = actions.save_scene(
            request.user, str(told["title"]), int(told["places"]), list(told["cells"]), int(told.get("carousel") or 0),
            bool(told.get("shared")),
        )  # fmt: skip
    except Refusal as refusal:
        return JsonResponse(refusal.as_dict(), status=refusal.status)
    except (ValueError, KeyError, TypeError):
        return JsonResponse(Invalid().as_dict(), status=422)
    return JsonResponse({"id": scene.pk, "url": scene.get_absolute_url()})


# -- upwards ---------------------------------------------------------------------------------------------------------
@require_act("video.upstream.view")
def upstreams(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, "video.upstream.view", Upstream.objects.prefetch_related("shares__channel"))
    return page(
        request, "video/upstreams.html",
        {"upstreams": rows, "may_change": access.may(request.user, "video.upstream.change"),
         "cameras": queries.cameras(request.user)[:500]},
    )  # fmt: skip


@require_act("video.upstream.change")
def upstream_new(request: HttpRequest) -> HttpResponse:
    form = UpstreamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            actions.add_upstream(request.user, values.pop("password"), values.pop("organisation"), **values)
        except Invalid as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            return redirect(request, reverse("video:upstreams"), _("Saved."))
    return page(
        request,
        "video/form.html",
        {"form": form, "title": _("Add a platform above"), "back": reverse("video:upstreams")},
    )


@require_POST
@require_act("video.upstream.change")
def upstream_share(request: HttpRequest, pk: int) -> HttpResponse:
    number = request.POST.get("channel", "")
    if not number.isdigit():
        raise Invalid(field="channel")
    actions.share(
        request.user, pk, int(number), request.POST.get("mapped_id", ""), request.POST.get("may_steer") == "on"
    )
    return redirect(request, reverse("video:upstreams"), _("Saved."))
