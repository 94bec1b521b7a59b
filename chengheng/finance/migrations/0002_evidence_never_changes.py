"""Rows of evidence, once in, are never changed or deleted: the database itself refuses."""

from django.db import migrations

TABLES = ("line", "balance", "bankline", "cardswipe", "payrow", "staffrow", "assetcard", "budgetrow", "contract", "form",
          "bankaccount", "investment")  # fmt: skip
MAKE = """
create function finance_evidence_fixed() returns trigger language plpgsql as $$
begin raise exception 'evidence is never changed (table %)', tg_table_name; end $$;
""" + "\n".join(
    f"create trigger finance_{name}_fixed before update or delete on finance_{name} "
    "for each row execute function finance_evidence_fixed();"
    for name in TABLES
)
UNMAKE = "\n".join(f"drop trigger finance_{name}_fixed on finance_{name};" for name in TABLES) + (
    "\ndrop function finance_evidence_fixed();"
)


class Migration(migrations.Migration):
    dependencies = (("finance", "0001_initial"),)
    operations = (migrations.RunSQL(MAKE, UNMAKE),)
