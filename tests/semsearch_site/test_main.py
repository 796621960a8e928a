"""What `semsearch` and `manage.py` take beside the names of commands."""

from __future__ import annotations

import gc
import sys
import threading

import pytest
from django.conf import settings
from django.core.management import get_commands

from semsearch_site import celery, gunicorn
from semsearch_site.command_line import CommandLine
from semsearch_site.main import SHORT, main
from semsearch_site.monitoring import readiness
from semsearch_site.supervision import processes


def test_a_short_name_stands_for_a_command_and_for_no_other() -> None:
    assert set(SHORT.values()) <= get_commands().keys()
    assert not SHORT.keys() & get_commands().keys()


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_it_says_what_there_is_and_where_the_state_lies(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/semsearch", *words])
    main()
    said = capsys.readouterr().out
    assert "  semsearch serve " in said
    assert f"All state lies in {settings.SEMSEARCH_HOME};" in said


@pytest.mark.parametrize(("command", "looks"), [("serve", True), ("search_images", False)])
def test_a_loaded_command_looks_for_garbage_unless_it_ends_before_there_is_any(
    command: str, looks: bool
) -> None:
    gc.disable()
    try:
        CommandLine(["manage.py", command]).fetch_command(command)
        assert gc.isenabled() == looks
    finally:
        gc.enable()


def test_a_web_server_looks_for_garbage_once_it_has_loaded_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(processes, "enlist", lambda _: None)
    for name in ("SERVING", "LOADING"):
        monkeypatch.setattr(readiness, name, threading.Event())
    gunicorn.post_fork(None, None)
    try:
        assert not gc.isenabled()
        gunicorn.post_worker_init(None)
        assert gc.isenabled()
        assert readiness.SERVING.is_set()
    finally:
        gc.enable()


def test_a_worker_looks_for_no_garbage_among_what_it_has_loaded() -> None:
    loaded = [[number] for number in range(1000)]
    before = gc.get_freeze_count()
    celery.keep_what_is_loaded()
    assert gc.get_freeze_count() - before >= len(loaded)
