"""What is stored of dust weighing: the road register, rule sets, plans, checks with their points and bags, results.

Raw readings stay as they were read; a result is worked out from them by a dated rule set and can be worked out again by
another. What must not go in: formulas (rules), how a check moves (flows), who may do what (roles).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chengheng.cleanliness.rules.weighing import LimitLine, RuleTable
from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope


class RoadClass(models.TextChoices):
    """Classes as Tianjin's sanitation rules name them (facts/domain.md §A.3)."""

    EXPRESSWAY = "expressway", _("Expressway")
    TRUNK = "trunk", _("Trunk road")
    SECONDARY = "secondary", _("Secondary road")
    BRANCH = "branch", _("Branch road")


class Lane(models.TextChoices):
    FAST = "fast", _("Fast lane")
    SLOW = "slow", _("Slow lane")
    KERB = "kerb", _("Kerb side")
    PAVEMENT = "pavement", _("Pavement")


class Zone(models.TextChoices):
    """Some rule sets tell inside and outside of a ring road."""

    NONE = "", _("not zoned")
    INNER = "inner", _("Inside the ring")
    OUTER = "outer", _("Outside the ring")


class Grade(models.IntegerChoices):
    """Cleaning grades; the criteria are those of 《城市环境卫生质量标准》, four grades (facts/domain.md §A.3)."""

    FIRST = 1, _("Grade 1")
    SECOND = 2, _("Grade 2")
    THIRD = 3, _("Grade 3")
    FOURTH = 4, _("Grade 4")


class Road(models.Model):
    """A road as it is now; what it was is in its versions."""

    code = models.CharField(_("road code"), max_length=30, unique=True)
    name = models.CharField(_("road name"), max_length=80)
    district_code = models.CharField(_("district"), max_length=6, db_index=True)
    grade = models.PositiveSmallIntegerField(_("grade"), choices=Grade.choices)
    road_class = models.CharField(_("road class"), max_length=12, choices=RoadClass.choices)
    zone = models.CharField(_("zone"), max_length=6, choices=Zone.choices, blank=True)
    contractor = models.ForeignKey(
        "people.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("contractor")
    )
    line = models.JSONField(_("line"))  # [[lon, lat], …], CGCS2000/WGS-84
    length_m = models.PositiveIntegerField(_("length (m)"))
    lanes = ArrayField(models.CharField(max_length=10), verbose_name=_("lane types"))
    active = models.BooleanField(_("in the register"), default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, editable=False, related_name="+")

    view_act = "cleanliness.road.view"
    access_scope = Scope(organisation="contractor", area="district_code")

    class Meta:
        ordering = ("code",)
        indexes = (models.Index(fields=("district_code", "grade"), name="road_stratum", condition=Q(active=True)),)
        verbose_name = _("road")
        verbose_name_plural = _("roads")

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:road", args=[self.pk])

    @property
    def middle(self) -> tuple[float, float]:
        lon, lat = self.line[len(self.line) // 2]
        return lon, lat

    @property
    def lane_labels(self) -> str:
        words = dict(Lane.choices)
        return " · ".join(str(words.get(lane, lane)) for lane in self.lanes)


class RoadVersion(models.Model):
    """What a road was from a moment on. Checks keep the version they were made of."""

    road = models.ForeignKey(Road, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    data = models.JSONField()
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    at = models.DateTimeField(_("from"), default=timezone.now)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, editable=False, related_name="+")

    class Meta:
        ordering = ("road", "-number")
        constraints = (models.UniqueConstraint(fields=("road", "number"), name="road_version_once"),)

    def __str__(self) -> str:
        return f"{self.road} v{self.number}"


class RuleSet(models.Model):
    """A dated set of limits and scores. Examples have no day and judge nothing until a site adopts a copy of one."""

    name = models.CharField(_("name"), max_length=80)
    source = models.CharField(_("source"), max_length=300)
    is_example = models.BooleanField(_("example"), default=False)
    in_force_from = models.DateField(_("in force from"), null=True, blank=True)
    frame_area_m2 = models.DecimalField(_("frame area (m²)"), max_digits=6, decimal_places=4, default=Decimal("0.24"))
    min_points = models.PositiveSmallIntegerField(_("least points of a check"), default=6)
    points_per_gram = models.DecimalField(_("points lost per g/m²"), max_digits=5, decimal_places=2, default=10)
    outlier_threshold = models.DecimalField(
        _("outlier threshold"), max_digits=4, decimal_places=2, default=Decimal("3.5")
    )
    deduct_missed_fen = models.PositiveIntegerField(_("deduction per missed road (fen)"), default=0)
    deduct_gram_fen = models.PositiveIntegerField(_("deduction per g/m² (fen)"), default=0)
    geofence_m = models.PositiveIntegerField(_("arrival within (m)"), default=150)
    move_bound_m = models.PositiveIntegerField(_("points moved at most (m)"), default=60)
    gap_days = models.PositiveIntegerField(_("least days between two checks of a road"), default=30)
    max_wind_ms = models.DecimalField(_("strongest wind (m/s)"), max_digits=4, decimal_places=1, null=True, blank=True)
    adopted_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "cleanliness.rules.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-in_force_from", "pk")
        constraints = (
            models.CheckConstraint(condition=Q(min_points__gte=6), name="rule_set_six_points"),
            models.UniqueConstraint(
                fields=("in_force_from",), condition=Q(in_force_from__isnull=False), name="rule_set_one_a_day"
            ),
        )
        verbose_name = _("rule set")
        verbose_name_plural = _("rule sets")

    def __str__(self) -> str:
        return f"{self.name} ({self.in_force_from})" if self.in_force_from else self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('cleanliness:rules')}#set-{self.pk}"

    def table(self) -> RuleTable:
        lines = tuple(LimitLine(one.limit, one.lane, one.grade, one.zone, one.inclusive) for one in self.limits.all())
        return RuleTable(
            lines, self.points_per_gram, self.min_points, self.outlier_threshold, self.deduct_missed_fen,
            self.deduct_gram_fen,
        )  # fmt: skip


class Limit(models.Model):
    """One line of a rule set, g/m²."""

    rule_set = models.ForeignKey(RuleSet, models.CASCADE, related_name="limits")
    lane = models.CharField(_("lane type"), max_length=10, choices=Lane.choices, blank=True)
    grade = models.PositiveSmallIntegerField(_("grade"), choices=Grade.choices, null=True, blank=True)
    zone = models.CharField(_("zone"), max_length=6, choices=Zone.choices, blank=True)
    limit = models.DecimalField(_("limit (g/m²)"), max_digits=6, decimal_places=2)
    inclusive = models.BooleanField(_("the limit itself is met"), default=True)

    class Meta:
        ordering = ("rule_set", "lane", "grade", "zone")
        constraints = (
            models.UniqueConstraint(
                fields=("rule_set", "lane", "grade", "zone"), name="limit_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(limit__gt=0), name="limit_above_zero"),
        )

    def __str__(self) -> str:
        return f"{'≤' if self.inclusive else '<'} {self.limit.normalize():f} g/m²"


class Team(models.Model):
    """Who drives out together. `lon`, `lat`: where they start."""

    name = models.CharField(_("team"), max_length=40, unique=True)
    organisation = models.ForeignKey("people.Organisation", models.PROTECT, related_name="+", verbose_name=_("unit"))
    members = models.ManyToManyField("people.User", related_name="cleanliness_teams", verbose_name=_("members"))
    lon = models.FloatField(_("longitude"))
    lat = models.FloatField(_("latitude"))
    active = models.BooleanField(_("active"), default=True)

    view_act = "cleanliness.plan.view"
    access_scope = Scope(organisation="organisation", owner="members")

    class Meta:
        ordering = ("name",)
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:plans")


class Plans(models.Manager["Plan"]):
    """Plans without the frame, which is as long as the register; it is read when it is asked for."""

    def get_queryset(self) -> models.QuerySet[Plan]:
        return super().get_queryset().defer("frame")


class Plan(models.Model):
    """A month's draw. The frame that was drawn from is kept, so that anybody can draw it again."""

    month = models.PositiveIntegerField(_("month"), unique=True)  # 202405
    size = models.PositiveIntegerField(_("checks"))
    seed = models.CharField(_("seed"), max_length=80)
    method = models.CharField(_("method"), max_length=20)
    gap_days = models.PositiveIntegerField(_("least days between two checks of a road"))
    frame = models.JSONField()
    frame_digest = models.CharField(_("digest of the frame"), max_length=64)
    strata = models.JSONField()  # stratum → [roads in the frame, drawn]
    short = models.PositiveIntegerField(_("could not be drawn"), default=0)
    routed = models.CharField(_("routes"), max_length=20, blank=True)
    made_at = models.DateTimeField(_("drawn"), default=timezone.now)
    made_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("drawn by"))
    sealed_at = models.DateTimeField(_("sealed"), null=True)
    sealed_by = models.ForeignKey(
        "people.User", models.PROTECT, null=True, related_name="+", verbose_name=_("sealed by")
    )
    seal = models.CharField(_("seal"), max_length=64, blank=True)

    objects = Plans()
    view_act = "cleanliness.plan.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-month",)
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return _("Plan %(month)s") % {"month": f"{self.month // 100}-{self.month % 100:02}"}

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:plan", args=[self.pk])

    @property
    def first_day(self) -> date:
        return date(self.month // 100, self.month % 100, 1)

    @property
    def sealed_late(self) -> bool:
        """Whether the month had begun when the plan was sealed."""
        return self.sealed_at is not None and timezone.localdate(self.sealed_at) >= self.first_day


class PlanItem(models.Model):
    """A road to check on a day by a team. After the seal it moves only with a reason, which is kept."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="items", verbose_name=_("plan"))
    road = models.ForeignKey(Road, models.PROTECT, related_name="plan_items", verbose_name=_("road"))
    road_version = models.PositiveIntegerField()
    stratum = models.CharField(_("stratum"), max_length=12)
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="items", verbose_name=_("team"))
    day = models.DateField(_("day"))
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    points = models.JSONField()  # [{number, lon, lat, side, lane, along_m}, …]
    first_day = models.DateField(_("first planned for"))
    moves = models.PositiveSmallIntegerField(_("moved"), default=0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)

    view_act = "cleanliness.item.view"
    access_scope = Scope(organisation="team__organisation", owner="team__members")

    class Meta:
        ordering = ("day", "team", "position", "pk")
        constraints = (models.UniqueConstraint(fields=("plan", "road"), name="plan_road_once"),)
        indexes = (models.Index(fields=("team", "day"), name="plan_item_day"),)
        verbose_name = _("planned check")
        verbose_name_plural = _("planned checks")

    def __str__(self) -> str:
        return f"{self.day} {self.road}"

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:plan", args=[self.plan_id])


class Weather(models.TextChoices):
    CLEAR = "clear", pgettext_lazy("weather", "Clear")
    CLOUDY = "cloudy", _("Cloudy")
    RAIN = "rain", _("Rain")
    SNOW = "snow", _("Snow")
    DUST = "dust", _("Blowing dust")


class Surface(models.TextChoices):
    DRY = "dry", _("Dry")
    DAMP = "damp", _("Damp")
    WET = "wet", _("Wet")
    ICE = "ice", _("Ice or snow")


class Exclusion(models.TextChoices):
    """Why a road is not weighed. Usual practice, not a sourced rule (facts/domain.md §A.1)."""

    WET = "wet", _("Wet road")
    WIND = "wind", _("Strong wind")
    WORKS = "works", _("Construction")
    CLOSED = "closed", _("Road closed")


class Check(Moving):
    """One road, one day, its points (一条次)."""

    item = models.ForeignKey(PlanItem, models.PROTECT, related_name="checks", verbose_name=_("planned check"))
    road = models.ForeignKey(Road, models.PROTECT, related_name="checks", verbose_name=_("road"))
    road_version = models.PositiveIntegerField(editable=False)
    district_code = models.CharField(_("district"), max_length=6)
    grade = models.PositiveSmallIntegerField(_("grade"), choices=Grade.choices)
    zone = models.CharField(_("zone"), max_length=6, choices=Zone.choices, blank=True)
    contractor = models.ForeignKey("people.Organisation", models.PROTECT, null=True, related_name="+")
    month = models.PositiveIntegerField(editable=False)
    inspector = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("inspector"))
    witness = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("second person"))
    signed_at = models.DateTimeField(_("second signature"), null=True)
    arrived_at = models.DateTimeField(_("arrived"))
    arrived_lon = models.FloatField()
    arrived_lat = models.FloatField()
    arrived_off_m = models.FloatField(_("from the road (m)"))
    accuracy_m = models.FloatField(_("accuracy (m)"), null=True)
    done_at = models.DateTimeField(_("sampled"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    weather = models.CharField(_("weather"), max_length=10, choices=Weather.choices)
    surface = models.CharField(_("road surface"), max_length=10, choices=Surface.choices)
    wind_ms = models.DecimalField(_("wind (m/s)"), max_digits=4, decimal_places=1, null=True)
    exclusion = models.CharField(_("exclusion"), max_length=10, choices=Exclusion.choices, blank=True)
    frame_area_m2 = models.DecimalField(_("frame area (m²)"), max_digits=6, decimal_places=4)
    rule_frame_m2 = models.DecimalField(_("the rule's frame (m²)"), max_digits=6, decimal_places=4, null=True)
    frame_decided = models.CharField(_("other frame decided because"), max_length=200, blank=True)
    on_time = models.BooleanField(_("by plan"), editable=False, default=True)
    recheck_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="rechecks")
    value = models.DecimalField(_("road value (g/m²)"), max_digits=10, decimal_places=4, null=True, editable=False)
    verdict = models.CharField(_("verdict"), max_length=12, blank=True, editable=False)
    score = models.DecimalField(_("score"), max_digits=6, decimal_places=2, null=True, editable=False)
    valid_points = models.PositiveSmallIntegerField(_("valid points"), default=0, editable=False)
    concluded_at = models.DateTimeField(_("concluded"), null=True, editable=False)

    view_act = "cleanliness.check.view"
    attach_act = "cleanliness.check.submit"
    access_scope = Scope(organisation="contractor", area="district_code", owner=("inspector", "witness"))

    class Meta(Moving.Meta):
        ordering = ("-pk",)
        indexes = (
            *Moving.Meta.indexes,
            models.Index(fields=("month", "district_code", "grade"), name="check_month"),
            models.Index(fields=("road", "-done_at"), name="check_road"),
            models.Index(fields=("done_at",), name="check_done"),
        )
        constraints = (
            models.CheckConstraint(condition=~Q(inspector=models.F("witness")), name="check_two_people"),
            models.CheckConstraint(condition=Q(frame_area_m2__gt=0), name="check_frame_area"),
            models.UniqueConstraint(
                fields=("item",), condition=~Q(state__in=("excluded", "voided", "replaced")), name="check_once_an_item"
            ),
        )
        verbose_name = _("road check")
        verbose_name_plural = _("road checks")

    def __str__(self) -> str:
        return f"{self.road.name} {timezone.localtime(self.done_at):%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:check", args=[self.pk])

    @property
    def frame_in_doubt(self) -> bool:
        """Whether another frame than the rule's was entered on the road, and nobody has decided about it."""
        return self.rule_frame_m2 not in (None, self.frame_area_m2) and not self.frame_decided


class Point(models.Model):
    """One frame of one check with its bag. Net mass and g/m² are written when the readings agree."""

    check_of = models.ForeignKey(Check, models.CASCADE, related_name="points")
    number = models.PositiveSmallIntegerField(_("point"))
    lane = models.CharField(_("lane type"), max_length=10, choices=Lane.choices)
    side = models.CharField(max_length=5)
    planned_lon = models.FloatField()
    planned_lat = models.FloatField()
    lon = models.FloatField()
    lat = models.FloatField()
    moved_m = models.FloatField(_("moved (m)"), default=0)
    moved_reason = models.CharField(_("reason of moving"), max_length=200, blank=True)
    taken_at = models.DateTimeField(_("taken"))
    gross_g = models.DecimalField(_("gross (g)"), max_digits=9, decimal_places=3, null=True)
    tare_g = models.DecimalField(_("tare (g)"), max_digits=9, decimal_places=3, null=True)
    value = models.DecimalField(_("dust (g/m²)"), max_digits=10, decimal_places=4, null=True)
    round = models.PositiveSmallIntegerField(_("round of weighing"), default=1)
    flagged = models.BooleanField(_("outlier"), default=False)
    confirmed = models.CharField(_("outlier confirmed because"), max_length=200, blank=True)
    void_reason = models.CharField(_("not valid because"), max_length=200, blank=True)

    class Meta:
        ordering = ("check_of", "number")
        constraints = (
            models.UniqueConstraint(fields=("check_of", "number"), name="point_once"),
            models.CheckConstraint(condition=Q(gross_g__gte=models.F("tare_g")) | Q(gross_g=None), name="point_net"),
        )
        verbose_name = _("point")
        verbose_name_plural = _("points")

    def __str__(self) -> str:
        return f"{self.check_of} #{self.number}"

    @property
    def valid(self) -> bool:
        return self.value is not None and not self.void_reason

    @property
    def undecided(self) -> bool:
        return self.flagged and not self.confirmed and not self.void_reason


class Bag(models.Model):
    """A numbered bag. Where it is, is its last event."""

    code = models.CharField(_("bag"), max_length=30, unique=True)
    point = models.OneToOneField(Point, models.CASCADE, related_name="bag")
    keeper = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("keeper"))
    place = models.CharField(_("place"), max_length=20, default="road")
    weighed = models.BooleanField(_("weighed"), default=False)

    view_act = "cleanliness.check.view"
    access_scope = Scope(area="point__check_of__district_code", owner="keeper")

    class Meta:
        ordering = ("code",)
        verbose_name = _("bag")
        verbose_name_plural = _("bags")

    def __str__(self) -> str:
        return self.code

    def get_absolute_url(self) -> str:
        return self.point.check_of.get_absolute_url()


class BagEvent(models.Model):
    """One link of the chain of custody, from the road to the scale."""

    class What(models.TextChoices):
        FILLED = "filled", _("Filled and closed")
        RECEIVED = "received", _("Received in the weighing room")
        WEIGHED = "weighed", _("Bag weighed")

    bag = models.ForeignKey(Bag, models.CASCADE, related_name="events")
    what = models.CharField(max_length=10, choices=What.choices)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey("people.User", models.PROTECT, related_name="+")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.bag} {self.what}"


class Scale(models.Model):
    """A scale. Out of calibration it weighs nothing."""

    code = models.CharField(_("scale"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=60)
    resolution_g = models.DecimalField(_("resolution (g)"), max_digits=6, decimal_places=3)
    max_g = models.DecimalField(_("greatest load (g)"), max_digits=9, decimal_places=3)
    active = models.BooleanField(_("active"), default=True)

    view_act = "cleanliness.scale.view"
    access_scope = Scope()

    class Meta:
        ordering = ("code",)
        verbose_name = _("scale")
        verbose_name_plural = _("scales")

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:scales")

    def calibrated_on(self, day: date) -> bool:
        """By the latest calibration of or before the day; a failed one ends the earlier ones."""
        last = self.calibrations.filter(on__lte=day).order_by("-on", "-pk").first()
        return last is not None and last.passed and day <= last.until


class Calibration(models.Model):
    """One verification (检定/校准) of a scale: passed or not, valid until when, by which certificate."""

    scale = models.ForeignKey(Scale, models.CASCADE, related_name="calibrations")
    on = models.DateField(_("calibrated on"))
    until = models.DateField(_("valid until"))
    passed = models.BooleanField(_("passed"), default=True)
    certificate = models.CharField(_("certificate"), max_length=80)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("scale", "-on")
        constraints = (models.CheckConstraint(condition=Q(until__gte=models.F("on")), name="calibration_dates"),)

    def __str__(self) -> str:
        return f"{self.scale} {self.on}"


class ReadingSource(models.TextChoices):
    HAND = "hand", _("read by hand")
    BLUETOOTH = "bluetooth", _("by Bluetooth")
    SERIAL = "serial", _("by cable")


class Weighing(models.Model):
    """One reading of one bag. Hand readings count when two people's agree; a re-weigh starts a new round."""

    point = models.ForeignKey(Point, models.CASCADE, related_name="weighings")
    round = models.PositiveSmallIntegerField(default=1)
    scale = models.ForeignKey(Scale, models.PROTECT, related_name="+", verbose_name=_("scale"))
    gross_g = models.DecimalField(_("gross (g)"), max_digits=9, decimal_places=3)
    tare_g = models.DecimalField(_("tare (g)"), max_digits=9, decimal_places=3)
    source = models.CharField(max_length=10, choices=ReadingSource.choices)
    by = models.ForeignKey("people.User", models.PROTECT, related_name="+", verbose_name=_("read by"))
    at = models.DateTimeField(_("read at"), default=timezone.now)

    class Meta:
        ordering = ("point", "round", "pk")
        constraints = (models.UniqueConstraint(fields=("point", "round", "by"), name="weighing_once_a_person"),)

    def __str__(self) -> str:
        return f"{self.point} {self.gross_g}/{self.tare_g} g"


class Result(models.Model):
    """What a check came to under one rule set. The one of the day is the check's own; others are "what if"."""

    check_of = models.ForeignKey(Check, models.CASCADE, related_name="results")
    rule_set = models.ForeignKey(RuleSet, models.PROTECT, null=True, related_name="+", verbose_name=_("rule set"))
    verdict = models.CharField(_("verdict"), max_length=12)
    value = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    by_lane = models.JSONField(default=dict)
    score = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    valid_points = models.PositiveSmallIntegerField()
    deduction_fen = models.PositiveIntegerField(default=0)
    official = models.BooleanField(default=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("check_of", "-pk")
        constraints = (
            models.UniqueConstraint(fields=("check_of",), condition=Q(official=True), name="result_one_official"),
        )

    def __str__(self) -> str:
        return f"{self.check_of} {self.verdict}"

    @property
    def lanes_text(self) -> str:
        """Each lane type's mean, as a person reads it."""
        words = dict(Lane.choices)
        return " · ".join(f"{words.get(lane, lane)} {Decimal(grams):.1f}" for lane, grams in self.by_lane.items())


class Appeal(models.Model):
    """A contractor's or district's objection to a result, and what became of it."""

    check_of = models.ForeignKey(Check, models.CASCADE, related_name="appeals")
    reason = models.TextField(_("reason"))
    by = models.ForeignKey("people.User", models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    decision = models.CharField(max_length=10, blank=True)
    decided_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.check_of}: {self.reason[:40]}"


class Bulletin(models.Model):
    """A month as published: frozen, with the digest of its content."""

    month = models.PositiveIntegerField(_("month"), unique=True)
    content = models.JSONField()
    digest = models.CharField(_("digest"), max_length=64)
    published_at = models.DateTimeField(_("published"), default=timezone.now)
    published_by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    public = models.BooleanField(_("public version open"), default=False)

    view_act = "cleanliness.bulletin.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-month",)
        verbose_name = _("bulletin")
        verbose_name_plural = _("bulletins")

    def __str__(self) -> str:
        return _("Bulletin %(month)s") % {"month": f"{self.month // 100}-{self.month % 100:02}"}

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:bulletin", args=[self.month])


class ServiceCost(models.Model):
    """What the checks of a month cost, entered by hand from the contract's invoices."""

    month = models.PositiveIntegerField(_("month"), unique=True)
    amount_fen = models.PositiveBigIntegerField(_("amount (fen)"))
    source = models.CharField(_("source"), max_length=200)
    by = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")

    view_act = "cleanliness.cost.view"
    access_scope = Scope()

    class Meta:
        ordering = ("-month",)
        verbose_name = _("cost of checks")
        verbose_name_plural = _("costs of checks")

    def __str__(self) -> str:
        return f"{self.month}"

    def get_absolute_url(self) -> str:
        return reverse("cleanliness:results")
