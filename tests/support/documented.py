"""Runs the commands of documents as a reader types them: in bash, in what looks like an installation.

Bash, curl, jq and Python are real. Only `.venv/bin/python manage.py` is answered by the process of the test:
starting Django anew for each line would take most of the time. Jobs that a command or a request leaves are
done by the test too, in between, as a worker would.
"""

from __future__ import annotations

import io
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command

from gallery import jobs
from gallery.models import Job
from tests.support.site import ROOT

BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<why>[^>]+) -->\n)?"
    r"^(?P<space> *)```(?P<language>[a-z]*)\n(?P<code>.*?)^(?P=space)```$",
    re.DOTALL | re.MULTILINE,
)
# asks the process of the test; what is no management command is done by Python itself
SHIM = """#!{python} -SE
import json, os, socket, sys
if sys.argv[1:2] != ["manage.py"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
asked.sendall(json.dumps(sys.argv[2:]).encode() + b"\\n")
answer = json.load(asked.makefile())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["status"])
"""
# `make` only says what it would do: a target that is not there fails
PRELUDE = 'set -euo pipefail\nmake() { command make --dry-run --directory {root} "$@" >/dev/null; }\n'
# for a script that waits for what never comes
LIMIT_S = 600.0


@dataclass(frozen=True)
class Block:
    """A fenced block of a document: its language, its text, and why it is not run, if it is not."""

    language: str
    code: str
    why: str | None


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document."""
    for found in BLOCK.finditer(document.read_text(encoding="utf-8")):
        lines = (line.removeprefix(found["space"]) for line in found["code"].splitlines())
        yield Block(found["language"], "\n".join(lines) + "\n", found["why"])


def scripts(document: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of what is run of a document; Python goes on from block to block."""
    run = [block for block in blocks(document) if block.why is None]
    for block in run:
        if block.language == "sh":
            yield "sh", block.code
    if python := "\n".join(block.code for block in run if block.language == "python"):
        yield "python", python


class Reader:
    """Somebody who does what documents say, in a folder of an installation with a home of their own."""

    def __init__(self, folder: Path, site: str, token: str) -> None:
        self.home, self.folder = folder / "home", folder / "semsearch"
        (self.folder / ".venv/bin").mkdir(parents=True)
        for name in ("manage.py", "sample_data", "Makefile"):
            (self.folder / name).symlink_to(ROOT / name)
        (folder / "backups").mkdir()
        self._instead = {"http://127.0.0.1:8000": site, "/backups/": f"{folder}/backups/"}
        self._environment = os.environ | {
            "HOME": str(self.home),
            "TOKEN": token,
            # they installed the program and its client, and networks were converted before
            "PYTHONPATH": f"{ROOT}:{ROOT / 'clients' / 'python' / 'src'}",
            "SEMSEARCH_CACHE": str(settings.CACHE_ROOT / "models"),
        }
        self._listener = socket.socket(socket.AF_UNIX)
        address = str(folder / "manage.sock")
        self._listener.bind(address)
        self._listener.listen()
        shim = self.folder / ".venv/bin/python"
        shim.write_text(SHIM.format(python=sys.executable, address=address))
        shim.chmod(0o755)

    def run(self, language: str, code: str) -> None:
        """Run a script. Raises: AssertionError with what it said when it fails."""
        for words, here in self._instead.items():
            code = code.replace(words, here)
        bash = shutil.which("bash") or "bash"
        command = [sys.executable, "-c", code]
        if language == "sh":
            command = [bash, "-c", PRELUDE.replace("{root}", shlex.quote(str(ROOT))) + code]
        with subprocess.Popen(
            command, cwd=self.folder, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            said = self._served(process)
        assert process.returncode == 0, f"{code}\nended with {process.returncode} and said:\n{said}"

    def _served(self, process: subprocess.Popen[str]) -> str:
        """Answer commands and do jobs until a script ends; returns what it said."""
        assert process.stdout is not None
        said = ""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            ready, _, _ = select.select([self._listener.fileno(), process.stdout.fileno()], [], [], 0.05)
            if self._listener.fileno() in ready:
                self._answer()
            if process.stdout.fileno() in ready:
                piece = os.read(process.stdout.fileno(), 65_536).decode(errors="replace")
                said += piece
                if not piece:
                    return said
            for waiting in Job.objects.filter(state=Job.State.QUEUED).order_by("pk")[:1]:
                jobs.perform(waiting.pk)
        process.kill()
        return f"{said}\n(it did not end within {LIMIT_S:g} s)"

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as asked:
            words = json.loads(asked.readline())
            out, err = io.StringIO(), io.StringIO()
            status = 0
            try:
                with redirect_stdout(out), redirect_stderr(err):
                    call_command(*words, stdout=out, stderr=err)
            except CommandError as error:
                status = getattr(error, "returncode", 1)
                err.write(f"{error}\n")
            except SystemExit as error:
                status = error.code if isinstance(error.code, int) else 1
            json.dump({"out": out.getvalue(), "err": err.getvalue(), "status": status}, asked)
            asked.flush()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
