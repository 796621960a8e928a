"""What our Python client is made of, without a site."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any

import httpx
import numpy as np
import pytest
import semsearch_client as ss
from drf_spectacular.generators import SchemaGenerator
from PIL import Image
from semsearch_client import archives, batches, images, rows
from semsearch_client.calls import OPERATIONS

from gallery.version import VERSION

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
KINDS = {int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object"}


def test_the_client_that_waits_is_made_of_the_other_and_has_the_servers_version() -> None:
    done = subprocess.run(
        [sys.executable, CLIENT / "make_sync.py", "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ss.__version__ == VERSION
    assert not [name for name in ss.__all__ if not hasattr(ss, name)]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return typing.cast(dict[str, Any], SchemaGenerator().get_schema(request=None, public=True))


def test_every_operation_is_where_the_schema_has_it(schema: dict[str, Any]) -> None:
    for name, operation in OPERATIONS.items():
        assert schema["paths"][operation.path][operation.method.lower()]["operationId"] == name


@pytest.mark.parametrize("row", rows.Fields.__subclasses__(), ids=lambda row: str(row.SCHEMA))
def test_every_field_of_a_row_is_one_of_the_schema(row: type[rows.Fields], schema: dict[str, Any]) -> None:
    described = schema["components"]["schemas"][row.SCHEMA]
    for name, hint in typing.get_type_hints(row).items():
        if name == "SCHEMA":
            continue
        property_ = described["properties"][name]
        alternatives = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
        kinds = {typing.get_origin(one) or one for one in alternatives}
        assert (type(None) in kinds) == bool(property_.get("nullable")), name
        # what is described elsewhere is an enumeration or an object
        if "type" in property_:
            assert property_["type"] in {KINDS[one] for one in kinds if one is not type(None)}, name


def test_the_fields_of_an_answer_that_nobody_knows_are_left_out() -> None:
    values = {"id": 1, "name": "a", "code": "b", "reason": "c", "novelty": 3}
    assert ss.FailedFile.of(values).as_dict() == {"id": 1, "name": "a", "code": "b", "reason": "c"}


def asked(answers: list[httpx.Response | Exception], call: Callable[[ss.Client], object]) -> list[str]:
    """Return the methods that were sent until a call ended; raises what it raised."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        found = answers[min(len(sent), len(answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    with ss.Client("http://site/x", retries=2, transport=httpx.MockTransport(answer)) as client:
        call(client)
    return sent


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that are made, which take no time."""
    made: list[float] = []
    monkeypatch.setattr("semsearch_client._sync.sender.time.sleep", made.append)
    return made


def refused(status: int, retry_after: str = "") -> httpx.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    error = {"error": {"code": "why", "detail": "Do this.", "image": 7}}
    return httpx.Response(status, json=error, headers=headers | {"X-Request-ID": "abc"})


EMPTY = {"hits": [], "searched": 0, "has_next": False, "timings_ms": {}}
FOUND = httpx.Response(200, json=EMPTY)
READS: Callable[[ss.Client], object] = lambda client: client.search(3)  # noqa: E731
WRITES: Callable[[ss.Client], object] = lambda client: client.create_dataset("new")  # noqa: E731


@pytest.mark.parametrize(
    ("first", "call", "made"),
    [
        (refused(429, "3"), READS, [3.0]),
        (refused(503, "2"), READS, [2.0]),
        (refused(503), READS, [0.5]),
        (refused(502), READS, [0.5]),
        (httpx.ReadTimeout("late"), READS, [0.5]),
        (refused(429, "3"), WRITES, [3.0]),
        (refused(503, "2"), WRITES, [2.0]),
        (httpx.ConnectError("no"), WRITES, [0.5]),
    ],
)
def test_what_may_be_asked_again_is(
    first: httpx.Response | Exception,
    call: Callable[[ss.Client], object],
    made: list[float],
    pauses: list[float],
) -> None:
    assert len(asked([first, FOUND], call)) == 2
    assert pauses == made


@pytest.mark.parametrize(
    ("first", "call", "kind"),
    [
        (refused(503), WRITES, ss.Unavailable),
        (refused(502), WRITES, ss.Unavailable),
        (httpx.ReadTimeout("late"), WRITES, ss.Unavailable),
        (refused(500), READS, ss.Unavailable),
        (refused(400), READS, ss.Refused),
        (refused(404), READS, ss.NotFound),
        (refused(429, "3600"), READS, ss.Throttled),
    ],
)
def test_what_may_not_be_asked_again_is_not(
    first: httpx.Response | Exception,
    call: Callable[[ss.Client], object],
    kind: type[ss.SemsearchError],
    pauses: list[float],
) -> None:
    with pytest.raises(kind) as raised:
        asked([first, FOUND], call)
    assert pauses == []
    if isinstance(first, httpx.Response):
        error = raised.value
        assert (error.status, error.code, error.detail) == (first.status_code, "why", "Do this.")
        assert (error.request_id, error.image) == ("abc", 7)


def test_who_asks_at_another_address_is_told_the_right_one() -> None:
    moved = httpx.Response(301, headers={"Location": "https://site/x/api/v1/search/"})
    with pytest.raises(ss.Refused, match="The site is at https://site/x/"):
        asked([moved], READS)


def test_it_gives_up_after_some_tries(pauses: list[float]) -> None:
    with pytest.raises(ss.Unavailable, match="No answer from http://site/x"):
        asked([httpx.ConnectError("refused")], READS)
    assert pauses == [0.5, 1.0]


def test_a_token_goes_to_the_site_and_to_nobody_else() -> None:
    seen: dict[str, str | None] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[str(request.url)] = request.headers.get("Authorization")
        return httpx.Response(200, json=EMPTY | {"hits": [hit("/x/media/a"), hit("https://bucket/b")]})

    with ss.Client("http://site/x", token="t", transport=httpx.MockTransport(answer)) as client:
        for found in client.search(3):
            found.read()
    assert seen == {
        "http://site/x/api/v1/search/": "Token t",
        "http://site/x/media/a": "Token t",
        "https://bucket/b": None,
    }


def hit(url: str) -> dict[str, Any]:
    words = dict.fromkeys(("dataset", "label", "filename", "sha256", "thumbnail", "page_url"), "")
    return words | {
        "rank": 1,
        "image": 1,
        "score": 0.5,
        "width": 1,
        "height": 1,
        "url": url,
        "external_id": None,
    }


def test_an_array_is_sent_as_the_image_that_it_is() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    for array in (pixels, pixels[:, :, 0], pixels[:, ::-1]):
        assert (np.asarray(Image.open(io.BytesIO(images.as_png(array)))) == array).all()
    cmyk = Image.fromarray(pixels).convert("CMYK")
    file = images.as_file(cmyk).content
    assert isinstance(file, bytes)
    assert Image.open(io.BytesIO(file)).mode == "RGB"


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((0, 4), np.uint8), None, True, 1.5, "nowhere.jpg", object()]
)
def test_what_is_no_image_is_refused_before_anything_is_sent(wrong: Any) -> None:
    with pytest.raises(ss.Refused):
        images.as_query(wrong)


def test_a_library_that_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    found = rows.Rows([], ss.FailedFile)
    for make, extra in ((found.to_pandas, "pandas"), (found.to_polars, "polars"), (found.to_arrow, "arrow")):
        with pytest.raises(ModuleNotFoundError, match=rf"pip install 'semsearch-client\[{extra}\]'"):
            make()


def test_batches_hold_as_many_as_a_server_takes() -> None:
    found = list(batches.batches([{"image": number} for number in range(120)]))
    assert [len(one) for one in found] == [50, 50, 20]
    long = [{"vector": [0.123456] * 50_000} for _ in range(7)]
    assert [len(one) for one in batches.batches(long)] == [2, 2, 2, 1]
    assert max(len(json.dumps({"queries": one})) for one in batches.batches(long)) < 2 * 2**20


def test_a_folder_is_packed_without_hidden_files_and_tells_how_much_is_sent(tmp_path: Path) -> None:
    for name in ("owls/a.png", "owls/.DS_Store", "wrens/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1000)
    told: list[ss.Progress] = []
    with archives.Archive(tmp_path, told.append) as archive:
        while archive.read(500):
            pass
        assert told[-1] == ("sending", archive.size, archive.size)
        archive.seek(0)
        assert sorted(_names(archive)) == ["owls/a.png", "wrens/a.png"]
    with archives.Archive([tmp_path / "owls/a.png", tmp_path / "wrens/a.png"]) as archive:
        assert sorted(_names(archive)) == ["1-a.png", "a.png"]
    with pytest.raises(ss.Refused):
        archives.Archive([])
    with pytest.raises(ss.Refused):
        archives.Archive(tmp_path / "nowhere.zip")


def _names(archive: archives.Archive) -> list[str]:
    import zipfile

    return zipfile.ZipFile(io.BytesIO(archive.read())).namelist()
