"""What all commands do alike: help with examples, exit statuses, progress on a terminal, Ctrl-C."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.checks import Tags
from django.core.checks.registry import registry
from django.core.management import BaseCommand, call_command, get_commands, load_command_class
from django.core.management.base import SystemCheckError

from gallery import jobs
from gallery.checks import check_policies
from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.jobs import kinds as job_kinds
from gallery.models import Dataset, Job
from gallery.system import progress
from gallery.system.commands import PARTLY, SETTINGS, ReportingCommand

ROOT = Path(__file__).resolve().parents[3]
OURS = {
    name: load_command_class(app, name)
    for name, app in get_commands().items()
    if isinstance(app, str) and app in ("gallery", "search", "semsearch_site", "benchmarks")
}
REPORTING = {name: command for name, command in OURS.items() if isinstance(command, ReportingCommand)}
OF_DJANGO = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Once(ReportingCommand[dict[str, object]]):
    """Does what a test says."""

    work: Any = staticmethod(lambda: {"failed": 0})

    def status_of(self, report: dict[str, object]) -> int:
        return PARTLY if report["failed"] else 0

    def report(self, **options: Any) -> dict[str, object]:
        found: dict[str, object] = self.work()
        return found


def ended(work: Any, *words: str) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of a command that does this."""
    out, err = io.StringIO(), io.StringIO()
    command = Once(stdout=out, stderr=err, no_color=True)
    command.requires_system_checks = ()
    command.work = work
    try:
        # it would close the database that the test shares with it
        with mock.patch("django.core.management.base.connections.close_all"):
            command.run_from_argv(["manage.py", "once", *words])
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", sorted(REPORTING))
def test_the_help_of_a_command_explains_every_option_and_shows_it_in_an_example(name: str) -> None:
    parser = REPORTING[name].create_parser("manage.py", name)
    shown = parser.format_help()
    assert "Exit status: 0 done" in shown
    for action in parser._actions:
        if action.dest not in OF_DJANGO:
            assert action.help, action.dest
            for flag in action.option_strings[-1:]:
                assert f" {flag}" in (parser.epilog or ""), flag
    for line in REPORTING[name].examples:
        assert f"  manage.py {name} {line}".rstrip() + "\n" in shown


@pytest.mark.parametrize("words", [("search_images", "a.png"), ("evaluate", "birds")])
@pytest.mark.parametrize("given", ["0", "-1", "x", "1.5"])
def test_a_number_of_results_below_one_is_wrong_usage(
    words: tuple[str, str], given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        REPORTING[words[0]].run_from_argv(["manage.py", *words, "--k", given])
    assert end.value.code == 2
    assert "1 or more" in capsys.readouterr().err


@pytest.mark.django_db
def test_exit_statuses_say_done_failed_wrong_usage_and_done_in_part() -> None:
    assert ended(lambda: {"failed": 0}, "--json") == (0, '{"failed": 0}\n', "")
    assert ended(lambda: {"failed": 2}, "--json") == (3, '{"failed": 2}\n', "")

    def refused() -> None:
        raise SemsearchError("No.")

    assert ended(refused)[::2] == (1, "CommandError: No.\n")
    assert ended(refused, "--nothing")[0] == 2


@pytest.fixture
def stopped_kind() -> Iterator[list[bool]]:
    """Register a kind of job that Ctrl-C stops, as long as the returned list is not empty."""
    stops = [True]

    def handler(run: JobRun) -> dict[str, object]:
        run.begin(2, "Working on \x1b[31mit")
        run.advance(1)
        if stops:
            raise KeyboardInterrupt
        run.advance(2)
        return {"failed": 0}

    jobs.register("stopped", handler, label="Stopped", queue="import")
    yield stops
    del job_kinds._types["stopped"]


@pytest.mark.django_db
def test_ctrl_c_is_one_line_and_leaves_a_job_that_the_same_command_goes_on_with(
    stopped_kind: list[bool],
) -> None:
    dataset = Dataset.objects.create(slug="mine", name="Mine")

    def work() -> dict[str, object]:
        return dict(jobs.perform_now("stopped", dataset, layer="top").result)

    status, out, err = ended(work)
    assert (status, out, err.count("\n")) == (130, "", 1)
    assert "the same command goes on from there" in err
    rests = Job.objects.get(kind="stopped")
    assert (rests.state, rests.attempts, rests.dispatched_at) == (Job.State.QUEUED, 0, None)
    stopped_kind.clear()
    assert ended(work)[0] == 0
    assert [job.pk for job in Job.objects.filter(kind="stopped", state=Job.State.SUCCEEDED)] == [rests.pk]


@pytest.mark.django_db
def test_progress_is_drawn_on_stderr_when_that_is_a_terminal_and_only_then(
    stopped_kind: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_kind.clear()
    dataset = Dataset.objects.create(slug="mine", name="Mine")

    def work() -> dict[str, object]:
        return dict(jobs.perform_now("stopped", dataset).result)

    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert ended(work, "--json")[:2] == (0, '{"failed": 0}\n')
        drawn = stream.getvalue()
        if isinstance(stream, Terminal):
            assert "0/2" in drawn
            assert "\\x1b[31mit" in drawn  # what others named cannot steer the terminal
        else:
            assert drawn == ""
    assert progress._listener is None


def test_a_line_beside_the_progress_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.shown(wanted=True):
        progress.tell(0, 4, "Working")
        with progress.aside():
            terminal.write("a line\n")
        progress.tell(0, 0, "Converting")
        progress.tell(3)
    before = terminal.getvalue().split("a line\n")[0]
    assert before.rstrip(" ").endswith("\r")
    assert "Converting" in terminal.getvalue()


def test_a_search_from_the_command_line_loads_no_page_no_queue_and_no_training(
    tmp_path: Path, started_home: Callable[[Path], Path]
) -> None:
    code = (
        "import sys, manage; sys.argv = ['manage.py', 'search_images', 'nothing.png']\n"
        "try: manage.main()\n"
        "except SystemExit: pass\n"
        "needless = 'celery', 'rest_framework.views', 'gallery.admin', 'search.views', "
        "'gallery.ingest.importing', 'tensorflow', 'keras', 'openvino.tools.ovc', 'pymilvus', "
        "'semsearch_site.urls'\n"
        "print([name for name in needless if name in sys.modules], 'search.live.query' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "SEMSEARCH_HOME": str(started_home(tmp_path / "home")), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[-2] == "[] True"
    assert "CommandError: There is no file at nothing.png." in done.stderr


def test_a_command_waits_for_the_checks_of_settings_alone(settings: Any) -> None:
    ours = [
        check for check in registry.get_checks() if check.__module__ in ("gallery.checks", "search.checks")
    ]
    others = [check for check in ours if SETTINGS not in check.tags]
    assert len(ours) > 4
    assert others == [check_policies]
    for name, command in OURS.items():
        assert set(command.requires_system_checks) <= {SETTINGS, Tags.database, Tags.staticfiles}, name
    settings.EXTRACT_BATCH, settings.MAX_PICTURE_SIDE = 0, 0
    with pytest.raises(SystemCheckError) as refused:
        call_command("verify", skip_checks=False)
    assert "search.E002" in str(refused.value)
    assert "gallery.E002" in str(refused.value)


def test_a_command_begins_without_the_queue_and_neither_it_nor_a_worker_with_pages() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from django.core.management import load_command_class\n"
        "for app_and_name in (('search', 'verify'), ('semsearch_site', 'serve')):\n"
        "    command = load_command_class(*app_and_name)\n"
        "    command.check(**command.get_check_kwargs({}))\n"
        "sends = 'celery' in sys.modules\n"
        "from semsearch_site.celery import app\n"
        "app.loader.init_worker()\n"
        "pages = 'semsearch_site.urls', 'gallery.admin', 'rest_framework.views', 'drf_spectacular.openapi'\n"
        "print(sends, [name for name in pages if name in sys.modules], 'gallery.tasks' in sys.modules)"
    )
    own = os.environ | {"DJANGO_SETTINGS_MODULE": "semsearch_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=own, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False [] True\n"


def test_progress_is_drawn_on_a_terminal_that_tells_no_size() -> None:
    code = (
        "import time; from gallery.system import progress\n"
        "with progress.shown(wanted=True):\n"
        "    progress.tell(0, 26, 'Extracting'); time.sleep(0.2); progress.tell(13)\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs) as done:
        os.close(theirs)
        drawn = b""
        # the end of a terminal is an error to its other side
        with suppress(OSError):
            while part := os.read(ours, 4096):
                drawn += part
        os.close(ours)
        assert done.stdout is not None
        assert done.stdout.read() == b""
    assert b"0/26" in drawn
    assert b"13/26" in drawn
