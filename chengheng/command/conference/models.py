"""What is stored of conferences: groups and templates, meetings, who takes part, and all that happens in one.

A meeting's row is its whole visible state (layout, what is broadcast, who chairs): whoever reconnects reads it. What
must not go in: handles of the media engine, which live and die with the live process.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.command.conference.rules import LAYOUTS
from chengheng.command.models import Site
from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope

_PERSON: dict[str, Any] = {"to": "people.User", "on_delete": models.PROTECT, "related_name": "+"}
_ORGANISATION: dict[str, Any] = {"to": "people.Organisation", "on_delete": models.PROTECT, "related_name": "+"}


class SiteGroup(models.Model):
    """Venues that are called together."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    sites = models.ManyToManyField(Site, related_name="+", verbose_name=_("venues"))

    view_act = "command.meeting.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("name",)
        verbose_name = _("group of venues")
        verbose_name_plural = _("groups of venues")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:group_change", args=[self.pk])


class MeetingTemplate(models.Model):
    """How a kind of meeting is held: whom it calls, how long, how it looks."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    title = models.CharField(_("title"), max_length=120)
    agenda = models.TextField(_("agenda"), max_length=4000, blank=True)
    minutes = models.PositiveSmallIntegerField(_("length (minutes)"), default=60)
    groups = models.ManyToManyField(SiteGroup, related_name="+", blank=True, verbose_name=_("groups of venues"))
    sites = models.ManyToManyField(Site, related_name="+", blank=True, verbose_name=_("more venues"))
    layout = models.PositiveSmallIntegerField(_("pictures"), choices=[(n, n) for n in LAYOUTS], default=9)
    lobby = models.BooleanField(_("lobby"), default=False)
    free_mics = models.BooleanField(_("venues may open their microphones"), default=True)
    record = models.BooleanField(_("record from the start"), default=False)

    view_act = "command.meeting.view"
    access_scope = Scope(organisation="organisation")

    class Meta:
        ordering = ("name",)
        verbose_name = _("meeting template")
        verbose_name_plural = _("meeting templates")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:template_change", args=[self.pk])


class Terminal(models.Model):
    """A telephone of sound and picture (SIP, RFC 3261) that stands in a venue: it registers with us, or has a fixed address.

    Only the digest of its password is kept (`digest`: H(A1) of RFC 7616); the password is shown once.
    """

    class Encryption(models.TextChoices):
        OFF = "", pgettext_lazy("encryption", "off")
        OFFERED = "offered", _("offered; in the clear if the terminal cannot")
        REQUIRED = "required", _("required: no call without it")

    number = models.CharField(
        pgettext_lazy("terminal", "number"), max_length=20, unique=True, validators=[RegexValidator(r"^[0-9]{2,20}$")],
        help_text=_("Two to twenty digits; the terminal signs in with it."),
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=60)
    site = models.ForeignKey(Site, models.PROTECT, related_name="terminals", verbose_name=_("venue"))
    address = models.CharField(
        _("fixed address"), max_length=80, blank=True, default="",
        help_text=_("Host or host:port of a terminal that does not register; empty: it registers."),
    )  # fmt: skip
    encryption = models.CharField(
        _("encryption of sound and picture"), max_length=10, choices=Encryption.choices, blank=True, default="",
        help_text=_("SRTP with keys in the call's description: it hides media, not the call. Signalling goes in the clear."),
    )  # fmt: skip
    in_use = models.BooleanField(_("in use"), default=True)
    digest = models.CharField(max_length=80, editable=False)
    contact = models.CharField(max_length=300, blank=True, default="", editable=False)
    host = models.CharField(_("address"), max_length=60, blank=True, default="", editable=False)
    port = models.PositiveIntegerField(default=0, editable=False)
    way = models.CharField(max_length=3, default="udp", editable=False)
    registered_until = models.DateTimeField(_("registered until"), null=True, editable=False)
    agent = models.CharField(_("make"), max_length=120, blank=True, default="", editable=False)

    view_act = "command.site.view"
    access_scope = Scope(organisation="site__organisation", area="site__area_code")

    class Meta:
        ordering = ("number",)
        verbose_name = _("terminal")
        verbose_name_plural = _("terminals")

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"

    def get_absolute_url(self) -> str:
        return reverse("command:terminal", args=[self.pk])

    @property
    def is_reachable(self) -> bool:
        """Whether a call can be tried: it is registered now, or its address is fixed."""
        fresh = self.registered_until is not None and self.registered_until > timezone.now()
        return self.in_use and (fresh or bool(self.address))


class Meeting(Moving):
    """A conference: when, called by whom, and how it stands now."""

    class Repeat(models.TextChoices):
        NEVER = "", _("does not repeat")
        DAILY = "daily", _("every day")
        WORKDAYS = "workdays", _("Monday to Friday")
        WEEKLY = "weekly", _("every week")
        MONTHLY = "monthly", _("every month on the same day")

    title = models.CharField(_("title"), max_length=120)
    agenda = models.TextField(_("agenda"), max_length=4000, blank=True)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("called by"))
    made_by = models.ForeignKey(**_PERSON, null=True, verbose_name=_("entered by"))
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("planned end"))
    repeat = models.CharField(_("repeats"), max_length=10, choices=Repeat.choices, blank=True, default="")
    repeat_until = models.DateField(_("repeats until"), null=True, blank=True)
    follows = models.OneToOneField("self", models.SET_NULL, null=True, related_name="next", editable=False)
    began_at = models.DateTimeField(_("began"), null=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    lobby = models.BooleanField(_("lobby"), default=False)
    locked = models.BooleanField(_("locked"), default=False)
    free_mics = models.BooleanField(_("venues may open their microphones"), default=True)
    record = models.BooleanField(_("record from the start"), default=False)
    recording = models.BooleanField(_("being recorded"), default=False, editable=False)
    layout = models.PositiveSmallIntegerField(_("pictures"), choices=[(n, n) for n in LAYOUTS], default=9)
    banner = models.CharField(_("banner"), max_length=120, blank=True)
    voice_switch = models.BooleanField(_("voice switch"), default=False, editable=False)
    poll_seconds = models.PositiveSmallIntegerField(default=0, editable=False)
    poll_started_at = models.DateTimeField(null=True, editable=False)
    chair = models.ForeignKey("Participant", models.SET_NULL, null=True, related_name="+", editable=False)
    spotlight = models.ForeignKey("Participant", models.SET_NULL, null=True, related_name="+", editable=False)
    broadcast = models.ForeignKey("Participant", models.SET_NULL, null=True, related_name="+", editable=False)
    presenter = models.ForeignKey("Participant", models.SET_NULL, null=True, related_name="+", editable=False)
    board_open = models.BooleanField(default=False, editable=False)
    board_from = models.BigIntegerField(default=0, editable=False)
    """Strokes of the whiteboard up to this one were wiped away."""
    shown_paper = models.BigIntegerField(null=True, editable=False)
    """The attachment that everybody is shown page by page, one of the meeting's papers; its page, and of how many."""
    shown_page = models.PositiveSmallIntegerField(default=1, editable=False)
    shown_pages = models.PositiveSmallIntegerField(default=1, editable=False)
    shown_by = models.ForeignKey("Participant", models.SET_NULL, null=True, related_name="+", editable=False)
    minutes_text = models.TextField(_("minutes"), max_length=20000, blank=True)

    view_act = "command.meeting.view"
    access_scope = Scope(organisation="organisation", owner="made_by")

    class Meta(Moving.Meta):
        ordering = ("-starts_at", "-pk")
        indexes = [*Moving.Meta.indexes, models.Index(fields=("-starts_at",), name="command_meeting_recent")]
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="command_meeting_forward"),
            models.CheckConstraint(condition=Q(layout__in=LAYOUTS), name="command_meeting_layout"),
        )
        verbose_name = _("meeting")
        verbose_name_plural = _("meetings")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("command:meeting", args=[self.pk])

    @property
    def is_running(self) -> bool:
        return self.state == "running"


class MeetingPapers(Meeting):
    """The same row as what files and recordings hang on: whoever has a place in the meeting may open them, without having
    any power over the meeting itself."""

    view_act = "command.papers.view"
    access_scope = Scope(organisation="participants__organisation", owner=("made_by", "participants__user"))

    class Meta:
        proxy = True
        verbose_name = _("papers of a meeting")
        verbose_name_plural = _("papers of meetings")


class Participant(models.Model):
    """A place in a meeting: a venue's (whoever is on duty there), a person's, or that of a camera which is shown in it."""

    class Role(models.TextChoices):
        CHAIR = "chair", _("chair")
        CO_CHAIR = "co_chair", _("co-chair")
        OPERATOR = "operator", _("operator")
        SITE = "site", _("venue")
        VIEWER = "viewer", _("viewer")
        CAMERA = "camera", pgettext_lazy("meeting", "camera")
        TERMINAL = "terminal", pgettext_lazy("meeting", "terminal")

    class Call(models.TextChoices):
        NONE = "", _("not called")
        RINGING = "ringing", _("ringing")
        ACCEPTED = "accepted", pgettext_lazy("meeting", "accepted")
        DECLINED = "declined", _("declined")
        MISSED = "missed", _("no answer")

    class Mic(models.TextChoices):
        CLOSED = "closed", _("microphone off")
        OPEN = "open", _("microphone on")
        HELD = "held", _("muted by the chair")

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="participants", verbose_name=_("meeting"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.SITE)
    site = models.ForeignKey(Site, models.PROTECT, null=True, related_name="participations", verbose_name=_("venue"))
    user = models.ForeignKey(**_PERSON, null=True, verbose_name=_("person"))
    picture = models.CharField(max_length=60, blank=True, default="", editable=False)
    """Of a camera: what is shown, as `common.pictures` names it ("video.channel:17"); of a terminal "terminal:" and its key."""
    brought_by = models.ForeignKey(**_PERSON, null=True, editable=False)
    organisation = models.ForeignKey(**_ORGANISATION, verbose_name=_("organisation"))
    name = models.CharField(_("name"), max_length=120)
    position = models.PositiveSmallIntegerField(default=0)
    call = models.CharField(_("call"), max_length=10, choices=Call.choices, blank=True, default="")
    called_at = models.DateTimeField(_("called"), null=True)
    mic = models.CharField(_("microphone"), max_length=10, choices=Mic.choices, default=Mic.CLOSED)
    camera_held = models.BooleanField(default=False)
    asked_floor_at = models.DateTimeField(_("asked for the floor"), null=True)
    admitted_at = models.DateTimeField(_("admitted"), null=True)
    removed_at = models.DateTimeField(pgettext_lazy("meeting", "removed"), null=True)
    first_joined_at = models.DateTimeField(_("first joined"), null=True)
    connected_at = models.DateTimeField(null=True)

    view_act = "command.meeting.attend"
    access_scope = Scope(organisation="organisation", owner="user")

    class Meta:
        ordering = ("meeting", "position", "pk")
        constraints = (
            models.UniqueConstraint(fields=("meeting", "site"), name="command_participant_site"),
            models.UniqueConstraint(
                fields=("meeting", "user"), condition=Q(site__isnull=True), name="command_participant_user"
            ),
            models.CheckConstraint(
                condition=Q(site__isnull=False) | Q(user__isnull=False) | ~Q(picture=""),
                name="command_participant_is_somebody",
            ),
            models.UniqueConstraint(
                fields=("meeting", "picture"), condition=~Q(picture=""), name="command_participant_picture"
            ),
        )
        verbose_name = _("participant")
        verbose_name_plural = _("participants")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("command:room", args=[self.meeting_id])

    @property
    def is_here(self) -> bool:
        return self.connected_at is not None


class Attendance(models.Model):
    """One stretch of time that a participant was in the meeting, with what the line was like."""

    participant = models.ForeignKey(Participant, models.CASCADE, related_name="attendances")
    user = models.ForeignKey(**_PERSON, null=True, verbose_name=_("person"))
    joined_at = models.DateTimeField(_("joined"))
    left_at = models.DateTimeField(_("left"), null=True)
    why = models.CharField(_("why"), max_length=20, blank=True)
    loss_percent = models.DecimalField(_("packet loss (%)"), max_digits=5, decimal_places=2, null=True)
    jitter_ms = models.DecimalField(_("jitter (ms)"), max_digits=7, decimal_places=1, null=True)

    class Meta:
        ordering = ("joined_at",)
        indexes = (models.Index(fields=("participant",), name="command_here_now", condition=Q(left_at__isnull=True)),)
        verbose_name = _("attendance")
        verbose_name_plural = _("attendances")

    def __str__(self) -> str:
        return f"{self.participant} {timezone.localtime(self.joined_at):%H:%M}"


class Ticket(models.Model):
    """The right to connect once: made after a permission check, good for a minute. Only a digest of it is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    participant = models.ForeignKey(Participant, models.CASCADE, null=True, related_name="+")
    site = models.ForeignKey(Site, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey("people.User", models.CASCADE, related_name="+")
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("made_at",), name="command_ticket_made"),)

    def __str__(self) -> str:
        return self.digest[:8]


class RollCall(models.Model):
    """A roll-call (点名): every venue is asked to sign in; what they answered is the sign-in sheet."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="roll_calls")
    began_at = models.DateTimeField(_("began"))
    by = models.ForeignKey(**_PERSON, null=True)
    closed_at = models.DateTimeField(pgettext_lazy("meeting", "closed"), null=True)

    class Meta:
        ordering = ("began_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("meeting",), condition=Q(closed_at__isnull=True), name="command_roll_call_one_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.meeting} {timezone.localtime(self.began_at):%H:%M}"


class RollCallAnswer(models.Model):
    class How(models.TextChoices):
        SELF = "self", _("answered by itself")
        CHAIR = "chair", _("marked by the chair")

    roll_call = models.ForeignKey(RollCall, models.CASCADE, related_name="answers")
    participant = models.ForeignKey(Participant, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    how = models.CharField(max_length=10, choices=How.choices)
    by = models.ForeignKey(**_PERSON, null=True)

    class Meta:
        ordering = ("at",)
        constraints = (models.UniqueConstraint(fields=("roll_call", "participant"), name="command_answer_once"),)

    def __str__(self) -> str:
        return f"{self.participant} {timezone.localtime(self.at):%H:%M:%S}"


class Remark(models.Model):
    """A line of the meeting's chat."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="remarks")
    participant = models.ForeignKey(Participant, models.CASCADE, related_name="+")
    by = models.ForeignKey(**_PERSON)
    at = models.DateTimeField(default=timezone.now)
    text = models.TextField(max_length=2000)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return self.text[:60]


class Stroke(models.Model):
    """A line on the meeting's whiteboard. `points` are x, y, x, y, … in ten-thousandths of the board's width and height."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="strokes")
    participant = models.ForeignKey(Participant, models.CASCADE, related_name="+")
    by = models.ForeignKey(**_PERSON)
    at = models.DateTimeField()
    colour = models.CharField(max_length=7)
    width = models.PositiveSmallIntegerField()
    points = ArrayField(models.PositiveSmallIntegerField())

    class Meta:
        ordering = ("pk",)
        indexes = (models.Index(fields=("meeting", "id"), name="command_stroke_meeting"),)

    def __str__(self) -> str:
        return f"{self.participant} {timezone.localtime(self.at):%H:%M:%S}"


class Vote(models.Model):
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="votes")
    question = models.CharField(pgettext_lazy("meeting", "question"), max_length=200)
    options = ArrayField(models.CharField(max_length=60))
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    by = models.ForeignKey(**_PERSON, null=True)

    class Meta:
        ordering = ("opened_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("meeting",), condition=Q(closed_at__isnull=True), name="command_vote_one_open"
            ),
        )

    def __str__(self) -> str:
        return self.question


class Ballot(models.Model):
    vote = models.ForeignKey(Vote, models.CASCADE, related_name="ballots")
    participant = models.ForeignKey(Participant, models.CASCADE, related_name="+")
    choice = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(**_PERSON)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("vote", "participant"), name="command_ballot_once"),)

    def __str__(self) -> str:
        return f"{self.vote_id}: {self.participant}"


class MeetingEvent(models.Model):
    """What was done in a meeting, or happened in it: who, what, to whom. Chapters and minutes come from here."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    what = models.CharField(max_length=30)
    by = models.ForeignKey(Participant, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(**_PERSON, null=True)
    target = models.ForeignKey(Participant, models.CASCADE, null=True, related_name="+")
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ("at", "pk")
        indexes = (models.Index(fields=("meeting", "at"), name="command_event_meeting"),)

    def __str__(self) -> str:
        return f"{timezone.localtime(self.at):%H:%M:%S} {self.what}"


class MeetingRecording(models.Model):
    """One meeting's recording: raw tracks in the engine's folder until it is one file in the file store."""

    class State(models.TextChoices):
        RUNNING = "running", pgettext_lazy("recording", "being recorded")
        WAITING = "waiting", pgettext_lazy("recording", "waiting to be put together")
        READY = "ready", pgettext_lazy("recording", "ready")
        FAILED = "failed", pgettext_lazy("recording", "could not be put together")
        EMPTY = "empty", pgettext_lazy("recording", "nothing was recorded")

    meeting = models.OneToOneField(Meeting, models.CASCADE, related_name="tape")
    folder = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    began_at = models.DateTimeField()
    seconds = models.PositiveIntegerField(null=True)
    chapters = models.JSONField(default=list)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-began_at",)

    def __str__(self) -> str:
        return str(self.meeting)
