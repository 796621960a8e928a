"""What a benchmark lacks is told before anything is measured; what it failed of is one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from benchmarks import suite
from benchmarks.fleet import servers
from benchmarks.index import million
from benchmarks.needs import Need, told
from benchmarks.processes import ROOT, MeasuringError, found_by, output_of

IMAGES = Need("pictures", debian=("openclipart-png", "tuxpaint-stamps-default"))
GRAPH = Need("a graph", debian=("g++",), requirements="requirements-bench.txt", optional=True)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let this machine have neither the packages of pictures nor servers."""
    monkeypatch.setattr(million, "CLIPART", tmp_path / "clipart")
    monkeypatch.setattr(million, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(servers, "_debian_programs", list)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the benchmarks that were begun, instead of measuring."""
    begun: list[str] = []

    def one(name: str, *_: Any) -> dict[str, Any]:
        begun.append(name)
        return {"count": 1}

    monkeypatch.setattr(suite, "measured_apart", one)
    monkeypatch.setattr(suite, "measured", one)
    return begun


def test_what_is_missing_is_told_together_before_anything_is_measured(
    bare: None, measured: list[str]
) -> None:
    with pytest.raises(CommandError) as failure:
        call_command("benchmark", "all")
    told_all = str(failure.value)
    assert "index: the pictures that 1,000,000 vectors are made from" in told_all
    assert "workers, chaos: a PostgreSQL server" in told_all
    assert (
        "apt-get install --no-install-recommends "
        "openclipart-png tuxpaint-stamps-default postgresql redis-server\n" in told_all
    )
    assert "--skip-missing" in told_all
    assert measured == []


def test_what_is_missing_can_be_left_out(bare: None, measured: list[str], capsys: Any) -> None:
    call_command("benchmark", "all", "--skip-missing")
    assert measured == [name for name in suite.BENCHMARKS if name not in ("index", "workers", "chaos")]
    assert "Left out, for this is not installed:\n  index: the pictures" in capsys.readouterr().err


def test_one_benchmark_alone_is_refused_and_cannot_be_left_out(bare: None, measured: list[str]) -> None:
    for flags in ([], ["--skip-missing"]):
        with pytest.raises(CommandError, match="openclipart-png") as failure:
            call_command("benchmark", "index", *flags)
        assert "--skip-missing" not in str(failure.value)
    assert measured == []


def test_few_vectors_come_from_the_sample_data_alone(bare: None, measured: list[str]) -> None:
    call_command("benchmark", "index", count=20_000)
    assert measured == ["index"]


def test_nothing_is_missing_where_the_images_are(
    bare: None, measured: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("clipart", "stamps"):
        (tmp_path / name).mkdir()
    call_command("benchmark", "index")
    assert measured == ["index"]


@pytest.mark.parametrize("name", suite.BENCHMARKS)
def test_every_benchmark_can_say_what_it_lacks(name: str) -> None:
    assert all(need.debian or need.requirements for need in suite.BENCHMARKS[name].needs())


@pytest.mark.parametrize(("user", "sudo"), [(0, ""), (1000, "sudo ")])
def test_a_need_of_several_benchmarks_is_told_once_with_one_command_for_all(
    monkeypatch: pytest.MonkeyPatch, user: int, sudo: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    lines = told({"one": [IMAGES, GRAPH], "two": [IMAGES]}).splitlines()
    assert lines == [
        "  one, two: pictures",
        "  one: a graph",
        "To install it:",
        f"  {sudo}apt-get install --no-install-recommends openclipart-png tuxpaint-stamps-default g++",
        "  .venv/bin/python -m pip install -c requirements.lock -r requirements-bench.txt",
    ]


def test_the_command_says_it_and_ends_with_one_as_a_user_sees_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from benchmarks.index import million;"
        "million.CLIPART = million.STAMPS = Path('/nowhere');"
        "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    )
    command = [sys.executable, "-c", program, "benchmark", "index"]
    own = {"DJANGO_SETTINGS_MODULE": "semsearch_site.settings", "SEMSEARCH_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 1
    assert "CommandError: Nothing was measured" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "cache" / "benchmarks").exists()


def test_a_part_that_fails_is_told_in_its_own_last_sentence(capsys: Any) -> None:
    inner = "import sys; print('a warning', file=sys.stderr); sys.exit('The disk is full.')"
    outer = (
        "import sys; from benchmarks.processes import as_part, output_of;"
        f"as_part(lambda: output_of([sys.executable, '-c', {inner!r}]))"
    )
    own = os.environ | {"DJANGO_SETTINGS_MODULE": "semsearch_site.settings"}
    with pytest.raises(MeasuringError) as failure:
        output_of([sys.executable, "-c", outer], environment=own)
    assert failure.value.detail == "The disk is full."
    shown = capsys.readouterr().err
    assert "a warning" in shown, "what a part says is shown as it comes"
    assert "Traceback" not in shown
    assert "CalledProcessError" not in shown


def test_a_part_that_breaks_shows_where_and_is_told_in_its_last_line(capsys: Any) -> None:
    with pytest.raises(MeasuringError, match=r"^KeyError: 'x'$"):
        output_of([sys.executable, "-c", "{}['x']"])
    assert "Traceback" in capsys.readouterr().err
    with pytest.raises(MeasuringError, match=r"-c import sys; sys.exit\(3\) ended with status 3"):
        output_of([sys.executable, "-c", "import sys; sys.exit(3)"])


def test_a_command_that_fails_is_told_without_the_words_of_django() -> None:
    with pytest.raises(MeasuringError, match=r"^benchmark query does not take --count\.$"):
        output_of([sys.executable, "manage.py", "benchmark", "query", "--count", "3"])


def test_a_part_returns_what_it_found_and_takes_what_it_is_given(tmp_path: Path) -> None:
    assert output_of([sys.executable, "-c", "print(input()[::-1])"], given="abc\n") == "cba\n"
    with pytest.raises(MeasuringError):
        found_by("index.rows", str(tmp_path / "none"), "3")


def test_one_benchmark_that_fails_does_not_keep_the_others_from_being_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(suite, "missing", lambda *_, **__: {})

    def one(name: str) -> dict[str, Any]:
        if name == "query":
            raise MeasuringError("The disk is full.")
        return {"count": 1}

    monkeypatch.setattr(suite, "measured_apart", one)
    with pytest.raises(CommandError, match=r"^query failed: The disk is full\.$"):
        call_command("benchmark", "all")
    assert all(f"\n{name}\n" in capsys.readouterr().out for name in ("chaos",))
