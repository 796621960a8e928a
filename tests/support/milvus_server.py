"""Runs a standalone Milvus server of the suite's own in a temporary folder.

The server is that of PyPI's package `milvus`, in an environment of its own, where `tests/install_services.sh`
puts it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from semsearch_site.supervision.child_processes import free_ports, kill_group, start_child

INSTALLED = Path(__file__).resolve().parents[2] / ".services" / "milvus-2.3.5"
STARTS_WITHIN_S = 300.0
STOPS_WITHIN_S = 20.0
PORTS = (
    "proxy", "proxy_internal", "root_coord", "query_coord", "query_node", "index_coord", "index_node",
    "data_coord", "data_node", "etcd",
)  # fmt: skip
# Milvus looks around in intervals of seconds, which a test would spend waiting.
PACE = {
    "DATACOORD_SEGMENT_ASSIGNMENTEXPIRATION": "100",
    "PROXY_TIMETICKINTERVAL": "50",
    "QUERYCOORD_CHECKINTERVAL": "50",
    "QUERYCOORD_CHECKSEGMENTINTERVAL": "50",
    "QUERYCOORD_CHECKCHANNELINTERVAL": "50",
    "QUERYCOORD_CHECKHANDOFFINTERVAL": "100",
    "QUERYCOORD_DISTPULLINTERVAL": "50",
    "QUERYCOORD_UPDATENEXTTARGETINTERVAL": "1",
}
TOKEN = "root:Milvus"  # its first account, as every Milvus begins


def missing() -> str:
    """Return why the server cannot be run here, or nothing."""
    if (INSTALLED / "installed").exists():
        return ""
    return "There is no Milvus server: tests/install_services.sh installs one where PyPI has it."


class MilvusProcess:
    """One server, which asks for a token; `pace` are the settings of its intervals that differ."""

    def __init__(self, pace: Mapping[str, str] = PACE) -> None:
        self._pace = pace
        self._folder = Path(tempfile.mkdtemp(prefix="semsearch-milvus-"))
        self._process: subprocess.Popen[bytes] | None = None
        *ports, self._peer_port = free_ports(len(PORTS) + 1)
        self._ports = dict(zip(PORTS, ports, strict=True))

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._ports['proxy']}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        # unpacked once, by the installation
        (self._folder / "bin").symlink_to(INSTALLED / "bin")
        words = [f"--{name.replace('_', '-')}-port={port}" for name, port in self._ports.items()]
        log_path = self._folder / "server.log"
        with log_path.open("w") as log:
            self._process = start_child(
                [
                    str(INSTALLED / "env/bin/milvus-server"),
                    f"--data={self._folder}",
                    "--authorization-enabled=true",
                    *words,
                ],
                signal.SIGINT,
                env=os.environ | {"ETCD_CONFIG_PATH": str(self._etcd_configuration()), **self._pace},
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while "Started:" not in log_path.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = log_path.read_text()
                self.stop()
                raise AssertionError(f"The Milvus server did not start.\n{said}")
            time.sleep(0.1)

    def watched(self) -> psutil.Process:
        """Return its process, whose child is the server."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def stop(self) -> None:
        """End it and remove its files."""
        if self._process is None:
            return
        # the one signal on which its launcher ends the server too
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            kill_group(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _etcd_configuration(self) -> Path:
        """Write where its embedded etcd listens: left alone, all servers of a machine share one port."""
        clients = f"http://127.0.0.1:{self._ports['etcd']}"
        peers = f"http://127.0.0.1:{self._peer_port}"
        path = self._folder / "etcd.yaml"
        path.write_text(
            f"listen-client-urls: {clients}\nadvertise-client-urls: {clients}\n"
            f"listen-peer-urls: {peers}\ninitial-advertise-peer-urls: {peers}\n"
            f"initial-cluster: default={peers}\n"
        )
        return path
