from django.db import migrations

EXTENT = """
create function cleanliness_extent(line jsonb) returns box language sql immutable strict parallel safe as $$
    select box(point(min(lon), min(lat)), point(max(lon), max(lat)))
    from (select (place ->> 0)::float8 as lon, (place ->> 1)::float8 as lat from jsonb_array_elements(line) as place) as places
$$;
create index road_extent on cleanliness_road using gist (cleanliness_extent(line));
"""


class Migration(migrations.Migration):
    dependencies = [("cleanliness", "0003_batches_of_versions_and_doubted_frames")]

    operations = [migrations.RunSQL(EXTENT, "drop index road_extent; drop function cleanliness_extent(jsonb)")]
