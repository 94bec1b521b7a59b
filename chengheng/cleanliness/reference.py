"""The example rule sets that every site starts with. They judge nothing until a site adopts a copy with a day."""

from __future__ import annotations

from django.db import transaction

from chengheng.cleanliness.models import Limit, RuleSet
from chengheng.cleanliness.rules.examples import EXAMPLES


@transaction.atomic
def load() -> None:
    """Bring the examples into the database. Safe to repeat."""
    known = set(RuleSet.objects.filter(is_example=True, in_force_from=None).values_list("name", flat=True))
    for example in EXAMPLES:
        if example.name in known:
            continue
        made = RuleSet.objects.create(
            name=example.name, source=example.source, is_example=True, frame_area_m2=example.frame_area_m2
        )
        Limit.objects.bulk_create(
            Limit(rule_set=made, lane=o.lane, grade=o.grade, zone=o.zone, limit=o.limit, inclusive=o.inclusive)
            for o in example.limits
        )
