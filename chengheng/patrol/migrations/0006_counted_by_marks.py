"""What statistics count of a case, kept by PostgreSQL itself as bits in one column; indexes of what most rows have not.

A case is counted by some forty conditions over twenty columns. The bits say once what they come to, so that an index of
half the size carries all that a month or a year needs. The stored columns are added in one go, so the table is written
anew once. That takes time where there are many cases: 10 million took 9 minutes at a load of 12, and their other indexes,
which are built anew with it, 20 more (16 of them the index of words).
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


STAGES = ("accept", "verify", "file", "dispatch", "handle", "check", "close")
DONE = ("accepted_at", "verified_at", "filed_at", "dispatched_at", "handled_at", "checked_at", "closed_at")
AWAITED = ("verify", "dispatch", "handle", "check", "close")
PLAIN = ("accepted boolean", "filed boolean", "source text", "voided boolean", "self_handled boolean",
         "hand_backs smallint", "exempt boolean")  # fmt: skip


def _times(stages: tuple[str, ...]) -> list[str]:
    """The columns of stages, two for each."""
    return [column for stage in stages for column in (f"{stage}_due_at", DONE[STAGES.index(stage)])]


def _function(name: str, given: list[str], answer: str, text: str) -> str:
    """In PL/pgSQL, which keeps the expression ready; an expression in the table's own text is read anew each time."""
    return (
        f"create function {name}({', '.join(given)}) returns {answer}\n"
        f"language plpgsql immutable parallel safe as $$ begin return {text}; end $$;\n"
    )


MARKS = _function(
    "patrol_marks",
    [*PLAIN, *(f"{column} timestamptz" for column in _times(STAGES))],
    "integer",
    """case when accepted then 1 when not accepted then 2 else 0 end
        | case when filed then 4 when not filed then 8 else 0 end
        | case when source = 'collector' then 16 when source in ('hotline', 'web') then 32 else 0 end
        | case when voided then 64 else 0 end | case when self_handled then 128 else 0 end
        | case when hand_backs > 0 then 256 else 0 end | case when exempt then 512 else 0 end
        """
    + "\n        ".join(
        f"| (case when {done} is null then ({stage}_due_at is not null)::int"
        f" when {done} > {stage}_due_at then 3 else 2 end << {10 + 2 * number})"
        for number, (stage, done) in enumerate(zip(STAGES, DONE, strict=True))
    ),
)
_OPEN = {
    stage: f"case when {DONE[STAGES.index(stage)]} is null{' and not exempt' if stage == 'handle' else ''}"
    f" then {stage}_due_at end"
    for stage in AWAITED
}
WAITED_FOR = _function(
    "patrol_awaited",
    ["voided boolean", "exempt boolean", *(f"{column} timestamptz" for column in _times(AWAITED))],
    "timestamptz[]",
    f"case when not voided and coalesce({', '.join(_OPEN.values())}) is not null then array[{', '.join(_OPEN.values())}] end",
)
ADD = f"""
alter table patrol_case
    add column marks integer generated always as (
        patrol_marks({", ".join(name.split()[0] for name in PLAIN)}, {", ".join(_times(STAGES))})) stored,
    add column awaited timestamptz[] generated always as (
        patrol_awaited(voided, exempt, {", ".join(_times(AWAITED))})) stored;
"""
TAKE_AWAY = "alter table patrol_case drop column marks, drop column awaited"
FORGET = "drop function patrol_marks; drop function patrol_awaited"


class Migration(migrations.Migration):

    dependencies = [
        ('intake', '0001_initial'),
        ('patrol', '0005_quicker_words'),
        ('people', '0003_separation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='case',
            name='patrol_case_statistics',
        ),
        migrations.RemoveIndex(
            model_name='case',
            name='patrol_case_department',
        ),
        migrations.RunSQL(MARKS + WAITED_FOR, FORGET),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(ADD, TAKE_AWAY)],
            [
                migrations.AddField(
                    model_name='case',
                    name='awaited',
                    field=models.GeneratedField(db_persist=True, expression=models.Func('voided', 'exempt', 'verify_due_at', 'verified_at', 'dispatch_due_at', 'dispatched_at', 'handle_due_at', 'handled_at', 'check_due_at', 'checked_at', 'close_due_at', 'closed_at', function='patrol_awaited'), output_field=django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(null=True), null=True, size=None)),
                ),
                migrations.AddField(
                    model_name='case',
                    name='marks',
                    field=models.GeneratedField(db_persist=True, expression=models.Func('accepted', 'filed', 'source', 'voided', 'self_handled', 'hand_backs', 'exempt', 'accept_due_at', 'accepted_at', 'verify_due_at', 'verified_at', 'file_due_at', 'filed_at', 'dispatch_due_at', 'dispatched_at', 'handle_due_at', 'handled_at', 'check_due_at', 'checked_at', 'close_due_at', 'closed_at', function='patrol_marks'), output_field=models.IntegerField()),
                ),
            ],
        ),
        migrations.AlterField(
            model_name='case',
            name='department',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.organisation', verbose_name='department'),
        ),
        migrations.AlterField(
            model_name='case',
            name='duplicate_of',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='duplicates', to='patrol.case'),
        ),
        migrations.AlterField(
            model_name='case',
            name='holder',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='held by'),
        ),
        migrations.AlterField(
            model_name='case',
            name='holder_organisation',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.organisation', verbose_name='held at'),
        ),
        migrations.AlterField(
            model_name='case',
            name='reported_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='reported by'),
        ),
        migrations.AlterField(
            model_name='case',
            name='standard',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='patrol.filingstandard', verbose_name='filing standard'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(models.F('month'), models.F('district_code'), models.F('code'), include=('area_code', 'department', 'source', 'filed', 'reworks', 'hand_backs', 'marks', 'awaited'), name='patrol_case_statistics'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('department__isnull', False)), fields=['department', 'state', 'due_at'], name='patrol_case_department'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('holder__isnull', False)), fields=['holder'], name='patrol_case_holder'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('holder_organisation__isnull', False)), fields=['holder_organisation'], name='patrol_case_held_at'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('standard__isnull', False)), fields=['standard'], name='patrol_case_standard'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('duplicate_of__isnull', False)), fields=['duplicate_of'], name='patrol_case_duplicate'),
        ),
    ]
