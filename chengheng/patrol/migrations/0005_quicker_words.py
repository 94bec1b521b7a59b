"""The pairs of characters of `patrol_case_words`, in a quarter of the time: they are worked out with each new case.

The pairs are the same, so the index stays as it is; it does not mind a pair that is named twice.
"""

from django.db import migrations

HEAD = """
create or replace function patrol_pairs(description text, address text, class_name text, outside_number text)
    returns text[]
"""
QUICK = (
    HEAD
    + """
    language plpgsql immutable parallel safe cost 2000 as
$$
declare
    part text;
    letters text[];
    pairs text[] := '{}';
begin
    foreach part in array array[description, address, class_name, outside_number] loop
        letters := string_to_array(lower(part), null);
        for place in 2 .. coalesce(array_length(letters, 1), 0) loop
            pairs := pairs || (letters[place - 1] || letters[place]);
        end loop;
    end loop;
    return pairs;
end $$
"""
)
SLOW = (
    HEAD
    + """
    language sql immutable parallel safe cost 2000 as
$$ select array(select distinct substr(lower(part), place, 2)
                from unnest(array[description, address, class_name, outside_number]) part,
                     generate_series(1, length(part) - 1) place) $$
"""
)


class Migration(migrations.Migration):
    dependencies = [("patrol", "0004_whole_life")]

    operations = [migrations.RunSQL(QUICK, SLOW)]
