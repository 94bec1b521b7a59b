"""The words of older items bound together by partitions. Postings do not compress, so they are not tried."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('opinion', '0004_browser_media_and_scale'),
    ]

    operations = [
        migrations.CreateModel(
            name='Binding',
            fields=[
                ('number', models.IntegerField(primary_key=True, serialize=False)),
                ('written', models.SmallIntegerField(default=0)),
                ('done', models.BooleanField(default=False)),
                ('first_at', models.DateTimeField(null=True)),
                ('last_at', models.DateTimeField(null=True)),
                ('times', models.BinaryField(default=b'')),
                ('amended', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, size=None)),
            ],
            options={
                'db_table': 'opinion_binding',
            },
        ),
        migrations.CreateModel(
            name='Bound',
            fields=[
                ('pk', models.CompositePrimaryKey('number', 'last_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('last_key', models.BigIntegerField()),
                ('first_key', models.BigIntegerField()),
                ('number', models.IntegerField()),
                ('postings', models.BinaryField()),
            ],
            options={
                'db_table': 'opinion_bound',
            },
        ),
        migrations.RunSQL(
            "alter table opinion_bound alter column postings set storage external",
            migrations.RunSQL.noop,
        ),
    ]
