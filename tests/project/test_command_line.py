"""The command line: words and exit statuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from chengheng.common import commands
from chengheng.project import config
from chengheng.project.cli import cli


@pytest.fixture
def run(db, monkeypatch):
    """Run a command in this process, on the test's database."""
    from contextlib import nullcontext

    monkeypatch.setattr(commands, "opener", nullcontext)

    def command(*arguments: str, stdin: str = ""):
        return CliRunner().invoke(cli, arguments, input=stdin, catch_exceptions=False)

    return command


@pytest.fixture(autouse=True)
def english(settings):
    from django.utils import translation

    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


def test_help_names_every_command(run):
    text = run("--help").output
    for name in ("up", "web", "worker", "live", "migrate", "check", "trail", "backup", "restore", "user", "settings"):
        assert f"\n  {name} " in text


def test_every_setting_is_shown_and_secrets_are_not(run, monkeypatch):
    monkeypatch.setenv("CHENGHENG_METRICS_TOKEN", "hidden-token")
    monkeypatch.setenv("CHENGHENG_WEB_THREADS", "7")
    text = run("settings").output
    assert all(setting.name in text for setting in config.SETTINGS)
    assert "hidden-token" not in text
    assert " 7 " in text


def test_every_variable_that_the_code_reads_is_in_the_table():
    import re

    known = {setting.name for setting in config.SETTINGS}
    for path in (Path(config.__file__).parents[1]).rglob("*.py"):
        for name in re.findall(r"""["'](CHENGHENG_[A-Z_]+)["']""", path.read_text(encoding="utf-8")):
            assert name in known | {"CHENGHENG_TEST_DATA"}, f"{path}: {name}"


def test_a_user_is_made_with_organisation_and_role_and_on_the_trail(run):
    from chengheng.common import trail
    from chengheng.common.people.models import User

    done = run(
        "user", "create", "li", "--name", "李强", "--organisation", "C", "--new-organisation", "市城管委",
        "--role", "people.system_administrator",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Initial password: " in done.output
    person = User.objects.get(username="li")
    assert person.must_change_password
    assert person.check_password(done.output.rsplit(" ", 1)[1].strip())
    assert next(entry.act for entry in trail.history(person)) == "people.user.create"


def test_bad_input_is_status_2_and_leaves_nothing(run):
    from chengheng.common.people.models import Organisation

    weak = run(
        "user", "create", "li", "--organisation", "C", "--new-organisation", "市城管委", "--password-stdin", stdin="1\n"
    )
    assert weak.exit_code == 2
    assert not Organisation.objects.filter(code="C").exists()
    unknown = run("user", "create", "li", "--organisation", "nowhere")
    assert unknown.exit_code == 2
    assert "nowhere" in unknown.output


def test_an_account_is_shut_and_opened_again(run):
    from tests import builders

    person = builders.user("zhao")
    assert run("user", "lock", "ZHAO").exit_code == 0
    person.refresh_from_db()
    assert not person.is_active
    assert run("user", "unlock", "zhao").exit_code == 0
    person.refresh_from_db()
    assert person.is_active
    assert run("user", "lock", "nobody").exit_code == 1


def test_a_new_password_is_given_once_and_works(run):
    from tests import builders

    person = builders.user("qian")
    done = run("user", "password", "qian")
    person.refresh_from_db()
    assert person.check_password(done.output.rsplit(" ", 1)[1].strip())
    assert person.must_change_password


def test_a_changed_trail_is_found(run):
    from django.db import connection

    from chengheng.common import trail
    from chengheng.common.people.access import SYSTEM
    from tests import builders

    trail.record("people.user.change", SYSTEM, builders.user("sun"), {"phone": "1"})
    assert run("trail", "verify").exit_code == 0
    with connection.cursor() as cursor:
        cursor.execute("alter table trail_entry disable trigger user")
        cursor.execute("update trail_entry set note = 'changed'")
        cursor.execute("alter table trail_entry enable trigger user")
    assert run("trail", "verify").exit_code == 1
