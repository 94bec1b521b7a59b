"""The database itself refuses to rewrite the trail, and numbers its eras."""

from django.db import migrations

FORWARD = """
create sequence trail_era as integer;
select nextval('trail_era');

create function trail_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the trail is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;

create trigger trail_entry_append_only before update or delete on trail_entry
    for each row execute function trail_is_append_only();
create trigger trail_entry_no_truncate before truncate on trail_entry
    for each statement execute function trail_is_append_only();
create trigger trail_seal_append_only before update or delete on trail_seal
    for each row execute function trail_is_append_only();
create trigger trail_seal_no_truncate before truncate on trail_seal
    for each statement execute function trail_is_append_only();
"""

BACKWARD = """
drop trigger trail_seal_no_truncate on trail_seal;
drop trigger trail_seal_append_only on trail_seal;
drop trigger trail_entry_no_truncate on trail_entry;
drop trigger trail_entry_append_only on trail_entry;
drop function trail_is_append_only();
drop sequence trail_era;
"""


class Migration(migrations.Migration):
    dependencies = [("trail", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
