"""The house stands: floors hold and every page of settings loads."""

from django.core.management import call_command


def test_django_finds_no_fault_in_the_configuration():
    call_command("check")


def test_models_and_migrations_agree(db):
    call_command("makemigrations", "--check", "--dry-run")
