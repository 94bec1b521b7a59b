"""What is stored of public opinion: sources, arrivals, items, comments, events, rules, alerts, claims, models, reports.

What must not go in: how words are read (analyser), who may do what (roles), how alerts and claims move (flows).

Items are made for partitioning by ranges of their number (`opinion_item` is declared so in the first migration): the
number rises with time, so the newest partitions answer a search, and the oldest are dropped whole when retention ends.
What must be unique for ever (an item of a source) is in `Seen`, which is not partitioned.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.common.calendars.rules import Kind as LimitKind
from chengheng.common.calendars.rules import Limit
from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope


class Channel(models.TextChoices):
    """The nine kinds of channel of the programme's target table."""

    NEWS = "news", _("News sites")
    FORUM = "forum", _("Forums")
    TIEBA = "tieba", _("Tieba")
    BLOG = "blog", _("Blogs")
    WEIBO = "weibo", _("Weibo")
    WECHAT = "wechat", _("WeChat")
    PICTURE = "picture", _("Pictures")
    APP = "app", _("News apps")
    VIDEO = "video", _("Video sites")


class Way(models.TextChoices):
    FEED = "feed", _("Feed (RSS, Atom, JSON)")
    LIST = "list", _("List page")
    SITEMAP = "sitemap", _("Sitemap")
    PUSH = "push", _("Delivered by push-in API")
    IMPORT = "import", _("Imported by hand")


class Sentiment(models.TextChoices):
    UNKNOWN = "", _("not judged")
    NEGATIVE = "negative", _("negative")
    POSITIVE = "positive", _("positive")


class Source(models.Model):
    """A place that is read, or that delivers. The collector keeps its own state here: it may be killed at any moment."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    channel = models.CharField(_("kind of channel"), max_length=10, choices=Channel.choices)
    way = models.CharField(_("way"), max_length=10, choices=Way.choices)
    url = models.URLField(_("address"), max_length=2000, blank=True)
    tier = models.PositiveSmallIntegerField(
        _("tier"), default=2, choices=[(1, _("Tier 1 (core)")), (2, _("Tier 2")), (3, _("Tier 3"))]
    )
    region = models.CharField(_("region of the source"), max_length=20, blank=True)
    pick = models.CharField(_("link selector (XPath)"), max_length=300, blank=True)
    full_text = models.BooleanField(_("read the full article"), default=False)
    rendered = models.BooleanField(_("read list pages with a browser"), default=False)
    with_media = models.BooleanField(_("fetch the pictures, videos and sounds that a feed names"), default=False)
    interval_minutes = models.PositiveIntegerField(_("read every (minutes)"), default=15)
    quiet_hours = models.PositiveIntegerField(_("fault after (hours without an item)"), default=72)
    sealed_secret = models.TextField(editable=False, blank=True)
    licence = models.CharField(_("licence or contract"), max_length=200, blank=True)
    active = models.BooleanField(_("active"), default=True)
    is_demo = models.BooleanField(_("demonstration"), default=False)
    made_at = models.DateTimeField(_("entered"), default=timezone.now, editable=False)

    next_at = models.DateTimeField(_("next reading"), default=timezone.now, editable=False)
    tried_at = models.DateTimeField(_("last tried"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last answered"), null=True, editable=False)
    last_item_at = models.DateTimeField(_("last item"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failure = models.CharField(_("last failure"), max_length=80, blank=True, editable=False)
    dead_at = models.DateTimeField(_("put aside"), null=True, editable=False)
    silent_since = models.DateTimeField(_("silent fault since"), null=True, editable=False)
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    hub = models.URLField(max_length=2000, blank=True, editable=False)

    view_act = "opinion.source.view"
    access_scope = Scope(area="region")

    class Meta:
        ordering = ("channel", "name")
        indexes = (
            models.Index(
                fields=("next_at",), name="opinion_source_due", condition=Q(active=True, dead_at__isnull=True)
            ),
        )
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("opinion:source", args=[self.pk])

    @property
    def polled(self) -> bool:
        return self.way in (Way.FEED, Way.LIST, Way.SITEMAP)

    @property
    def health(self) -> str:
        """off, dead, silent, failing, waiting (never answered) or alive."""
        if not self.active:
            return "off"
        if self.dead_at:
            return "dead"
        if self.silent_since:
            return "silent"
        if self.failures:
            return "failing"
        return "alive" if self.answered_at or self.last_item_at else "waiting"


class Subscription(models.Model):
    """A source whose hub pushes what is new (W3C WebSub): the callback's token and secret, the lease, the last push."""

    class State(models.TextChoices):
        ASKED = "asked", _("asked, not confirmed yet")
        ACTIVE = "active", _("the hub pushes")
        DENIED = "denied", _("denied by the hub")
        FAILED = "failed", _("the hub could not be asked")

    source = models.OneToOneField(Source, models.CASCADE, related_name="subscription")
    hub = models.CharField(_("hub"), max_length=2000)
    topic = models.CharField(_("topic of the hub"), max_length=2000)
    token = models.CharField(max_length=64, unique=True)
    sealed_secret = models.TextField()
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ASKED)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    next_at = models.DateTimeField(_("asks again"), default=timezone.now)
    asked_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(_("until"), null=True)
    pushed_at = models.DateTimeField(_("last push"), null=True)
    pushes = models.PositiveIntegerField(_("pushes"), default=0)
    ignored = models.PositiveIntegerField(_("pushes with a wrong signature"), default=0)

    view_act = "opinion.source.view"
    access_scope = Scope(area="source__region")

    class Meta:
        indexes = (models.Index(fields=("next_at",), name="opinion_subscription_due"),)
        verbose_name = _("subscription at a hub")
        verbose_name_plural = _("subscriptions at hubs")

    def __str__(self) -> str:
        return self.hub

    def pushing(self, now: datetime) -> bool:
        """Whether the hub pushes now, as far as is known."""
        return self.state == self.State.ACTIVE and self.lease_until is not None and self.lease_until > now


class SourceHour(models.Model):
    """An hour in which a source was proved alive (it answered, or delivered): the evidence of year-round service."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="hours")
    hour = models.DateTimeField(_("hour"))
    readings = models.PositiveIntegerField(_("readings"), default=0)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    items = models.PositiveIntegerField(_("items"), default=0)

    view_act = "opinion.source.view"
    access_scope = Scope(area="source__region")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("source", "hour"), name="opinion_hour_once"),)
        indexes = (models.Index(fields=("hour",), name="opinion_hour"),)
        verbose_name = _("hour of a source")
        verbose_name_plural = _("hours of sources")

    def __str__(self) -> str:
        return f"{self.source} {timezone.localtime(self.hour):%Y-%m-%d %H}"


class DeadLetter(models.Model):
    """Something that could not be fetched or read, with the reason; kept for a person to look at."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="dead_letters")
    at = models.DateTimeField(_("at"), default=timezone.now)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    reason = models.CharField(_("reason"), max_length=80)

    view_act = "opinion.source.view"
    access_scope = Scope(area="source__region")

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=("source", "-at"), name="opinion_dead_letter"),)
        verbose_name = _("unreadable delivery")
        verbose_name_plural = _("unreadable deliveries")

    def __str__(self) -> str:
        return f"{self.reason} {self.url}"


class Arrival(models.Model):
    """What a collector, a delivery or an import brought and the analyser has not taken yet: the room's inbox.

    Committed together with the source's new state, so that a kill between the two loses and doubles nothing.
    """

    source = models.ForeignKey(Source, models.CASCADE, db_index=False)
    identity = models.BigIntegerField()
    entry = models.JSONField()
    collected_at = models.DateTimeField(default=timezone.now)
    batch = models.ForeignKey("intake.Batch", models.CASCADE, null=True, related_name="+", db_index=False)

    access_scope = Scope()

    def __str__(self) -> str:
        return str(self.entry.get("title", ""))


class Seen(models.Model):
    """The identities that a source has brought: an item is stored once, whatever the feed repeats."""

    pk = models.CompositePrimaryKey("source_id", "identity")
    source = models.ForeignKey(Source, models.CASCADE, related_name="+", db_index=False)
    identity = models.BigIntegerField()

    access_scope = Scope()

    def __str__(self) -> str:
        return f"{self.source_id} {self.identity}"


class Event(models.Model):
    """Items that tell of the same thing. `vector` is the clusterer's sum (float16)."""

    title = models.CharField(_("event"), max_length=300)
    first_item = models.BigIntegerField(_("first item"), null=True)
    first_at = models.DateTimeField(_("began"))
    last_at = models.DateTimeField(_("last item"))
    items = models.PositiveIntegerField(_("items"), default=0)
    channels = models.JSONField(_("kinds of channel"), default=dict)
    area_code = models.CharField(_("area"), max_length=12, blank=True)
    topic_code = models.CharField(_("topic code"), max_length=10, blank=True)
    topic_name = models.CharField(_("topic"), max_length=40, blank=True)
    burst_at = models.DateTimeField(_("burst"), null=True)
    burst_tail = models.FloatField(null=True)
    vector = models.BinaryField()
    changed_at = models.DateTimeField(default=timezone.now)

    view_act = "opinion.item.view"
    access_scope = Scope(area="area_code")

    class Meta:
        ordering = ("-last_at",)
        indexes = (models.Index(fields=("-last_at",), name="opinion_event_last"),)
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("opinion:event", args=[self.pk])


class Item(models.Model):
    """One piece that somebody published. Authors are kept as a hash; scores may be empty: no model, or it abstained."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="items", verbose_name=_("source"), db_index=False)
    channel = models.CharField(_("kind of channel"), max_length=10, choices=Channel.choices)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    title = models.CharField(_("title"), max_length=300, blank=True)
    body = models.TextField(_("text"), blank=True)
    identity = models.BigIntegerField(default=0)
    author = models.BigIntegerField(default=0)
    teller = models.JSONField(null=True)
    reach = models.PositiveIntegerField(_("reach"), default=0)
    published_at = models.DateTimeField(_("published"), null=True)
    collected_at = models.DateTimeField(_("collected"))
    stored_at = models.DateTimeField(_("stored"), default=timezone.now)
    digest = models.BigIntegerField(default=0)
    signature = models.BinaryField(null=True)
    original = models.BigIntegerField(_("repeats item"), default=0)
    event = models.ForeignKey(
        Event, models.SET_NULL, null=True, related_name="stories", verbose_name=_("event"), db_index=False
    )
    relevance = models.FloatField(_("relevance"), default=0)
    sentiment = models.CharField(
        _("sentiment"), max_length=10, choices=Sentiment.choices, default=Sentiment.UNKNOWN, blank=True
    )
    sentiment_score = models.FloatField(null=True)
    topic_code = models.CharField(_("topic code"), max_length=10, blank=True)
    topic_name = models.CharField(_("topic"), max_length=40, blank=True)
    label = models.CharField(_("trained class"), max_length=40, blank=True)
    doubt = models.FloatField(_("false-story risk"), null=True)
    doubted = models.BooleanField(_("doubted"), default=False)
    area_code = models.CharField(_("area"), max_length=12, blank=True)
    rules = ArrayField(models.IntegerField(), default=list)
    debunked = models.ForeignKey(
        "opinion.Claim", models.SET_NULL, null=True, related_name="repeats", verbose_name=_("repeats a debunked claim"),
        db_index=False,
    )  # fmt: skip
    grams = ArrayField(models.IntegerField(), default=list)
    batch = models.ForeignKey("intake.Batch", models.SET_NULL, null=True, related_name="+", db_index=False)

    view_act = "opinion.item.view"
    attach_act = "opinion.item.attach"
    access_scope = Scope(area="area_code")

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("event", "id"), name="opinion_item_event", condition=Q(event__isnull=False)),
            models.Index(fields=("debunked", "id"), name="opinion_item_debunked", condition=Q(debunked__isnull=False)),
            models.Index(fields=("batch",), name="opinion_item_batch", condition=Q(batch__isnull=False)),
            models.Index(
                fields=("event", "-reach"), name="opinion_item_reach", condition=Q(event__isnull=False, reach__gt=0)
            ),
            models.Index(
                fields=("event", "original"),
                name="opinion_item_repeat",
                condition=Q(event__isnull=False, original__gt=0),
            ),
            models.Index(fields=("original",), name="opinion_item_original", condition=Q(original__gt=0)),
            models.Index(fields=("source", "id"), name="opinion_item_source"),
            models.Index(fields=("collected_at",), name="opinion_item_collected"),
            models.Index(fields=("identity",), name="opinion_item_identity"),
        )
        verbose_name = _("item")
        verbose_name_plural = _("items")

    def __str__(self) -> str:
        return self.title or self.body[:40]

    def get_absolute_url(self) -> str:
        return reverse("opinion:item", args=[self.pk])

    @property
    def whole(self) -> str:
        """Title and text as the analyser reads them."""
        return f"{self.title}\n{self.body}" if self.title else self.body


class Concordance(models.Model):
    """Which items of a segment hold which pairs of letters (see `concordance.py`); written whole, only read by it."""

    pk = models.CompositePrimaryKey("bucket", "segment")
    bucket = models.IntegerField()
    segment = models.BigIntegerField()
    postings = models.BinaryField()

    access_scope = Scope()

    class Meta:
        db_table = "opinion_concordance"

    def __str__(self) -> str:
        return f"{self.segment} {self.bucket}"


class Binding(models.Model):
    """How far the words of a partition's items are bound into a group (see `binding.py`): one row a group."""

    number = models.IntegerField(primary_key=True)
    written = models.SmallIntegerField(default=0)  # buckets of its segments that are in
    done = models.BooleanField(default=False)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    times = models.BinaryField(default=b"")  # from when to when each of its segments was collected
    amended = ArrayField(models.IntegerField(), default=list)  # places of items whose words changed since

    access_scope = Scope()

    class Meta:
        db_table = "opinion_binding"

    def __str__(self) -> str:
        return str(self.number)


class Bound(models.Model):
    """Which items of a group hold which pairs of letters (see `groups.py`); written whole, only read by it."""

    pk = models.CompositePrimaryKey("number", "last_key")
    last_key = models.BigIntegerField()
    first_key = models.BigIntegerField()
    number = models.IntegerField()
    postings = models.BinaryField()

    access_scope = Scope()

    class Meta:
        db_table = "opinion_bound"

    def __str__(self) -> str:
        return f"{self.number} {self.first_key}"


class MediaLimit(models.Model):
    """How much of a picture, video or sound is read; dated, local, configurable. The latest in force holds."""

    frames = models.PositiveSmallIntegerField(_("frames of a video at most"), default=24)
    seconds = models.PositiveSmallIntegerField(_("seconds of reading at most"), default=240)
    speech_minutes = models.PositiveSmallIntegerField(_("minutes of speech at most"), default=20)
    megabytes = models.PositiveSmallIntegerField(_("megabytes of a file that a feed names at most"), default=50)
    in_force_from = models.DateField(_("in force from"), unique=True)
    source = models.CharField(_("source"), max_length=200)

    view_act = "opinion.model.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from",)
        constraints = (
            models.CheckConstraint(
                condition=Q(frames__lte=200, seconds__gte=10, seconds__lte=3600, speech_minutes__lte=60),
                name="opinion_media_limit_sane",
            ),
        )
        verbose_name = _("limit of reading media")
        verbose_name_plural = _("limits of reading media")

    def __str__(self) -> str:
        return f"{self.in_force_from}: {self.frames}"

    def get_absolute_url(self) -> str:
        return reverse("opinion:models")


class Medium(models.Model):
    """A picture, video, sound or subtitle file attached to an item, and what became of reading it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits to be read")
        READ = "read", pgettext_lazy("medium", "read")
        EMPTY = "empty", _("no words in it")
        REFUSED = "refused", _("not read")

    class Speech(models.TextChoices):
        NONE = "", _("no sound")
        HEARD = "heard", _("speech became text")
        SILENT = "silent", _("no speech in it")
        ABSENT = "absent", _("sound was not read: no speech recogniser is set up")
        FAILED = "failed", _("the speech recogniser failed")

    item = models.ForeignKey(Item, models.CASCADE, related_name="media")
    attachment = models.OneToOneField("files.Attachment", models.CASCADE, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    notes = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    speech = models.CharField(_("speech"), max_length=10, choices=Speech.choices, blank=True, default=Speech.NONE)
    asked_at = models.DateTimeField(_("attached"), default=timezone.now)
    read_at = models.DateTimeField(pgettext_lazy("medium", "read at"), null=True)
    took_seconds = models.FloatField(null=True)

    view_act = "opinion.item.view"
    access_scope = Scope(area="item__area_code")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("picture, video or sound")
        verbose_name_plural = _("pictures, videos and sounds")

    def __str__(self) -> str:
        return self.attachment.name


class Excerpt(models.Model):
    """Words found in a medium, and where in it: which frame, which seconds. Apart from what the publisher wrote."""

    class Kind(models.TextChoices):
        PICTURE = "picture", _("picture")
        COVER = "cover", _("cover")
        FRAME = "frame", _("frame")
        SUBTITLE = "subtitle", _("subtitles")
        SPEECH = "speech", _("speech")

    medium = models.ForeignKey(Medium, models.CASCADE, related_name="excerpts")
    item = models.ForeignKey(Item, models.CASCADE, related_name="excerpts")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    second = models.FloatField(_("from second"), null=True)
    until = models.FloatField(_("to second"), null=True)
    words = models.TextField(_("words"), blank=True)
    shot = models.ForeignKey("files.Attachment", models.SET_NULL, null=True, related_name="+", db_index=False)

    view_act = "opinion.item.view"
    access_scope = Scope(area="item__area_code")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("words of a medium")
        verbose_name_plural = _("words of media")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.clock}".strip()

    @property
    def clock(self) -> str:
        """When in the video: "1:02:03", or "" for a picture."""
        if self.second is None:
            return ""
        minutes, seconds = divmod(int(self.second), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Comment(models.Model):
    """A comment under an item; the false-story risk listens to these."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="comments")
    identity = models.BigIntegerField()
    at = models.DateTimeField(_("at"))
    words = models.TextField(_("words"))
    author = models.BigIntegerField(default=0)

    view_act = "opinion.item.view"
    access_scope = Scope(area="item__area_code")

    class Meta:
        ordering = ("at",)
        constraints = (models.UniqueConstraint(fields=("item", "identity"), name="opinion_comment_once"),)
        verbose_name = _("comment")
        verbose_name_plural = _("comments")

    def __str__(self) -> str:
        return self.words[:40]


class Level(models.TextChoices):
    INFO = "info", _("Notice")
    WARNING = "warning", _("Warning")
    URGENT = "urgent", _("Urgent")


class Rule(models.Model):
    """When an item becomes an alert: words in the notation of the analyser, and conditions (all must hold)."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    notation = models.CharField(_("keywords"), max_length=2000, blank=True)
    title_only = models.BooleanField(_("title only"), default=False)
    channels = ArrayField(models.CharField(max_length=10), default=list, blank=True, verbose_name=_("kinds of channel"))
    tiers = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True, verbose_name=_("tiers"))
    areas = ArrayField(models.CharField(max_length=12), default=list, blank=True, verbose_name=_("areas"))
    topics = ArrayField(models.CharField(max_length=10), default=list, blank=True, verbose_name=_("classes"))
    negative = models.BooleanField(_("negative only"), default=False)
    least_relevance = models.FloatField(_("relevance from"), default=0)
    least_doubt = models.FloatField(_("false-story risk from"), default=0)
    doubted = models.BooleanField(_("only where truth is asked for"), default=False)
    least_reach = models.PositiveIntegerField(_("reach from"), default=0)
    burst = models.BooleanField(_("only in a burst"), default=False)
    level = models.CharField(_("level"), max_length=10, choices=Level.choices, default=Level.WARNING)
    merge = models.BooleanField(_("one alert for one event"), default=True)
    cool_down_minutes = models.PositiveIntegerField(_("silent after an alert (minutes)"), default=60)
    quiet_start = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_stop = models.TimeField(_("quiet until"), null=True, blank=True)
    override_quiet = models.BooleanField(_("urgent alerts break the quiet"), default=True)
    opens_claim = models.BooleanField(_("open a claim of a suspected false story"), default=False)
    active = models.BooleanField(_("active"), default=True)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now, editable=False)

    view_act = "opinion.rule.view"
    access_scope = Scope()

    class Meta:
        ordering = ("name",)
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("opinion:rule", args=[self.pk])


MATTERS = [
    ("notice", _("Take note")),
    ("rumour", _("False story")),
    ("major", _("Major event")),
    ("reply", _("Reply")),
]


class ResponseLimit(models.Model):
    """How long an answer may take, by matter; dated, local, with sourced examples."""

    matter = models.CharField(
        _("matter"),
        max_length=10,
        choices=MATTERS,
    )
    hours = models.DecimalField(_("hours"), max_digits=6, decimal_places=2)
    in_force_from = models.DateField(_("in force from"))
    source = models.CharField(_("source"), max_length=200)

    access_scope = Scope()

    class Meta:
        ordering = ("matter", "-in_force_from")
        constraints = (models.UniqueConstraint(fields=("matter", "in_force_from"), name="opinion_limit_once"),)
        verbose_name = _("time limit")
        verbose_name_plural = _("time limits")

    def __str__(self) -> str:
        return f"{self.get_matter_display()} {self.hours} h"

    @property
    def limit(self) -> Limit:
        return Limit(LimitKind.URGENT_HOURS, self.hours)


class Alert(Moving):
    """A rule fired. Its two delays are measured when it is told and never changed after."""

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="alerts", verbose_name=_("rule"))
    item = models.ForeignKey(Item, models.PROTECT, related_name="alerts", verbose_name=_("first item"))
    event = models.ForeignKey(Event, models.SET_NULL, null=True, related_name="alerts", verbose_name=_("event"))
    title = models.CharField(_("title"), max_length=300)
    level = models.CharField(_("level"), max_length=10, choices=Level.choices)
    area_code = models.CharField(_("area"), max_length=12, blank=True)
    channel = models.CharField(_("kind of channel"), max_length=10, choices=Channel.choices)
    items = models.PositiveIntegerField(_("items"), default=1)
    published_at = models.DateTimeField(_("published"), null=True)
    collected_at = models.DateTimeField(_("collected"))
    raised_at = models.DateTimeField(_("raised"))
    from_publication = models.PositiveIntegerField(_("publication to alert (s)"), null=True)
    from_collection = models.PositiveIntegerField(_("collection to alert (s)"))
    held_until = models.DateTimeField(_("held until (quiet hours)"), null=True)
    told_at = models.DateTimeField(_("told"), null=True)
    excerpt = models.ForeignKey(
        Excerpt, models.SET_NULL, null=True, related_name="+", verbose_name=_("words of a medium"), db_index=False
    )
    conclusion = models.TextField(_("conclusion"), blank=True)

    view_act = "opinion.alert.view"
    access_scope = Scope(organisation="holder_organisation", area="area_code", owner="holder")

    class Meta(Moving.Meta):
        ordering = ("-raised_at",)
        indexes = (
            *Moving.Meta.indexes,
            models.Index(fields=("rule", "-raised_at"), name="opinion_alert_rule"),
            models.Index(fields=("raised_at",), name="opinion_alert_raised"),
            models.Index(fields=("held_until",), name="opinion_alert_held", condition=Q(told_at__isnull=True)),
        )
        verbose_name = _("opinion alert")
        verbose_name_plural = _("opinion alerts")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("opinion:alert", args=[self.pk])

    @property
    def delay(self) -> timedelta:
        """From publication where it is known, else from collection."""
        return timedelta(seconds=self.from_collection if self.from_publication is None else self.from_publication)


class Verdict(models.TextChoices):
    TRUE = "true", _("True")
    PARTLY = "partly", _("Partly true")
    FALSE = "false", _("False")
    UNPROVEN = "unproven", _("Cannot be verified")


class Claim(Moving):
    """A story that may be false, from suspicion to the effect of the answer. A machine suspects, two persons judge."""

    number = models.CharField(_("claim number"), max_length=20, unique=True)
    title = models.CharField(_("what is claimed"), max_length=300)
    words = models.TextField(_("wording"))
    match = models.CharField(_("keywords of the claim"), max_length=500, blank=True)
    item = models.ForeignKey(Item, models.PROTECT, related_name="claims", verbose_name=_("found in"))
    event = models.ForeignKey(Event, models.SET_NULL, null=True, related_name="claims", verbose_name=_("event"))
    risk = models.FloatField(_("risk when found"), null=True)
    area_code = models.CharField(_("area"), max_length=12, blank=True)
    first_at = models.DateTimeField(_("first seen"))
    found_at = models.DateTimeField(_("suspected"))
    pushed_at = models.DateTimeField(_("pushed"), null=True)
    first_verdict = models.CharField(_("first verdict"), max_length=10, choices=Verdict.choices, blank=True)
    first_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    verdict = models.CharField(pgettext_lazy("claim", "verdict"), max_length=10, choices=Verdict.choices, blank=True)
    second_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    judged_at = models.DateTimeField(_("judged"), null=True)
    statement = models.TextField(_("statement"), blank=True)
    drafted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    signed_at = models.DateTimeField(_("signed at"), null=True)
    published_at = models.DateTimeField(_("statement published"), null=True)
    published_url = models.CharField(_("published at"), max_length=2000, blank=True)
    effect = models.TextField(_("effect"), blank=True)
    signature = models.BinaryField(null=True)

    view_act = "opinion.claim.view"
    access_scope = Scope(organisation="holder_organisation", area="area_code", owner="holder")

    class Meta(Moving.Meta):
        ordering = ("-found_at",)
        verbose_name = _("claim")
        verbose_name_plural = _("claims")

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("opinion:claim", args=[self.pk])

    @property
    def debunked(self) -> bool:
        """In the library: judged false (or partly) by two persons, with a published statement."""
        return self.published_at is not None and self.verdict in (Verdict.FALSE, Verdict.PARTLY)


class Evidence(models.Model):
    """What speaks for or against a claim, with the time and hash under which it was kept."""

    class Kind(models.TextChoices):
        SNAPSHOT = "snapshot", _("Snapshot of the publication")
        RECORD = "record", _("Record of ours (case, enforcement, order)")
        DOCUMENT = "document", _("Document")
        STATEMENT = "statement", _("Statement of a person or unit")

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="evidence")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=200)
    note = models.TextField(_("note"), blank=True)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64)
    content = models.TextField(_("text as kept"), blank=True)
    kept_at = models.DateTimeField(_("kept"), default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    view_act = "opinion.claim.view"
    access_scope = Scope(area="claim__area_code")

    class Meta:
        ordering = ("kept_at",)
        verbose_name = _("piece of evidence")
        verbose_name_plural = _("pieces of evidence")

    def __str__(self) -> str:
        return self.title


class HeadName(models.TextChoices):
    """The questions that a trained model answers."""

    SENTIMENT = "sentiment", _("Sentiment")
    CLASS = "class", _("Complaint class")
    RELEVANCE = "relevance", _("Relevance to city management")
    DOUBT = "doubt", _("False-story risk")


class ModelVersion(models.Model):
    """A trained model as an archive of numbers, with its marks. One of a head is in use at most."""

    head = models.CharField(_("head"), max_length=10, choices=HeadName.choices)
    number = models.PositiveIntegerField(_("version"))
    archive = models.BinaryField()
    sha256 = models.CharField(_("hash"), max_length=64)
    rows = models.PositiveIntegerField(_("rows"))
    marks = models.JSONField(_("marks"), default=dict)
    old_marks = models.JSONField(_("marks of the one before"), null=True)
    in_use = models.BooleanField(_("in use"), default=False)
    made_at = models.DateTimeField(_("trained"), default=timezone.now)
    made_by = models.CharField(_("by"), max_length=120, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    view_act = "opinion.model.view"
    access_scope = Scope()

    class Meta:
        ordering = ("head", "-number")
        constraints = (
            models.UniqueConstraint(fields=("head", "number"), name="opinion_model_once"),
            models.UniqueConstraint(fields=("head",), condition=Q(in_use=True), name="opinion_model_in_use_once"),
        )
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")

    def __str__(self) -> str:
        return f"{self.get_head_display()} {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("opinion:models")


class Correction(models.Model):
    """What a clerk says an item is: a training row."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="corrections")
    head = models.CharField(_("head"), max_length=10, choices=HeadName.choices)
    label = models.CharField(_("label"), max_length=40)
    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    view_act = "opinion.item.view"
    access_scope = Scope(area="item__area_code")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("item", "head"), name="opinion_correction_once"),)
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")

    def __str__(self) -> str:
        return f"{self.get_head_display()}: {self.label}"


class Report(models.Model):
    """A daily, weekly, monthly or special report. Each sentence keeps the numbers of the items behind it."""

    class Kind(models.TextChoices):
        DAILY = "daily", _("Daily report")
        WEEKLY = "weekly", _("Weekly report")
        MONTHLY = "monthly", _("Monthly report")
        SPECIAL = "special", _("Special report")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    starts_on = models.DateField(_("from day"))
    ends_on = models.DateField(_("to"))
    event = models.ForeignKey(Event, models.SET_NULL, null=True, blank=True, related_name="+")
    sections = models.JSONField(_("sections"), default=list)
    judgement = models.TextField(_("judgement and advice"), blank=True)
    made_at = models.DateTimeField(_("composed"), default=timezone.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    view_act = "opinion.report.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-ends_on", "-pk")
        verbose_name = _("report")
        verbose_name_plural = _("reports")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.starts_on} – {self.ends_on}"

    def get_absolute_url(self) -> str:
        return reverse("opinion:report", args=[self.pk])
