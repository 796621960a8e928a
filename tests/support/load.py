"""Eight clients that search, add, delete, restore, relabel, rebuild, promote and compute, as people would.

`Load` asks a running site for some time and notes each answer; whoever runs it looks whether one was an error
of the server, a job failed, a process grew, or anything disagrees.
"""

from __future__ import annotations

import http.cookiejar
import random
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

import psutil

from tests.conftest import image_bytes
from tests.support.site import RunningSite, manage, rows, running_on

CLIENTS = 8
DATASETS = 4
NETWORK = "colour-histogram"
IN_A_ZIP = 12
OF_A_REBUILD, OF_A_LABEL = 0.01, 0.3
OF_A_RESTORE = 0.7  # of what lies in the bin; the rest is removed for good
USER, PASSWORD = "staff", "a long password"
# nobody is refused for asking often: what is meant is the work
UNTHROTTLED = {"SEARCH_THROTTLE": "100000/s", "UPLOAD_THROTTLE": "100000/s", "READ_THROTTLE": "100000/s"}
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
API = "/api/v1"


class Staff:
    """A member of staff in the admin, as a browser has it: with cookies and forms."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        assert self.send("/accounts/sign-in/", username=USER, password=PASSWORD) == 200

    def send(self, path: str, **fields: str) -> int:
        """Open a page with a form, fill it in and send it; returns the status."""
        try:
            with self._opener.open(self._base + path, timeout=120) as page:
                token = CSRF.search(page.read().decode())
            if token is None:  # the admin leads elsewhere from what is not there
                return 404
            content = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
            with self._opener.open(self._base + path, content, timeout=120) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@dataclass
class Load:
    """The clients and what they were answered: how often, by what they did and by status."""

    site: RunningSite
    seconds: float
    seed: int = 1
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=dict)

    def run(self) -> None:
        """Ask until the time is over; memory in bytes is noted after a third of it and at the end."""
        self._until = time.monotonic() + self.seconds
        self._staff = Staff(self.site.port)
        for number in range(DATASETS):
            self._new_dataset(f"at-first-{number}")
        clients = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(self.seconds / 3)
        self._note_memory()
        for client in clients:
            client.join()
        self._note_memory()

    def failures(self) -> list[str]:
        """Return every answer that was an error of the server, and every job that failed."""
        found = [
            f"{what}: {status}, {n} times" for (what, status), n in self.answers.items() if status >= 500
        ]
        failed = rows(self.site.home, "SELECT id, kind, error FROM gallery_job WHERE state = 'failed'")
        return found + self.errors + [f"job {pk} ({kind}): {error}" for pk, kind, error in failed]

    def growth(self) -> dict[str, float]:
        """Return by how much each process grew from the first note to the last, as a share."""
        return {name: sizes[-1] / sizes[0] - 1 for name, sizes in self.memory.items() if len(sizes) > 1}

    def settle(self, within_s: float) -> None:
        """Wait until no job is left to do. Raises: AssertionError."""
        until = time.monotonic() + within_s
        active = "SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')"
        while rows(self.site.home, active)[0][0]:
            assert time.monotonic() < until, "jobs are left to do"
            time.sleep(0.2)

    def _note_memory(self) -> None:
        for process in running_on(self.site.home):
            try:
                size = process.memory_info().rss
                self.memory.setdefault(f"{process.name()} {process.pid}", []).append(size)
            except psutil.Error:
                continue

    def _ask(self, number: int) -> None:
        drawn = random.Random(self.seed * 1000 + number)
        actions: dict[Callable[[random.Random], int], int] = {
            self._search: 40,
            self._search_by_image: 20,
            self._add: 25,
            self._upload: 4,
            self._delete_image: 15,
            self._delete_dataset: 2,
            self._undelete: 6,
            self._experiment: 2,
            self._map: 2,
            self._promote: 2,
            self._browse: 10,
        }
        choices, weights = list(actions), list(actions.values())
        while time.monotonic() < self._until:
            action = drawn.choices(choices, weights)[0]
            try:
                # a process that starts, and the one browser: each is for one client
                if number == 0 and drawn.random() < OF_A_REBUILD:
                    self._rebuild()
                elif number == 1 and drawn.random() < OF_A_LABEL:
                    self._note("relabel", self._relabel(drawn))
                else:
                    self._note(action.__name__.strip("_"), action(drawn))
            except Exception as error:
                self.errors.append(f"{action.__name__}: {type(error).__name__}: {error}")

    def _note(self, what: str, status: int) -> None:
        self.answers[what, status] += 1

    def _dataset(self, drawn: random.Random) -> str:
        listed = self.site.get(f"{API}/datasets/")[1]["results"]
        return str(drawn.choice(listed)["slug"]) if listed else "none"

    def _image(self, drawn: random.Random) -> int:
        listed = self.site.get(f"{API}/images/?dataset={self._dataset(drawn)}")[1]["results"]
        return int(drawn.choice(listed)["id"]) if listed else 1

    def _search(self, drawn: random.Random) -> int:
        image = image_bytes(drawn.randrange(10**6))
        return self.site.post(f"{API}/search/", ("query.png", image), k=5)[0]

    def _search_by_image(self, drawn: random.Random) -> int:
        return self.site.post(f"{API}/search/", image=self._image(drawn), k=5)[0]

    def _add(self, drawn: random.Random) -> int:
        number = drawn.randrange(10**9)
        fields = {"dataset": self._dataset(drawn), "label": f"label{number % 5}"}
        return self.site.post(f"{API}/images/", (f"{number}.png", image_bytes(number)), **fields)[0]

    def _upload(self, drawn: random.Random) -> int:
        content = BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for number in range(IN_A_ZIP):
                archive.writestr(f"label{number % 5}/{number}.png", image_bytes(drawn.randrange(10**9)))
        path = f"{API}/datasets/{self._dataset(drawn)}/upload/"
        return self.site.post(path, ("some.zip", content.getvalue()))[0]

    def _delete_image(self, drawn: random.Random) -> int:
        return self.site.delete(f"{API}/images/{self._image(drawn)}/")

    def _delete_dataset(self, drawn: random.Random) -> int:
        status = self.site.delete(f"{API}/datasets/{self._dataset(drawn)}/")
        self._new_dataset(f"instead-{drawn.randrange(10**9)}")
        return status

    def _undelete(self, drawn: random.Random) -> int:
        kind = drawn.choice(("images", "images", "datasets"))
        listed = self.site.get(f"{API}/bin/{kind}/")[1]["results"]
        path = f"{API}/bin/{kind}/{drawn.choice(listed)['id'] if listed else 1}/"
        return (
            self.site.post(f"{path}restore/")[0] if drawn.random() < OF_A_RESTORE else self.site.delete(path)
        )

    def _new_dataset(self, slug: str) -> None:
        self._note("new dataset", self.site.post(f"{API}/datasets/", slug=slug, name=slug)[0])

    def _experiment(self, drawn: random.Random) -> int:
        return self.site.post(f"{API}/experiments/", dataset=self._dataset(drawn), models=[NETWORK])[0]

    def _map(self, drawn: random.Random) -> int:
        dataset = self._dataset(drawn)
        return self.site.post(f"{API}/projections/", dataset=dataset, models=[NETWORK], method="pca")[0]

    def _promote(self, drawn: random.Random) -> int:
        listed = self.site.get(f"{API}/experiments/?metric=cosine")[1]["results"]
        if not listed:
            return 200
        return self.site.post(f"{API}/experiments/{drawn.choice(listed)['id']}/promote/")[0]

    def _browse(self, drawn: random.Random) -> int:
        dataset = self._dataset(drawn)
        paths = ("/", "/datasets/", f"/datasets/{dataset}/", "/jobs/", "/live/", f"{API}/indexes/", "/readyz")
        return self.site.get(drawn.choice(paths))[0]

    def _relabel(self, drawn: random.Random) -> int:
        path = f"/admin/gallery/image/{self._image(drawn)}/change/"
        return self._staff.send(path, category=f"label{drawn.randrange(5)}", _save="Save")

    def _rebuild(self) -> None:
        manage(self.site.home, "rebuild_index")
        self._note("rebuild", 200)
