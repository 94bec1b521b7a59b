from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cleanliness", "0001_initial")]

    operations = [
        migrations.AddField(
            "ruleset",
            "max_wind_ms",
            models.DecimalField("strongest wind (m/s)", max_digits=4, decimal_places=1, null=True, blank=True),
        ),
    ]
