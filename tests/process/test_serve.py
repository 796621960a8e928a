"""Everything `serve` starts ends with it, and is started anew when it ends by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from semsearch_site.child_processes import free_port
from semsearch_site.management.commands.serve import RUNS_AS_ROOT
from tests.conftest import image_bytes
from tests.support.prepared import DATASET, Prepared
from tests.support.site import (
    PARTS,
    ROOT,
    STARTS_WITHIN_S,
    RunningSite,
    environment,
    running_on,
    until,
)

pytestmark = pytest.mark.process


def nothing_runs(site: RunningSite, within_s: float = 15.0) -> None:
    until(lambda: not running_on(site.home), within_s=within_s, what="every process ended")


def test_ctrl_c_ends_everything_and_a_restart_works(prepared: Prepared) -> None:
    for _ in range(2):
        with RunningSite(prepared.home) as site:
            assert {site.part(name).pid for name in PARTS}
            assert site.interrupt(within_s=15) == 0
            nothing_runs(site, within_s=1)


def test_a_start_ends_with_the_address_and_the_next_step(prepared: Prepared) -> None:
    port = free_port()
    command = [
        sys.executable,
        str(ROOT / "manage.py"),
        "serve",
        "--port",
        str(port),
        "--next-step",
        "Next: look.",
    ]
    with (prepared.home / "said").open("w+") as said:
        # from a folder in which the code does not lie
        site = subprocess.Popen(
            command, cwd=prepared.home, env=environment(prepared.home), stdout=said, stderr=said
        )
        try:
            until(lambda: is_ready(port), within_s=STARTS_WITHIN_S, what="the site is ready")
            said.seek(0)
            # a folder that a test copied is open
            lines = [line for line in said.read().splitlines() if not line.startswith("Closed ")]
        finally:
            site.terminate()
            site.wait(25)
    said_of_root = [RUNS_AS_ROOT] if os.geteuid() == 0 else []
    address = f"semsearch is at http://127.0.0.1:{port} - Ctrl-C stops it."
    assert lines == [*said_of_root, address, "Next: look."]


def is_ready(port: int) -> bool:
    """Whether every part of a site is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_only_the_one_line_is_left_out_of_what_a_part_says(tmp_path: Path) -> None:
    program = (
        "import sys, time; print('said always', flush=True); print('torn', file=sys.stderr, flush=True);"
        "time.sleep(0.2); print('the end')"
    )
    supervised = (
        "import sys; from pathlib import Path; from semsearch_site import supervised_part\n"
        "from semsearch_site.supervisor import Supervisor\n"
        "supervised_part.MOST_DEATHS = 1\n"
        f"with Supervisor(Path({str(tmp_path)!r}), print) as supervisor:\n"
        f"    supervisor.start('broker', [sys.executable, '-c', {program!r}], without=b'said always')\n"
        "    supervisor.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", supervised], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.splitlines() == ["torn", "the end"]
    assert "The broker ended with status 0" in done.stdout


def test_a_part_that_dies_again_and_again_ends_the_site_and_is_told_why(tmp_path: Path) -> None:
    program = "import sys; print('nothing to see'); sys.exit('The disk hums.')"
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    supervised = (
        "import sys; from pathlib import Path; from semsearch_site import supervised_part\n"
        "from semsearch_site.supervisor import Supervisor\n"
        "supervised_part.FIRST_PAUSE_S = 0.01\n"
        f"with Supervisor(Path({str(tmp_path)!r}), print) as supervisor:\n"
        f"    supervisor.start('other', {sleep!r})\n"
        f"    supervisor.start('worker', [sys.executable, '-c', {program!r}])\n"
        "    status = supervisor.run()\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", supervised], cwd=ROOT, capture_output=True, text=True)
    *before, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert len(before) == 4
    assert set(before) == {
        "The worker ended with status 1; it is started again. It said last: nothing to see / The disk hums."
    }
    assert last == (
        "The worker ended with status 1, the 5th time within a minute, so semsearch stops: mend what it "
        "says, then start it again. It said last: nothing to see / The disk hums."
    )


def test_the_web_server_searches_without_tensorflow(prepared: Prepared) -> None:
    with RunningSite(prepared.home) as site:
        # ready means that the network is loaded
        web = site.part("web server")
        maps = [
            mapped.path
            for process in (web, *web.children(recursive=True))
            for mapped in process.memory_maps()
        ]
    assert any("openvino" in path for path in maps)
    assert not [path for path in maps if "/tensorflow/" in path and "/openvino/" not in path]


def test_a_killed_supervisor_leaves_no_process_behind_and_can_be_replaced_at_once(
    prepared: Prepared,
) -> None:
    with RunningSite(prepared.home, ready="/healthz") as killed:
        killed.supervisor.kill()
        killed.supervisor.wait()
        with RunningSite(prepared.home) as successor:
            assert {successor.part(name).pid for name in PARTS}
            assert successor.interrupt() == 0
    nothing_runs(killed)


def serve(prepared: Prepared, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment(prepared.home),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_port_in_use_is_said_at_once(prepared: Prepared) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = serve(prepared, port)
    assert done.returncode != 0
    assert f"Cannot serve on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not running_on(prepared.home)


def test_a_second_site_on_the_same_state_folder_is_refused(prepared: Prepared) -> None:
    with RunningSite(prepared.home, ready="/healthz") as site:
        done = serve(prepared, free_port())
        assert done.returncode != 0
        assert "already running" in done.stderr
        assert site.get("/healthz")[0] == 200
        assert all(site.part(name).is_running() for name in PARTS)


def test_without_the_broker_pages_and_searches_answer_and_jobs_say_what_they_wait_for(
    prepared: Prepared,
) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with RunningSite(prepared.home, token=prepared.token, ready="/healthz", REDIS_URL=nowhere) as site:
        began = time.monotonic()
        status, added = site.post("/api/v1/images/", ("new.png", image_bytes(3)), dataset=DATASET)
        assert status == 201, added
        assert added["job"]["state"] == "queued"
        assert added["job"]["message"] == "Waiting for the message broker."
        status, parts = site.get("/readyz")
        assert status == 503
        assert parts["database"] == "ready"
        assert parts["broker"] != "ready"
        assert site.get("/datasets/")[0] == 200
        # nothing is extracted yet, and that is what it says: not that a server failed
        status, answer = site.post("/api/v1/search/", ("q.png", image_bytes(3)), dataset=DATASET)
        assert (status, answer["error"]["code"]) == (409, "nothing_indexed"), answer
        assert time.monotonic() - began < 20
        assert site.interrupt() == 0
        nothing_runs(site, within_s=1)
