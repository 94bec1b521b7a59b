"""What is stored about cameras: devices and their channels, calls and who watched, operations, evidence, states.

Raw values of a catalog and what people edited are kept apart (`raw_name`/`name`): a new catalog never overwrites work.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from chengheng.common.people.access import Scope

WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))


class MediaMode(models.TextChoices):
    TCP_PASSIVE = "tcp_passive", _("TCP, the device connects to us")
    TCP_ACTIVE = "tcp_active", _("TCP, we connect to the device")
    UDP = "udp", _("UDP")


class Device(models.Model):
    """A device or lower platform that registers here. Its password is stored sealed and shown once."""

    class Kind(models.TextChoices):
        DEVICE = "device", _("device")
        PLATFORM = "platform", _("lower platform")

    gb_id = models.CharField(_("GB/T 28181 ID"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(pgettext_lazy("video", "kind"), max_length=10, choices=Kind.choices, default=Kind.DEVICE)
    organisation = models.ForeignKey(
        "people.Organisation",
        models.PROTECT,
        related_name="video_devices",
        verbose_name=pgettext_lazy("video", "organisation"),
    )
    area_code = models.CharField(_("area"), max_length=20, blank=True)
    login = models.CharField(_("login"), max_length=64, blank=True, help_text=_("Empty: the ID itself."))
    sealed_password = models.TextField(editable=False)
    media_mode = models.CharField(
        _("media transport"), max_length=12, choices=MediaMode.choices, default=MediaMode.TCP_PASSIVE
    )
    pinned_address = models.GenericIPAddressField(
        _("only from address"), null=True, blank=True, help_text=_("Empty: from any address.")
    )
    catalog_minutes = models.PositiveIntegerField(
        _("catalog query every (minutes)"), default=720, help_text=_("0: only when asked for.")
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    # what it shall tell by itself (GB/T 28181-2022 9.11); how that went stands in `Subscription`
    wants_catalog = models.BooleanField(_("changes of the catalog"), default=True)
    wants_alarms = models.BooleanField(_("alarms"), default=False)
    wants_positions = models.BooleanField(_("positions"), default=False)
    position_seconds = models.PositiveIntegerField(_("position every (seconds)"), default=10)
    # what the device tells of itself
    manufacturer = models.CharField(_("manufacturer"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    firmware = models.CharField(_("firmware"), max_length=100, blank=True)
    edition = models.PositiveSmallIntegerField(_("edition of the standard"), null=True, editable=False)
    # the binding; written in batches by the live process
    online = models.BooleanField(_("online"), default=False, editable=False)
    transport = models.CharField(max_length=3, blank=True, editable=False)
    host = models.CharField(_("address"), max_length=45, blank=True, editable=False)
    port = models.PositiveIntegerField(null=True, editable=False)
    contact = models.CharField(max_length=200, blank=True, editable=False)
    registered_at = models.DateTimeField(_("registered"), null=True, editable=False)
    registered_until = models.DateTimeField(_("registration ends"), null=True, editable=False)
    last_seen_at = models.DateTimeField(pgettext_lazy("video", "last seen"), null=True, editable=False)
    failed_registrations = models.PositiveIntegerField(default=0, editable=False)
    locked_until = models.DateTimeField(_("locked until"), null=True, editable=False)
    catalog_at = models.DateTimeField(_("catalog read"), null=True, editable=False)
    catalog_complete = models.BooleanField(_("catalog complete"), default=False, editable=False)
    catalog_total = models.PositiveIntegerField(null=True, editable=False)
    catalog_found = models.PositiveIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    view_act = "video.device.view"
    access_scope = Scope(organisation="organisation", area="area_code")

    class Meta:
        ordering = ("name", "gb_id")
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.name or self.gb_id

    def get_absolute_url(self) -> str:
        return reverse("video:device", args=[self.pk])

    @property
    def digest_login(self) -> str:
        return self.login or self.gb_id


class Subscription(models.Model):
    """How a subscription at a device goes; that it is wanted stands at the device. The device's answer in `detail`."""

    class Subject(models.TextChoices):
        CATALOG = "Catalog", _("changes of the catalog")
        ALARM = "Alarm", _("alarms")
        POSITION = "MobilePosition", _("positions")

    class State(models.TextChoices):
        ACTIVE = "active", pgettext_lazy("subscription", "running")
        REFUSED = "refused", pgettext_lazy("subscription", "refused")
        NO_ANSWER = "no_answer", pgettext_lazy("subscription", "no answer")
        TERMINATED = "terminated", pgettext_lazy("subscription", "ended by the device")
        ENDED = "ended", pgettext_lazy("subscription", "ended")

    device = models.ForeignKey(Device, models.CASCADE, related_name="subscriptions", verbose_name=_("device"))
    subject = models.CharField(max_length=14, choices=Subject.choices)
    state = models.CharField(max_length=10, choices=State.choices)
    state_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True)
    detail = models.CharField(max_length=200, blank=True)
    notices = models.PositiveIntegerField(default=0)
    last_notice_at = models.DateTimeField(null=True)

    view_act = "video.device.view"
    access_scope = Scope(organisation="device__organisation", area="device__area_code")

    class Meta:
        ordering = ("device", "subject")
        constraints = (models.UniqueConstraint(fields=("device", "subject"), name="subscription_once"),)
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")

    def __str__(self) -> str:
        return f"{self.device} {self.get_subject_display()}"

    def get_absolute_url(self) -> str:
        return reverse("video:device", args=[self.device_id])


class Channel(models.Model):
    """One entry of a device's catalog: a camera, or a node of the tree (region, business group, virtual organisation)."""

    class Kind(models.TextChoices):
        CAMERA = "camera", _("camera")
        ALARM = "alarm", _("alarm input or output")
        AUDIO = "audio", _("audio")
        DEVICE = "device", _("device")
        REGION = "region", _("region")
        GROUP = "group", _("business group")
        ORGANISATION = "organisation", _("virtual organisation")
        OTHER = "other", _("other")

    device = models.ForeignKey(Device, models.CASCADE, related_name="channels", verbose_name=_("device"))
    gb_id = models.CharField(_("GB/T 28181 ID"), max_length=40)
    kind = models.CharField(pgettext_lazy("video", "kind"), max_length=12, choices=Kind.choices, default=Kind.CAMERA)
    organisation = models.ForeignKey(
        "people.Organisation",
        models.PROTECT,
        related_name="video_channels",
        verbose_name=pgettext_lazy("video", "organisation"),
    )
    name = models.CharField(_("name"), max_length=200)
    edited_name = models.CharField(_("own name"), max_length=200, blank=True)
    area_code = models.CharField(_("area"), max_length=20, blank=True)
    lon = models.FloatField(_("longitude"), null=True, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True)
    address = models.CharField(_("place"), max_length=200, blank=True)
    hidden = models.BooleanField(_("hidden"), default=False)
    # as the catalog says
    raw_name = models.CharField(max_length=200, blank=True, editable=False)
    civil_code = models.CharField(max_length=20, blank=True, editable=False)
    parent_id = models.CharField(max_length=40, blank=True, editable=False)
    group_id = models.CharField(max_length=40, blank=True, editable=False)
    manufacturer = models.CharField(_("manufacturer"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    ptz_type = models.PositiveSmallIntegerField(_("camera type"), null=True, blank=True)
    status = models.CharField(max_length=20, blank=True, editable=False)
    online = models.BooleanField(_("online"), default=False)
    status_at = models.DateTimeField(_("state since"), null=True, editable=False)
    removed_at = models.DateTimeField(_("left the catalog"), null=True, editable=False)
    picture = models.CharField(_("picture"), max_length=12, blank=True, editable=False)
    picture_at = models.DateTimeField(_("picture checked"), null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="organisation", area="area_code")

    class Meta:
        ordering = ("name", "gb_id")
        constraints = (models.UniqueConstraint(fields=("device", "gb_id"), name="channel_once"),)
        indexes = (
            models.Index(fields=("kind", "online"), name="channel_kind"),
            models.Index(fields=("device", "parent_id"), name="channel_parent"),
        )
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name or self.gb_id

    def get_absolute_url(self) -> str:
        return reverse("video:channel", args=[self.pk])

    @property
    def picture_label(self) -> str:
        """What the last probe found, in words."""
        return str(dict(Snapshot.Verdict.choices).get(self.picture, ""))

    @property
    def movable(self) -> bool:
        """Whether it can be steered: PTZType 1 dome, 4 remote (2016 A.2.1.9); unknown counts as movable."""
        return self.kind == self.Kind.CAMERA and self.ptz_type in (None, 0, 1, 4)


class Preset(models.Model):
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="presets")
    number = models.PositiveSmallIntegerField(pgettext_lazy("video", "number"))
    name = models.CharField(_("name"), max_length=80, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("channel", "number"), name="preset_once"),)

    def __str__(self) -> str:
        return self.name or str(self.number)


class StateSpan(models.Model):
    """A stretch of time in which a device was online or not; the open one has no end."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="spans")
    online = models.BooleanField(_("online"))
    since = models.DateTimeField(pgettext_lazy("video", "from"))
    until = models.DateTimeField(pgettext_lazy("video", "until"), null=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)

    class Meta:
        ordering = ("device", "since")
        indexes = (models.Index(fields=("since", "until"), name="span_time"),)
        constraints = (
            models.UniqueConstraint(fields=("device",), condition=Q(until__isnull=True), name="span_one_open"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=models.F("since")), name="span_ends_after_start"
            ),
        )

    @property
    def reason_label(self) -> str:
        """Why it came or went, in words."""
        from chengheng.video.words import TURNS

        return str(TURNS.get(self.reason, self.reason))

    def __str__(self) -> str:
        return f"{self.device} {self.since:%Y-%m-%d %H:%M}"


class Call(models.Model):
    """One call-up of a camera with its steps; where it stopped, and why, in `stop_reason`."""

    class Kind(models.TextChoices):
        LIVE = "live", _("live")
        PLAYBACK = "playback", _("playback")
        DOWNLOAD = "download", _("download")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="calls", verbose_name=_("camera"))
    kind = models.CharField(pgettext_lazy("video", "kind"), max_length=10, choices=Kind.choices, default=Kind.LIVE)
    asked_by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    purpose = models.CharField(max_length=20, default="view")  # view, probe, snapshot, recording, relay
    asked_at = models.DateTimeField(pgettext_lazy("video", "asked"), default=timezone.now)
    invited_at = models.DateTimeField(_("invited"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    first_packet_at = models.DateTimeField(_("first packet"), null=True)
    first_key_at = models.DateTimeField(_("first key frame"), null=True)
    first_frame_at = models.DateTimeField(_("first picture shown"), null=True)
    ended_at = models.DateTimeField(pgettext_lazy("video", "ended"), null=True)
    stop_reason = models.CharField(_("stopped"), max_length=30, blank=True)
    stop_detail = models.CharField(max_length=300, blank=True)
    from_at = models.DateTimeField(_("recorded from"), null=True)
    to_at = models.DateTimeField(_("recorded until"), null=True)
    mode = models.CharField(max_length=12, blank=True)
    media_source = models.CharField(_("media from"), max_length=60, blank=True)
    codec = models.CharField(max_length=10, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    packets = models.BigIntegerField(default=0)
    missing = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    viewers_peak = models.PositiveIntegerField(default=0)
    trace = models.TextField(blank=True)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-asked_at",)
        indexes = (
            models.Index(fields=("asked_at",), name="call_asked"),
            models.Index(fields=("channel", "-asked_at"), name="call_channel"),
        )
        verbose_name = _("call-up")
        verbose_name_plural = _("call-ups")

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.asked_at):%Y-%m-%d %H:%M:%S}"

    def get_absolute_url(self) -> str:
        return reverse("video:call", args=[self.pk])


class Broadcast(models.Model):
    """One announcement through a device's loudspeaker (9.12): who spoke, its steps, how much, why it ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="broadcasts", verbose_name=_("camera"))
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    target_id = models.CharField(_("loudspeaker"), max_length=40)
    asked_at = models.DateTimeField(pgettext_lazy("video", "asked"), default=timezone.now)
    told_at = models.DateTimeField(null=True)
    agreed_at = models.DateTimeField(null=True)
    invited_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    speaking_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(pgettext_lazy("video", "ended"), null=True)
    seconds = models.FloatField(_("seconds spoken"), default=0)
    transport = models.CharField(max_length=12, blank=True)
    stop_reason = models.CharField(_("stopped"), max_length=30, blank=True)
    stop_detail = models.CharField(max_length=300, blank=True)
    trace = models.TextField(blank=True)

    view_act = "video.call.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-asked_at",)
        indexes = (models.Index(fields=("channel", "-asked_at"), name="broadcast_channel"),)
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.asked_at):%Y-%m-%d %H:%M:%S}"

    def get_absolute_url(self) -> str:
        return reverse("video:broadcast", args=[self.pk])


class Watching(models.Model):
    """One person watched one call, from when until when."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="watchings")
    user = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    way = models.CharField(max_length=10, default="mse")  # mse, webrtc
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    first_picture_ms = models.PositiveIntegerField(null=True)
    dropped = models.PositiveIntegerField(default=0)
    close_reason = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering = ("-opened_at",)

    def __str__(self) -> str:
        return f"{self.user} {self.call}"


class Operation(models.Model):
    """A named undertaking (snow clearing, a major event): cameras, a time, snapshots by plan, notes, an album."""

    class Kind(models.TextChoices):
        SNOW = "snow", _("snow clearing")
        EVENT = "event", _("major event")
        OTHER = "other", _("other")

    title = models.CharField(pgettext_lazy("video", "title"), max_length=120)
    kind = models.CharField(pgettext_lazy("video", "kind"), max_length=10, choices=Kind.choices, default=Kind.SNOW)
    organisation = models.ForeignKey(
        "people.Organisation",
        models.PROTECT,
        related_name="video_operations",
        verbose_name=pgettext_lazy("video", "organisation"),
    )
    starts_at = models.DateTimeField(pgettext_lazy("video", "from"))
    ends_at = models.DateTimeField(pgettext_lazy("video", "until"))
    snapshot_minutes = models.PositiveIntegerField(
        _("snapshot every (minutes)"), default=0, help_text=_("0: no snapshots by plan.")
    )
    next_snapshot_at = models.DateTimeField(null=True, editable=False)
    about = models.TextField(_("about"), blank=True)
    channels = models.ManyToManyField(Channel, through="OperationChannel", related_name="operations")
    created_by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    view_act = "video.operation.view"
    access_scope = Scope(organisation="organisation", owner="created_by")

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="operation_ends_after_start"),
        )
        verbose_name = _("operation")
        verbose_name_plural = _("operations")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("video:operation", args=[self.pk])

    @property
    def phase(self) -> str:
        """planned, running or over, by the clock."""
        now = timezone.now()
        return "planned" if now < self.starts_at else "running" if now < self.ends_at else "over"


class OperationChannel(models.Model):
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="places")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "pk")
        constraints = (models.UniqueConstraint(fields=("operation", "channel"), name="operation_channel_once"),)

    def __str__(self) -> str:
        return f"{self.operation} {self.channel}"


class OperationNote(models.Model):
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="notes")
    channel = models.ForeignKey(Channel, models.SET_NULL, null=True, blank=True, related_name="+")
    text = models.TextField(pgettext_lazy("video", "note"))
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("at",)

    def __str__(self) -> str:
        return self.text[:60]


class Scene(models.Model):
    """A saved wall: which camera in which place, and how fast it turns over."""

    title = models.CharField(pgettext_lazy("video", "title"), max_length=80)
    owner = models.ForeignKey("people.User", models.CASCADE, related_name="video_scenes")
    places = models.PositiveSmallIntegerField(_("places"), default=4)
    cells = models.JSONField(default=list)  # channel ids, null for an empty place
    carousel_seconds = models.PositiveIntegerField(_("turn over every (seconds)"), default=0)
    shared = models.BooleanField(_("for everybody of my organisation"), default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="owner__organisation", owner="owner")

    class Meta:
        ordering = ("title",)
        verbose_name = _("scene")
        verbose_name_plural = _("scenes")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"{reverse('video:wall')}?scene={self.pk}"


class Capture(models.Model):
    """Pictures that a device was told to take and upload (2022, 9.14): who asked, how many came, how it ended.

    The address for the upload exists only while `state` is running, for that device's address and this session.
    """

    class State(models.TextChoices):
        RUNNING = "running", pgettext_lazy("capture", "running")
        DONE = "done", pgettext_lazy("capture", "all pictures came")
        SHORT = "short", pgettext_lazy("capture", "pictures are missing")
        REFUSED = "refused", pgettext_lazy("capture", "refused by the device")
        FAILED = "failed", pgettext_lazy("capture", "failed")

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="captures", verbose_name=_("camera"))
    session = models.CharField(max_length=32, unique=True)
    wanted = models.PositiveSmallIntegerField(_("pictures asked for"))
    interval_s = models.PositiveIntegerField(default=1)
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(pgettext_lazy("video", "asked"), default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    received = models.PositiveSmallIntegerField(default=0)
    refused = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=200, blank=True)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-asked_at",)
        indexes = (models.Index(fields=("channel", "-asked_at"), name="capture_channel"),)
        verbose_name = _("capture by the device")
        verbose_name_plural = _("captures by the device")

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.asked_at):%Y-%m-%d %H:%M:%S}"

    @property
    def fault_label(self) -> str:
        """What went wrong, in words; what the device itself said stays as it is."""
        from chengheng.video.words import CAPTURE_FAULTS

        return str(CAPTURE_FAULTS.get(self.fault, self.fault))

    def get_absolute_url(self) -> str:
        return reverse("video:channel", args=[self.channel_id])


class Snapshot(models.Model):
    """A still picture as evidence: bytes by content hash in the file store, who, when, which camera, signed.

    `signature` is HMAC-SHA-256 of the site over (content hash, channel ID, time, who).
    """

    class Verdict(models.TextChoices):
        GOOD = "good", _("picture present")
        BLACK = "black", _("black")
        BLURRED = "blurred", _("blurred")
        COVERED = "covered", _("covered or plain")
        FROZEN = "frozen", _("frozen")
        NONE = "none", _("no picture")

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="snapshots", verbose_name=_("camera"))
    at = models.DateTimeField(_("taken"), default=timezone.now)
    purpose = models.CharField(max_length=12, default="evidence")  # evidence, plan, probe, device
    capture = models.ForeignKey(Capture, models.SET_NULL, null=True, blank=True, related_name="snapshots")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, blank=True, related_name="snapshots")
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveIntegerField(default=0)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    verdict = models.CharField(_("picture"), max_length=10, choices=Verdict.choices, blank=True)
    figures = models.JSONField(default=dict)
    fault = models.CharField(max_length=300, blank=True)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("channel", "-at"), name="snapshot_channel"),
            models.Index(fields=("purpose", "at"), name="snapshot_purpose"),
        )
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.at):%Y-%m-%d %H:%M:%S}"

    def get_absolute_url(self) -> str:
        return reverse("video:snapshot", args=[self.pk])


class Recording(models.Model):
    """A stretch of a camera's stream as fMP4 in the file store."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="recordings", verbose_name=_("camera"))
    call = models.ForeignKey(Call, models.SET_NULL, null=True, related_name="recordings")
    reason = models.CharField(max_length=12, default="manual")  # manual, schedule, download
    started_at = models.DateTimeField(pgettext_lazy("video", "from"), default=timezone.now)
    ended_at = models.DateTimeField(pgettext_lazy("video", "until"), null=True)
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    keep_until = models.DateTimeField(_("kept until"), null=True)
    removed_at = models.DateTimeField(_("removed"), null=True)
    sound = models.CharField(max_length=12, blank=True)  # how the device coded it; "" sent none
    sound_seconds = models.FloatField(default=0)  # of it in the file
    fault = models.CharField(max_length=300, blank=True)

    view_act = "video.recording.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-started_at",)
        indexes = (models.Index(fields=("channel", "-started_at"), name="recording_channel"),)
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")

    @property
    def sound_label(self) -> str:
        """What the file holds of the device's sound, in words."""
        from chengheng.video.words import SOUNDS

        if self.ended_at is None or not self.sound:
            return "—"
        known = SOUNDS.get(self.sound)
        return known if known and self.sound_seconds else gettext("%(codec)s, not kept") % {"codec": self.sound}

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.started_at):%Y-%m-%d %H:%M:%S}"

    def get_absolute_url(self) -> str:
        return reverse("video:channel", args=[self.channel_id])


class RecordingPlan(models.Model):
    """A camera is recorded here on certain days of the week between two times; midnight may lie between them."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="plans", verbose_name=_("camera"))
    weekdays = models.CharField(_("days of the week"), max_length=7, default="1234567")  # 1 Monday … 7 Sunday
    from_time = models.TimeField(pgettext_lazy("video", "from"))
    to_time = models.TimeField(pgettext_lazy("video", "until"))
    keep_days = models.PositiveIntegerField(_("kept for (days)"), default=30)
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    view_act = "video.recording.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("channel", "from_time")
        constraints = (
            models.CheckConstraint(condition=~Q(from_time=models.F("to_time")), name="plan_has_length"),
            models.CheckConstraint(condition=Q(weekdays__regex="^[1-7]{1,7}$"), name="plan_weekdays"),
        )
        verbose_name = _("recording plan")
        verbose_name_plural = _("recording plans")

    def __str__(self) -> str:
        return f"{self.channel} {self.from_time:%H:%M}–{self.to_time:%H:%M}"

    @property
    def days_label(self) -> str:
        """The days in words."""
        if self.weekdays == "1234567":
            return gettext("every day")
        return gettext(", ").join(str(WEEKDAYS[int(day) - 1]) for day in self.weekdays)

    def get_absolute_url(self) -> str:
        return reverse("video:channel", args=[self.channel_id])


class DatedSet(models.Model):
    """Figures that a city sets itself, valid from a day on, with where they come from."""

    starts_on = models.DateField(_("valid from"), unique=True)
    source = models.CharField(pgettext_lazy("video", "source"), max_length=300)
    by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")

    view_act = "video.channel.view"
    access_scope = Scope()

    class Meta:
        abstract = True
        ordering = ("-starts_on",)


class PictureThresholds(DatedSet):
    """From which day on, by which thresholds a probe's picture is judged; see `rules.Thresholds`."""

    black_mean = models.FloatField(_("black: mean brightness at most"))
    plain_deviation = models.FloatField(_("covered: deviation below"))
    blur_variance = models.FloatField(_("blurred: sharpness below"))
    frozen_difference = models.FloatField(_("frozen: change below"))

    class Meta(DatedSet.Meta):
        verbose_name = _("thresholds of pictures")
        verbose_name_plural = _("thresholds of pictures")

    def __str__(self) -> str:
        return f"{self.starts_on:%Y-%m-%d} {self.source}"

    def get_absolute_url(self) -> str:
        return reverse("video:thresholds")


class TranscodeLimit(DatedSet):
    """From which day on, how many cameras are transcoded at once at most; see `rules.EXAMPLE_TRANSCODES`."""

    most = models.PositiveSmallIntegerField(_("cameras at once"))

    class Meta(DatedSet.Meta):
        verbose_name = _("limit of transcoding")
        verbose_name_plural = _("limits of transcoding")

    def __str__(self) -> str:
        return f"{self.starts_on:%Y-%m-%d} {self.most}"

    def get_absolute_url(self) -> str:
        return reverse("video:transcodes")


class Transcode(models.Model):
    """One picture that was coded anew for browsers that cannot show H.265, and what that cost; or that was refused."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="transcodes", verbose_name=_("camera"))
    began_at = models.DateTimeField(pgettext_lazy("video", "from"), default=timezone.now)
    ended_at = models.DateTimeField(pgettext_lazy("video", "until"), null=True)
    frames = models.PositiveIntegerField(_("pictures"), default=0)
    cpu_seconds = models.FloatField(_("processor time (s)"), default=0)
    stop_reason = models.CharField(_("stopped"), max_length=30, blank=True)

    view_act = "video.channel.view"
    access_scope = Scope(organisation="channel__organisation", area="channel__area_code")

    class Meta:
        ordering = ("-began_at",)
        indexes = (models.Index(fields=("began_at",), name="transcode_began"),)
        verbose_name = _("transcode")
        verbose_name_plural = _("transcodes")

    def __str__(self) -> str:
        return f"{self.channel} {timezone.localtime(self.began_at):%Y-%m-%d %H:%M:%S}"

    def get_absolute_url(self) -> str:
        return reverse("video:transcodes")


class Alarm(models.Model):
    """An alarm notice of a device (9.4); the channel is the one that it names, when we know it."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="alarms", verbose_name=_("device"))
    channel = models.ForeignKey(Channel, models.SET_NULL, null=True, related_name="alarms", verbose_name=_("camera"))
    source_id = models.CharField(max_length=40)
    priority = models.PositiveSmallIntegerField(_("priority"), null=True)
    method = models.PositiveSmallIntegerField(pgettext_lazy("video", "method"), null=True)
    kind = models.PositiveSmallIntegerField(pgettext_lazy("video", "kind"), null=True)
    description = models.CharField(pgettext_lazy("video", "description"), max_length=300, blank=True)
    at = models.DateTimeField(_("time"))
    received_at = models.DateTimeField(default=timezone.now)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    seen_by = models.ForeignKey("people.User", models.SET_NULL, null=True, related_name="+")
    seen_at = models.DateTimeField(_("seen"), null=True)

    view_act = "video.device.view"
    access_scope = Scope(organisation="device__organisation", area="device__area_code")

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=("-at",), name="alarm_at"),)
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")

    def __str__(self) -> str:
        return f"{self.channel or self.device} {self.description}"

    def get_absolute_url(self) -> str:
        return reverse("video:device", args=[self.device_id])


class Position(models.Model):
    """Where a mobile device was (9.11)."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="positions")
    source_id = models.CharField(max_length=40)
    at = models.DateTimeField()
    lon = models.FloatField()
    lat = models.FloatField()
    speed_kmh = models.FloatField(null=True)
    direction = models.FloatField(null=True)

    class Meta:
        ordering = ("-at",)
        indexes = (
            models.Index(fields=("source_id", "-at"), name="position_source"),
            models.Index(fields=("device", "at"), name="position_device"),
        )

    def __str__(self) -> str:
        return f"{self.source_id} {self.at:%Y-%m-%d %H:%M:%S}"


class Upstream(models.Model):
    """A platform above us: we register there and share chosen channels under their mapped IDs."""

    name = models.CharField(_("name"), max_length=120)
    gb_id = models.CharField(_("its ID"), max_length=20, unique=True)
    realm = models.CharField(_("its domain"), max_length=64)
    host = models.CharField(_("address"), max_length=100)
    port = models.PositiveIntegerField(_("port"), default=5060)
    transport = models.CharField(max_length=3, choices=[("udp", "UDP"), ("tcp", "TCP")], default="udp")
    own_id = models.CharField(_("our ID there"), max_length=20, blank=True, help_text=_("Empty: our own ID."))
    login = models.CharField(_("login"), max_length=64, blank=True, help_text=_("Empty: our ID there."))
    sealed_password = models.TextField(editable=False, blank=True)
    organisation = models.ForeignKey(
        "people.Organisation",
        models.PROTECT,
        related_name="video_upstreams",
        verbose_name=pgettext_lazy("video", "organisation"),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    registered = models.BooleanField(_("registered"), default=False, editable=False)
    state_at = models.DateTimeField(null=True, editable=False)
    fault = models.CharField(max_length=200, blank=True, editable=False)

    view_act = "video.upstream.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("name",)
        verbose_name = _("platform above")
        verbose_name_plural = _("platforms above")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("video:upstreams")


class Share(models.Model):
    """A channel that a platform above may see, under the ID given to it there."""

    upstream = models.ForeignKey(Upstream, models.CASCADE, related_name="shares")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="shares")
    mapped_id = models.CharField(_("ID there"), max_length=20)
    may_steer = models.BooleanField(_("may be steered from there"), default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("upstream", "channel"), name="share_once"),
            models.UniqueConstraint(fields=("upstream", "mapped_id"), name="share_id_once"),
        )

    def __str__(self) -> str:
        return f"{self.upstream} {self.mapped_id}"


def channel_values() -> tuple[str, ...]:
    """The columns that a catalog writes (never those that people edit)."""
    return (
        "kind", "raw_name", "civil_code", "parent_id", "group_id", "manufacturer", "model", "ptz_type", "status",
        "online", "status_at", "removed_at",
    )  # fmt: skip


def fields_of(instance: models.Model, *names: str) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in names}
