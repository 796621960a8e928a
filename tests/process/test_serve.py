"""Everything `serve` starts ends with it, and is started anew when it ends by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch_site.management.commands.serve import RUNS_AS_ROOT
from semsearch_site.supervision.child_processes import free_port
from tests.conftest import image_bytes
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import PARTS, ROOT, RunningSite, environment, running_on, until

pytestmark = pytest.mark.process


def nothing_runs(site: RunningSite, within_s: float = 15.0) -> None:
    until(lambda: not running_on(site.home), within_s=within_s, what="every process ended")


@pytest.fixture(scope="module")
def site(template: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """Return a site that was started from a folder in which the code does not lie."""
    home = copy_of(template, tmp_path_factory.mktemp("serve") / "home").home
    with RunningSite(home, "--next-step", "Next: look.", folder=home) as running:
        yield running


@pytest.fixture
def running(site: RunningSite) -> RunningSite:
    """Return the site, which runs, also where a test before has stopped it."""
    if site.supervisor.poll() is not None:
        site.start()
    return site


def test_a_start_ends_with_the_address_and_the_next_step(site: RunningSite) -> None:
    # a folder that a test copied is open
    lines = [line for line in site.log().splitlines() if not line.startswith("Closed ")]
    said_of_root = [RUNS_AS_ROOT] if os.geteuid() == 0 else []
    address = f"semsearch is at http://127.0.0.1:{site.port} - Ctrl-C stops it."
    assert lines == [*said_of_root, address, "Next: look."]


def test_only_the_one_line_is_left_out_of_what_a_part_says(tmp_path: Path) -> None:
    program = (
        "import sys, time; print('said always', flush=True); print('torn', file=sys.stderr, flush=True);"
        "time.sleep(0.2); print('the end')"
    )
    supervised = (
        "import sys; from pathlib import Path; from semsearch_site.supervision import supervised_part\n"
        "from semsearch_site.supervision.supervisor import Supervisor\n"
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
        "import sys; from pathlib import Path; from semsearch_site.supervision import supervised_part\n"
        "from semsearch_site.supervision.supervisor import Supervisor\n"
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


def test_the_web_server_searches_without_tensorflow(running: RunningSite) -> None:
    # ready means that the network is loaded
    web = running.part("web server")
    maps = [
        mapped.path for process in (web, *web.children(recursive=True)) for mapped in process.memory_maps()
    ]
    assert any("openvino" in path for path in maps)
    assert not [path for path in maps if "/tensorflow/" in path and "/openvino/" not in path]


def serve(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_port_in_use_is_said_at_once(prepared: Prepared) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = serve(prepared.home, port)
    assert done.returncode != 0
    assert f"Cannot serve on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not running_on(prepared.home)


def test_a_second_site_on_the_same_state_folder_is_refused(running: RunningSite) -> None:
    done = serve(running.home, free_port())
    assert done.returncode != 0
    assert "already running" in done.stderr
    assert running.get("/healthz")[0] == 200
    assert all(running.part(name).is_running() for name in PARTS)


def test_ctrl_c_ends_everything_and_a_restart_works(running: RunningSite) -> None:
    assert {running.part(name).pid for name in PARTS}
    assert running.interrupt(within_s=15) == 0
    nothing_runs(running, within_s=1)
    running.start(ready="/healthz")
    assert {running.part(name).pid for name in PARTS}


def test_a_killed_supervisor_leaves_no_process_behind_and_can_be_replaced_at_once(
    running: RunningSite,
) -> None:
    """In the test before it was started, and still loads its network."""
    running.supervisor.kill()
    running.supervisor.wait()
    with RunningSite(running.home) as successor:
        assert {successor.part(name).pid for name in PARTS}
        assert successor.interrupt() == 0
        nothing_runs(running)


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
