"""Takes the pictures of README and documents: from a fixed state, in both themes, into `docs/images/shots`.

`make screenshots` takes them anew and says which changed; `make screenshots CHECK=1` only compares. The state
is the sample data in a home of its own, which the first run prepares. Times that a page shows are replaced by
fixed ones. What is left to chance are fonts: `DIFFERENCE` says how far a picture may be off.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "images" / "shots"
THEMES = ("light", "dark")
SIZE = {"width": 1280, "height": 800}
QUALITY = 82
LARGEST_BYTES = 150_000
# mean difference of a channel, of 255, from which a picture counts as changed: other fonts stay below it
DIFFERENCE = 4.0
START_S = 400.0
WAIT_MS = 180_000
MODEL = "efficientnet-lite2"
DATASET, QUERY = "photos200", "eilean_donan_castle.jpg"
NAMED = """
from gallery.models import Dataset
from search.management.commands.demo import SAMPLES
for one in SAMPLES:
    Dataset.objects.filter(slug=one.slug).update(name=one.name, description=one.description)
"""
STATE = (
    *(
        ("import_dataset", f"sample_data/{name}", "--name", name)
        for name in (DATASET, "objects200", "clipart200")
    ),
    ("shell", "--verbosity", "0", "-c", NAMED),
    ("run_experiments", "--dataset", DATASET),
    ("project_embeddings", "--dataset", DATASET, "--models", MODEL, "--method", "umap"),
)
# what a page shows of this machine, by the key of the answer
FIXED = {
    "extract_ms": 21.0,
    "decode": 2.1,
    "extract": 9.6,
    "search": 0.4,
    "rerank": 0.3,
    "load": 1.2,
    "total": 13.6,
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--hide-scrollbars",
             "--force-color-profile=srgb", "--font-render-hinting=none"]  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the address that is opened, and what is waited for and done before it is taken."""

    name: str
    address: Callable[[dict[str, int]], str]
    settle: Callable[[Page], None]


def _hits(page: Page) -> None:
    page.locator(".hit img").nth(3).wait_for()  # those below the line are folded


def _neighbours(page: Page) -> None:
    page.locator("#neighbours img").nth(4).wait_for()


def _map(page: Page) -> None:
    page.locator("#map[data-layer=top]").wait_for()
    page.locator("#in-view").filter(has_text="of 249").wait_for()


SHOTS = (
    Shot("live", lambda ids: f"/live/?dataset={DATASET}&image={ids[QUERY]}", _hits),
    Shot(
        "explore",
        lambda ids: f"/?dataset={DATASET}&model={MODEL}&layer=top&metric=cosine&image={ids[QUERY]}",
        _neighbours,
    ),
    Shot("map", lambda ids: f"/embeddings/?dataset={DATASET}&model={MODEL}&method=umap&layer=top", _map),
)


def main(arguments: list[str]) -> int:
    """Take or compare all pictures; returns the exit status."""
    home = Path(os.environ.get("SCREENSHOTS_HOME", ROOT / "var" / "screenshots"))
    only_compare = "--check" in arguments
    environment = os.environ | {"SEMSEARCH_HOME": str(home), "READ_THROTTLE": "100000/min"}
    _prepare(home, environment)
    with _site(environment) as address:
        changed = list(_changed(_taken(address), write=not only_compare))
    for name in changed:
        sys.stdout.write(f"{name} {'differs' if only_compare else 'is written'}\n")
    return int(only_compare and bool(changed))


def _prepare(home: Path, environment: dict[str, str]) -> None:
    """Bring the home to the fixed state, unless it is in it."""
    done = home / "screenshots.json"
    if done.exists() and json.loads(done.read_text()) == [list(step) for step in STATE]:
        return
    shutil.rmtree(home, ignore_errors=True)
    for step in STATE:
        subprocess.run([sys.executable, "manage.py", *step], cwd=ROOT, env=environment, check=True)
    done.write_text(json.dumps(STATE))


@contextmanager
def _site(environment: dict[str, str]) -> Iterator[str]:
    """Serve the home while the pictures are taken; gives the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(environment.get("SCREENSHOTS_PORT", "0"))))
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/readyz")
            yield address
        finally:
            process.terminate()


def _wait_for(address: str) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _taken(address: str) -> Iterator[tuple[str, Image.Image]]:
    """Yield the name and the pixels of each picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        ids = _ids(address)
        for theme in THEMES:
            for shot in SHOTS:
                yield f"{shot.name}-{theme}", _take(browser, address, shot, theme, ids)
        browser.close()


def _ids(address: str) -> dict[str, int]:
    """Return the ids of the images by file name."""
    found: dict[str, int] = {}
    following: str | None = f"{address}/api/v1/images/?dataset={DATASET}&page_size=200"
    while following:
        with urllib.request.urlopen(following) as answer:
            page = json.load(answer)
        found |= {Path(image["filename"]).name: image["id"] for image in page["results"]}
        following = page["next"]
    return found


def _take(browser: Browser, address: str, shot: Shot, theme: Any, ids: dict[str, int]) -> Image.Image:
    context = browser.new_context(
        base_url=address, viewport=SIZE, color_scheme=theme, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.route("**/api/v1/**", _with_fixed_times)
    page.goto(shot.address(ids))
    shot.settle(page)
    page.wait_for_load_state("networkidle")
    pixels = page.screenshot(animations="disabled", caret="hide")
    context.close()
    return Image.open(io.BytesIO(pixels)).convert("RGB")


def _with_fixed_times(route: Route) -> None:
    answer = route.fetch()
    if "json" not in answer.headers.get("content-type", ""):
        route.fulfill(response=answer)
        return
    route.fulfill(response=answer, body=json.dumps(_fixed(answer.json())))


def _fixed(value: Any) -> Any:
    """Return the values of an answer with the fixed ones in place of times."""
    if isinstance(value, list):
        return [_fixed(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: FIXED[key] if key in FIXED and isinstance(one, float) else _fixed(one)
        for key, one in value.items()
    }


def _changed(taken: Iterator[tuple[str, Image.Image]], *, write: bool) -> Iterator[str]:
    """Yield the names of pictures that differ from those that are kept, and keep the new ones."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, image in taken:
        file = FOLDER / f"{name}.webp"
        if file.exists() and difference(Image.open(file).convert("RGB"), image) < DIFFERENCE:
            continue
        if write:
            image.save(file, "WEBP", quality=QUALITY, method=6)
            if file.stat().st_size > LARGEST_BYTES:
                raise SystemExit(f"{file} has {file.stat().st_size:,} bytes: lower QUALITY or show less.")
        yield file.name


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, of 255; 255 where their sizes differ."""
    if one.size != other.size:
        return 255.0
    return float(np.abs(np.asarray(one, dtype=np.int16) - np.asarray(other, dtype=np.int16)).mean())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
