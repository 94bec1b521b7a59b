"""Roads: the smallest rows that have every kind of column, to list, export and import."""

from django.db import models
from django.utils import timezone

from chengheng.common.people.access import Scope


class Grade(models.TextChoices):
    MAIN = "main", "主干路"
    SIDE = "side", "支路"


class Road(models.Model):
    number = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    grade = models.CharField(max_length=10, choices=Grade.choices, default=Grade.SIDE)
    area_code = models.CharField(max_length=20, blank=True)
    keeper = models.ForeignKey("people.Organisation", models.PROTECT, null=True, related_name="+")
    owner = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    length_m = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    cost_fen = models.BigIntegerField(null=True)
    share = models.FloatField(null=True)
    lit = models.BooleanField(default=False)
    surveyed_on = models.DateField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    reported_at = models.DateTimeField(default=timezone.now)
    notes = models.JSONField(default=dict)
    batch = models.ForeignKey("intake.Batch", models.PROTECT, null=True, related_name="+")

    view_act = "road.view"
    access_scope = Scope(organisation="keeper", area="area_code", owner="owner")

    class Meta:
        indexes = (
            models.Index(fields=("reported_at", "id"), name="road_reported"),
            models.Index(fields=("surveyed_on", "id"), name="road_surveyed"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/roads/{self.pk}/"


class Repair(models.Model):
    """Something that comes to stand on a road."""

    road = models.ForeignKey(Road, models.CASCADE)

    def __str__(self) -> str:
        return f"Repair of {self.road}"
