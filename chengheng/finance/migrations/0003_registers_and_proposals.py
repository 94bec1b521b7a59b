"""Registers that the last rules need (leases, bids, vehicles, final accounts, shareholdings), and proposed changes of rules."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

TABLES = ("lease", "bid", "vehicleentry", "reportrow", "holding")
MAKE = "\n".join(
    f"create trigger finance_{name}_fixed before update or delete on finance_{name} "
    "for each row execute function finance_evidence_fixed();"
    for name in TABLES
)
UNMAKE = "\n".join(f"drop trigger finance_{name}_fixed on finance_{name};" for name in TABLES)


class Migration(migrations.Migration):

    dependencies = [
        ('finance', '0002_evidence_never_changes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='evidencebatch',
            name='kind',
            field=models.CharField(choices=[('lines', 'voucher lines'), ('balances', 'account balances'), ('bank', 'bank statement'), ('cards', 'official card statement'), ('pay', 'payroll'), ('staff', 'staff roster'), ('assets', 'asset cards'), ('budgets', 'budgets and adjustments'), ('contracts', 'contracts and procurement'), ('forms', 'reception, travel, meeting and training forms'), ('accounts', 'bank account register'), ('investments', 'investment register'), ('leases', 'lease register'), ('bids', 'bids and quotations'), ('vehicles', 'vehicle log'), ('reports', 'tables of the final accounts'), ('holdings', 'shareholdings in the business register')], max_length=12, verbose_name='holds'),
        ),
        migrations.CreateModel(
            name='RuleChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(max_length=10, verbose_name='rule')),
                ('name', models.CharField(max_length=30, verbose_name='parameter')),
                ('value', models.DecimalField(decimal_places=4, max_digits=20, verbose_name='value')),
                ('valid_from', models.DateField(verbose_name='in force from')),
                ('source', models.CharField(max_length=200, verbose_name='source')),
                ('state', models.CharField(choices=[('proposed', 'proposed'), ('live', 'put in force'), ('withdrawn', 'withdrawn')], default='proposed', max_length=10, verbose_name='state')),
                ('proposed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='proposed at')),
                ('tested_at', models.DateTimeField(null=True, verbose_name='tried at')),
                ('result', models.JSONField(default=list, verbose_name='what it would find')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('unit', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='finance.unit', verbose_name='unit')),
            ],
            options={
                'verbose_name': 'proposed change of a rule',
                'verbose_name_plural': 'proposed changes of rules',
                'ordering': ('-pk',),
            },
        ),
        migrations.CreateModel(
            name='Bid',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='fiscal year')),
                ('period', models.PositiveSmallIntegerField(verbose_name='period')),
                ('row', models.PositiveIntegerField(default=0, verbose_name='row')),
                ('tender', models.CharField(max_length=60, verbose_name='tender number')),
                ('opened_on', models.DateField(verbose_name='bids opened on')),
                ('bidder', models.CharField(max_length=120, verbose_name='bidder')),
                ('price_fen', models.BigIntegerField(verbose_name='price offered')),
                ('won', models.BooleanField(default=False, verbose_name='won')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)s_rows', to='finance.evidencebatch')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='finance.unit', verbose_name='unit')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['unit', 'year', 'period'], name='bid_place')],
            },
        ),
        migrations.CreateModel(
            name='Holding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='fiscal year')),
                ('period', models.PositiveSmallIntegerField(verbose_name='period')),
                ('row', models.PositiveIntegerField(default=0, verbose_name='row')),
                ('investee', models.CharField(max_length=120, verbose_name='investee')),
                ('share', models.CharField(blank=True, max_length=20, verbose_name='share held')),
                ('registered_on', models.DateField(null=True, verbose_name='registered on')),
                ('status', models.CharField(blank=True, max_length=20, verbose_name='status')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)s_rows', to='finance.evidencebatch')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='finance.unit', verbose_name='unit')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['unit', 'year', 'period'], name='holding_place')],
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='fiscal year')),
                ('period', models.PositiveSmallIntegerField(verbose_name='period')),
                ('row', models.PositiveIntegerField(default=0, verbose_name='row')),
                ('number', models.CharField(max_length=60, verbose_name='lease number')),
                ('asset', models.CharField(blank=True, max_length=120, verbose_name='what is let')),
                ('lessee', models.CharField(max_length=120, verbose_name='lessee')),
                ('month_fen', models.BigIntegerField(verbose_name='rent a month')),
                ('starts_on', models.DateField(verbose_name='let from')),
                ('ends_on', models.DateField(null=True, verbose_name='let to')),
                ('approval_no', models.CharField(blank=True, max_length=60, verbose_name='approval number')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)s_rows', to='finance.evidencebatch')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='finance.unit', verbose_name='unit')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['unit', 'year', 'period'], name='lease_place')],
            },
        ),
        migrations.CreateModel(
            name='ReportRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='fiscal year')),
                ('period', models.PositiveSmallIntegerField(verbose_name='period')),
                ('row', models.PositiveIntegerField(default=0, verbose_name='row')),
                ('sheet', models.CharField(max_length=60, verbose_name='name of the table')),
                ('econ', models.CharField(blank=True, max_length=5, verbose_name='economic class')),
                ('item', models.CharField(blank=True, max_length=120, verbose_name='cost item')),
                ('amount_fen', models.BigIntegerField(verbose_name='amount')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)s_rows', to='finance.evidencebatch')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='finance.unit', verbose_name='unit')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['unit', 'year', 'period'], name='reportrow_place')],
            },
        ),
        migrations.CreateModel(
            name='VehicleEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='fiscal year')),
                ('period', models.PositiveSmallIntegerField(verbose_name='period')),
                ('row', models.PositiveIntegerField(default=0, verbose_name='row')),
                ('plate', models.CharField(max_length=12, verbose_name='number plate')),
                ('day', models.DateField(verbose_name='date')),
                ('until', models.DateField(null=True, verbose_name='until')),
                ('item', models.CharField(max_length=20, verbose_name='cost item')),
                ('volume_cl', models.PositiveIntegerField(null=True, verbose_name='fuel in hundredths of a litre')),
                ('tank_cl', models.PositiveIntegerField(null=True, verbose_name='tank in hundredths of a litre')),
                ('odometer_km', models.PositiveIntegerField(null=True, verbose_name='odometer in km')),
                ('amount_fen', models.BigIntegerField(verbose_name='amount')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)s_rows', to='finance.evidencebatch')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='finance.unit', verbose_name='unit')),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['unit', 'year', 'period'], name='vehicleentry_place')],
            },
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
