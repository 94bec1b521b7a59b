from django.db import models

from chengheng.common.flow.models import Moving
from chengheng.common.people.access import Scope


class Lamp(Moving):
    """A street lamp that breaks and is mended: the smallest thing that uses all of the flow engine."""

    name = models.CharField(max_length=40)
    department = models.ForeignKey("people.Organisation", models.PROTECT)
    area_code = models.CharField(max_length=20, blank=True)
    owner = models.ForeignKey("people.User", models.PROTECT, null=True, related_name="+")
    watts = models.IntegerField(default=0)

    view_act = "lamp.view"
    access_scope = Scope(organisation="department", area="area_code", owner="owner")

    class Meta(Moving.Meta):
        pass

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/lamps/{self.pk}/"
