"""Whose a home is: a newer one and an unwanted upgrade are refused in a sentence, damage is said in one."""

from __future__ import annotations

import os
import pwd
import re
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from gallery.models import Release
from gallery.system.home import homes, upgrades
from gallery.system.home.homes import Home, HomeNewerError, HomeOlderError, HomeUnusableError
from gallery.version import HOME_FORMAT, VERSION

pytestmark = pytest.mark.django_db


def test_a_home_of_this_release_is_left_alone(django_assert_max_num_queries: Any) -> None:
    said: list[str] = []
    with django_assert_max_num_queries(3):
        upgrades.bring_up_to_date(said.append)
    assert not said
    home = homes.read()
    assert (home.version, home.is_older, home.is_newer, home.is_new) == (VERSION, False, False, False)


def test_a_home_of_a_newer_release_is_refused_with_both_versions_and_what_to_do() -> None:
    MigrationRecorder(connection).record_applied("gallery", "0999_tomorrow")
    Release.objects.create(version="9.1.0", format=HOME_FORMAT)
    with pytest.raises(HomeNewerError) as refused:
        upgrades.bring_up_to_date(pytest.fail)
    for word in ("semsearch 9.1.0", f"semsearch {VERSION}", "gallery.0999_tomorrow", "install", "migrate"):
        assert word in str(refused.value)


def test_a_home_of_a_newer_format_is_refused_though_every_migration_is_known() -> None:
    Release.objects.create(version="9.1.0", format=HOME_FORMAT + 1)
    with pytest.raises(HomeNewerError, match=f"9.1.0, .*format {HOME_FORMAT + 1}\\)"):
        upgrades.bring_up_to_date(pytest.fail)


def test_a_home_that_a_newer_release_has_had_and_not_changed_is_used() -> None:
    Release.objects.create(version="9.1.0", format=HOME_FORMAT)
    upgrades.bring_up_to_date(pytest.fail)
    assert Release.objects.order_by("pk").last() == Release.objects.get(version="9.1.0")


def test_what_an_application_left_that_is_not_installed_any_more_concerns_nobody() -> None:
    MigrationRecorder(connection).record_applied("knox", "0009_something")
    upgrades.bring_up_to_date(pytest.fail)


def test_a_home_that_was_led_through_the_migrations_that_another_replaces_is_left_alone() -> None:
    MigrationRecorder.Migration.objects.filter(name__startswith="0001_squashed_").delete()
    upgrades.bring_up_to_date(pytest.fail)
    assert homes.read().missing == ()


def test_with_auto_migrate_off_an_older_home_is_left_to_migrate_and_a_newer_one_refused(
    settings: Any,
) -> None:
    settings.AUTO_MIGRATE = False
    upgrades.bring_up_to_date(pytest.fail)
    MigrationRecorder(connection).record_unapplied("gallery", "0015_releases_and_backups")
    told = r"run `.*manage.py migrate`, .*AUTO_MIGRATE on.*gallery\.0015_releases_and_backups"
    with pytest.raises(HomeOlderError, match=told):
        upgrades.bring_up_to_date(pytest.fail)
    MigrationRecorder(connection).record_applied("gallery", "0999_tomorrow")
    with pytest.raises(HomeNewerError, match="migrate"):
        upgrades.bring_up_to_date(pytest.fail)


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("database disk image is malformed", "is damaged"),
        ("file is not a database", "is damaged"),
        ("attempt to write a readonly database", "cannot be written"),
        ("unable to open database file", "cannot be written"),
        ("database or disk is full", "cannot be written"),
    ],
)
def test_what_sqlite_says_becomes_a_sentence(said: str, words: str) -> None:
    with pytest.raises(HomeUnusableError, match=words), homes.errors_in_words():
        raise sqlite3.DatabaseError(said)


def test_other_errors_stay_what_they_are() -> None:
    for error in (sqlite3.OperationalError("no such table: x"), FileNotFoundError(2, "gone", "/elsewhere")):
        with pytest.raises(type(error)), homes.errors_in_words():
            raise error


def test_a_home_below_a_file_is_said_in_a_sentence(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").touch()
    settings.SEMSEARCH_HOME = tmp_path / "file" / "home"
    with pytest.raises(HomeUnusableError, match="name another folder with SEMSEARCH_HOME"):
        homes.check_folder()


def test_root_makes_nothing_in_the_home_of_another_account(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEMSEARCH_HOME = tmp_path
    if os.geteuid() == 0:
        homes.check_folder()
        os.chown(tmp_path, 54_321, -1)  # nobody whom this machine knows
        homes.check_folder()
        os.chown(tmp_path, pwd.getpwnam("nobody").pw_uid, -1)
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    settings.STATIC_ROOT = tmp_path / "static"
    typed = (["migrate"], ["serve"], ["restore", "nothing"], ["get_weights", "vgg16"], ["collectstatic"])
    for command, *words in typed:
        with pytest.raises((CommandError, HomeUnusableError), match="which could not read what root writes"):
            call_command(command, *words)
    with pytest.raises(HomeUnusableError, match=r"belongs to the account \S+, .*runuser -u \S+ -- "):
        homes.check_folder()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    homes.check_folder()


@pytest.mark.embedded
def test_two_copies_of_an_sqlite_file_are_kept_and_none_that_does_not_fit(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "database"
    with sqlite3.connect(source) as database:
        database.execute("CREATE TABLE one AS SELECT 1 AS x")
    database.close()
    settings.SEMSEARCH_HOME = tmp_path
    monkeypatch.setattr(homes, "sqlite_file", lambda: source)
    before = Home("0.1.0", 0, is_new=False, missing=("gallery.0002_x",), unknown=())
    copies = [upgrades.keep_copy(before) for _ in range(3)]
    kept = sorted((tmp_path / upgrades.COPIES).iterdir())
    assert kept == copies[-upgrades.COPIES_KEPT :]
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    with sqlite3.connect(kept[-1]) as copy:
        assert copy.execute("SELECT x FROM one").fetchall() == [(1,)]
    copy.close()
    monkeypatch.setattr(upgrades, "ROOM_FOR", 2**60)
    with pytest.raises(HomeUnusableError, match="make room"):
        upgrades.keep_copy(before)


def test_the_version_is_said_in_one_place() -> None:
    root = django_settings.BASE_DIR
    assert django_settings.SPECTACULAR_SETTINGS["VERSION"] == VERSION
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    pattern = project["tool"]["hatch"]["version"]["pattern"]
    said = re.search(pattern, (root / "gallery" / "version.py").read_text())
    assert said is not None
    assert said["version"] == VERSION
    first = next(line for line in (root / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert VERSION in first
