"""What the database itself holds: separated administrators, policies that are never rewritten, stamps of rights."""

from django.db import migrations

FORWARD = """
create function people_administrators_are_separated() returns trigger language plpgsql as $$
declare
    separated constant text[] := array[
        'people.system_administrator', 'people.security_administrator', 'people.auditor'];
begin
    if new.ended_at is not null or new.role <> all (separated) then
        return new;
    end if;
    perform 1 from people_user where id = new.user_id for update;
    if exists (
        select 1 from people_duty
        where user_id = new.user_id and id is distinct from new.id and ended_at is null
          and role = any (separated) and role <> new.role
          and daterange(starts_on, ends_on, '[]') && daterange(new.starts_on, new.ends_on, '[]')
    ) then
        raise exception 'nobody holds two of the three administrators'' roles at a time'
            using errcode = 'check_violation', constraint = 'duty_administrators_are_separated';
    end if;
    return new;
end $$;
create trigger people_duty_separation before insert or update on people_duty
    for each row execute function people_administrators_are_separated();

create function people_policy_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'an access policy is never changed, a new version replaces it: % refused', tg_op
        using errcode = 'insufficient_privilege';
end $$;
create trigger people_accesspolicy_append_only before update or delete on people_accesspolicy
    for each row execute function people_policy_is_append_only();

create function people_duty_renews_stamp() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        update people_user set access_stamp = gen_random_uuid() where id = old.user_id;
    end if;
    if tg_op = 'INSERT' or (tg_op = 'UPDATE' and new.user_id <> old.user_id) then
        update people_user set access_stamp = gen_random_uuid() where id = new.user_id;
    end if;
    return null;
end $$;
create trigger people_duty_stamp after insert or update or delete on people_duty
    for each row execute function people_duty_renews_stamp();

create function people_organisation_renews_stamps() returns trigger language plpgsql as $$
begin
    update people_user set access_stamp = gen_random_uuid()
        where id in (select user_id from people_duty where organisation_id = new.id);
    return null;
end $$;
create trigger people_organisation_stamp after update on people_organisation
    for each row when (old.path is distinct from new.path) execute function people_organisation_renews_stamps();
"""

BACKWARD = """
drop trigger people_organisation_stamp on people_organisation;
drop function people_organisation_renews_stamps();
drop trigger people_duty_stamp on people_duty;
drop function people_duty_renews_stamp();
drop trigger people_accesspolicy_append_only on people_accesspolicy;
drop function people_policy_is_append_only();
drop trigger people_duty_separation on people_duty;
drop function people_administrators_are_separated();
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0002_access_control")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
