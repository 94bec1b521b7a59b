"""Migrations that render only what changes: a changed column is changed in the database and known to the models after it."""

from __future__ import annotations

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from chengheng.project.rendering import quick

KEY = ("id", models.BigAutoField(primary_key=True))
HISTORY = [
    migrations.CreateModel("Road", [KEY, ("name", models.CharField(max_length=10)), ("number", models.IntegerField(unique=True))]),
    migrations.CreateModel("Lamp", [KEY, ("road", models.ForeignKey("people.Road", models.CASCADE, related_name="lamps"))]),
    migrations.AddField("road", "first", models.ForeignKey("people.Lamp", models.SET_NULL, null=True, related_name="+")),
    migrations.AlterField("road", "name", models.CharField(max_length=40, db_index=True)),
    migrations.AddField("road", "length", models.IntegerField(default=7), preserve_default=False),
    migrations.AlterField("lamp", "road", models.ForeignKey("people.Road", models.CASCADE, null=True, related_name="+")),
    migrations.AlterField("road", "length", models.IntegerField(null=True)),
    migrations.AlterField("road", "number", models.BigIntegerField(unique=True)),
]  # fmt: skip
COLUMNS = """
    select column_name, data_type, is_nullable, character_maximum_length, column_default from information_schema.columns
    where table_name in ('people_road', 'people_lamp') and column_name <> 'id' order by 1
"""


@pytest.mark.django_db
@pytest.mark.parametrize("applied", [0, 1, 4])
def test_a_changed_column_takes_the_place_of_the_old_one(applied):
    """On a new database, and on one that has some of it already."""
    state = ProjectState()
    assert state.apps  # rendered from here on
    with quick(), connection.schema_editor(atomic=False) as editor:
        for number, operation in enumerate(HISTORY):
            if number == applied:
                state = state.clone()
            before = state.clone()
            operation.state_forwards("people", state)
            operation.database_forwards("people", editor, before, state)
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        assert cursor.fetchall() == [
            ("first_id", "bigint", "YES", None, None),
            ("length", "integer", "YES", None, None),
            ("name", "character varying", "NO", 40, None),
            ("number", "bigint", "NO", None, None),
            ("road_id", "bigint", "YES", None, None),
        ]
    road, lamp = (state.apps.get_model("people", name) for name in ("Road", "Lamp"))
    assert [field.name for field in road._meta.local_fields] == ["id", "name", "number", "first", "length"]
    row = road.objects.create(name="x" * 40, number=2**40)
    assert lamp.objects.create(road=row).road == row
    assert lamp.objects.filter(road__length=None).exists()
    row.delete()
    assert not lamp.objects.exists()
