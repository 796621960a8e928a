"""Children end with their parent, and with whatever they started; free ports are free and differ."""

from __future__ import annotations

import socket
import subprocess
import sys

import psutil
import pytest

from semsearch_site.supervision import child_processes
from semsearch_site.supervision.child_processes import free_ports, kill_group, start_child
from tests.support.site import until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = f"""
import time
from semsearch_site.supervision.child_processes import start_child
print(start_child({SLEEP!r}).pid, flush=True)
time.sleep(60)
"""
OTHER = """
import sys
from semsearch_site.supervision import child_processes
child_processes.CHOSEN_FROM = range(int(sys.argv[1]), int(sys.argv[2]))
print(*child_processes.free_ports(10), flush=True)
sys.stdin.read()
"""
WITH_A_CHILD = f"""
import subprocess, time
print(subprocess.Popen({SLEEP!r}).pid, flush=True)
time.sleep(60)
"""


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not ended(pid)
        parent.kill()
    until(lambda: ended(pid), within_s=10, what="the child ended")


def test_a_child_is_killed_with_what_it_started() -> None:
    child = start_child([sys.executable, "-c", WITH_A_CHILD], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        grandchild = int(child.stdout.readline())
        kill_group(child)
    assert child.returncode is not None
    until(lambda: ended(grandchild), within_s=10, what="what it started ended")
    kill_group(child)  # nothing is left, and nothing is said


def test_free_ports_differ_and_can_be_listened_on() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_two_processes_never_get_the_same_port_while_both_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "CHOSEN_FROM", few := range(31_000, 31_040))
    command = [sys.executable, "-c", OTHER, str(few.start), str(few.stop)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = free_ports(20)
        other.stdin.close()
    assert len(theirs) == 10
    assert not theirs.intersection(ours)
