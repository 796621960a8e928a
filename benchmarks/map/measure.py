"""The map of 100,000 points against deck.gl's ScatterplotLayer, in one browser with software rendering.

Run it as `python -m benchmarks.map.measure --deck DIST_MIN_JS`, with the file `dist.min.js` of the npm
package `deck.gl`. Both pages get the same points, four pixels each, and the same motion, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import keep, load

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent.parent / "static"
POINTS = 100_000
MANY_POINTS = 1_000_000
VIEWPORT = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
# as strict as on the site, where neither page may evaluate code
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
MOTION_MS = 4000
GLIDE_MS = 1400


def measure(deck: Path, rounds: int) -> dict[str, Any]:
    """Return the figures of both, medians over `rounds` rounds in turn."""
    load_before = os.getloadavg()[0]
    with served(deck) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
        ours, theirs = [], []
        for number in range(rounds):
            ours.append(_round(browser, f"{address}/page/ours.html", POINTS, glide=True))
            theirs.append(_round(browser, f"{address}/page/deck.html", POINTS, glide=False))
            pair = f"{ours[-1]['frames_per_s']:.1f}, {theirs[-1]['frames_per_s']:.1f}"
            print(f"round {number + 1}: {pair} frames/s")
        many = _round(browser, f"{address}/page/ours.html", MANY_POINTS, glide=False)
        version = browser.version
        browser.close()
    mine, peer = _medians(ours), _medians(theirs)
    return {
        "points": POINTS,
        "viewport": VIEWPORT,
        **mine,
        **{f"peer_{name}": value for name, value in peer.items()},
        "ratio": round(mine["frames_per_s"] / peer["frames_per_s"], 2),
        "everything_drawn": all(one["complete"] for one in ours),
        "million": _medians([many]),
        "rounds": rounds,
        "frames_per_s_of_each_round": [round(one["frames_per_s"], 1) for one in ours],
        "peer_frames_per_s_of_each_round": [round(one["frames_per_s"], 1) for one in theirs],
        "browser": f"Chromium {version}, {' '.join(ARGUMENTS[1:])}, headless",
        "peer": f"deck.gl {_version(deck)} ScatterplotLayer",
        # what else the machine was busy with, before this began
        "load_average_before": round(load_before, 1),
    }


def _round(browser: Browser, address: str, points: int, *, glide: bool) -> dict[str, Any]:
    page: Page = browser.new_page(viewport=VIEWPORT)
    page.set_default_timeout(180_000)
    page.goto(address)
    page.wait_for_function("window.benchmark")
    figures: dict[str, Any] = page.evaluate("points => benchmark.load(points)", points)
    figures |= page.evaluate("ms => benchmark.move(ms)", MOTION_MS)
    if glide:
        figures |= page.evaluate("ms => benchmark.glide(ms)", GLIDE_MS)
    page.close()
    return figures


def _medians(rounds: list[dict[str, Any]]) -> dict[str, float]:
    names = [name for name in rounds[0] if name.endswith(("_ms", "_s", "_p95", "_max"))]
    return {name: round(statistics.median(one[name] for one in rounds), 1) for name in names}


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def _version(deck: Path) -> str:
    package = deck.parent / "package.json"
    if package.exists():
        return str(json.loads(package.read_text())["version"])
    found = re.search(r'VERSION\s*=\s*"([\d.]+)"', deck.read_text())
    return found[1] if found else "unknown"


@contextmanager
def served(deck: Path) -> Iterator[str]:
    """Serve both pages, the project's static files and deck.gl on this machine."""
    handler = partial(_Handler, deck)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, deck: Path, *arguments: Any) -> None:
        self.deck = deck
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with one of the known files."""
        folder, _, name = self.path.lstrip("/").partition("/")
        file = {"page": HERE, "static": STATIC}.get(folder, HERE) / name
        if self.path == "/deck.js":
            file = self.deck
        if not file.is_file() or ".." in name:
            self.send_error(404)
            return
        data = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deck", type=Path, required=True, help="dist.min.js of the npm package deck.gl")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.deck.is_file():
        parser.error(f"{arguments.deck} is not a file: run `npm install deck.gl` and name its dist.min.js")
    before = load()
    figures = measure(arguments.deck, arguments.rounds)
    print(json.dumps(figures, indent=1))
    print(f"kept in {keep('map', figures, before)}")


if __name__ == "__main__":
    main()
