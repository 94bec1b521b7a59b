import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cleanliness", "0002_strongest_wind"), ("intake", "0001_initial")]

    operations = [
        migrations.AddField(
            "roadversion",
            "batch",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="intake.batch",
            ),
        ),
        migrations.AddField(
            "check",
            "rule_frame_m2",
            models.DecimalField("the rule's frame (m²)", decimal_places=4, max_digits=6, null=True),
        ),
        migrations.AddField(
            "check",
            "frame_decided",
            models.CharField("other frame decided because", blank=True, default="", max_length=200),
            preserve_default=False,
        ),
    ]
