"""What nobody expects is refused in words: JSON below /api/, a page elsewhere, and never a 500."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_started
from django.db import close_old_connections
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from gallery.api.errors import refusal
from gallery.models import Dataset
from tests.conftest import image_bytes
from tests.support.web_application import application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("collected_static_files")]

SEARCH = "/api/v1/search/"
PAGES = ("/live/", "/datasets/", "/jobs/", "/", "/compare/", "/media/images/1.png", "/healthz", "/nothing/")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get")


@pytest.fixture
def staff(client: Client) -> Client:
    """Return a client signed in as staff, whose password nobody had to digest."""
    user = User.objects.create(username="staff", is_staff=True, is_superuser=True)
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


def error_of(answer: Any, *statuses: int) -> str:
    """Return the words of an error, which is JSON of one form."""
    assert answer.status_code in statuses, (answer.status_code, answer.content[:300])
    assert answer["Content-Type"] == "application/json"
    ((key, error),) = answer.json().items()
    assert key == "error"
    assert set(error) == {"code", "detail"}
    assert error["code"]
    return str(error["detail"])


def api_addresses(numbers: dict[str, int]) -> list[str]:
    """Return an address of every pattern of the resolver below /api/."""

    def walk(patterns: list[Any], before: str) -> Iterator[str]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, route)
            elif isinstance(one, URLPattern):
                yield route

    found = []
    for route in walk(get_resolver().url_patterns, "/"):
        if route.startswith("/api/v1/"):
            for name, value in (("(?P<slug>[^/.]+)", "mine"), ("<str:name>", "efficientnet-lite0"),
                                ("<str:layer>", "top"), ("(?P<pk>[0-9]{1,18})", "1"),
                                ("(?P<pk>[^/.]+)", str(numbers["image"]))):  # fmt: skip
                route = route.replace(name, value)
            found.append(route.replace("^", "").replace("$", "").replace("\\", ""))
    return found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "address", ["/api/v1/nonsense/", "/api/", "/api/v1", "/api/v2/x?y=%ff", "/api/v1/datasets"]
)
def test_a_wrong_address_of_the_api_is_not_found_by_any_method(method: str, address: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.generic(
        method, address, b"{}", content_type="application/json", HTTP_AUTHORIZATION="Token x"
    )
    if method == "HEAD":
        assert answer.status_code == 404
    else:
        assert "nothing at this address" in error_of(answer, 404)


def test_options_of_every_address_is_json(client: Client, staff: Client, numbers: dict[str, int]) -> None:
    addresses = api_addresses(numbers)
    assert len(addresses) > 25
    for address in addresses:
        for who in (client, staff):
            for accepted in ("*/*", "application/octet-stream", "text/csv"):
                answer = who.options(address, HTTP_ACCEPT=accepted)
                assert answer.status_code in (200, 401, 403, 404, 406), (address, answer.content)
                assert answer["Content-Type"] == "application/json", address
                answer.json()


def test_no_method_of_any_address_ends_in_a_defect(staff: Client, numbers: dict[str, int]) -> None:
    for address in api_addresses(numbers):
        for method in ("PUT", "TRACE", "PROPFIND"):
            error_of(staff.generic(method, address), 405)


BODIES = {
    "nested a thousand deep": b'{"image": ' * 1_000 + b"1" + b"}" * 1_000,
    "nested a hundred thousand deep": b"[" * 100_000,
    "nested lists within": b'{"image": ' + b"[" * 900 + b"]" * 900 + b"}",
    "NUL": b'{"dataset": "a\\u0000b", "image": 1}',
    "NUL in a name": b'{"a\\u0000b": 1, "image": 1}',
    "half a character": b'{"dataset": "\\ud800", "image": 1}',
    "half a character within": b'{"image": 1, "x": [{"y": "\\udfff"}]}',
    "65 bits": b'{"image": 18446744073709551616}',
    "many digits": b'{"image": ' + b"9" * 5_000 + b"}",
    "beyond floats": b'{"image": 1e999}',
    "no number": b'{"image": NaN}',
    "not UTF-8": b'{"dataset": "\xff"}',
    "UTF-16": '{"image": 1}'.encode("utf-16"),
    "no object": b"[1, 2]",
    "a text": b'"image"',
    "nothing": b"null",
    "half": b'{"image": ',
    "empty": b"",
}  # fmt: skip
POSTED = (
    SEARCH,
    "/api/v1/datasets/",
    "/api/v1/datasets/from-images/",
    "/api/v1/experiments/",
    "/api/v1/projections/",
    "/api/v1/jobs/{job}/failed-files/retry/",
)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_cannot_be_stored_is_refused_everywhere(
    staff: Client, numbers: dict[str, int], body: str
) -> None:
    for address in POSTED:
        address = address.format(**numbers)
        answer = staff.post(address, BODIES[body], content_type="application/json")
        if body == "empty" and "retry" in address:
            assert answer.status_code < 500
        elif answer.status_code >= 400 or body not in ("65 bits", "beyond floats"):
            error_of(answer, 400, 409)


TYPES = (
    "application/json; charset=rot13", "application/json; charset=hex", "application/json; charset=idna",
    "text/plain; charset=zlib", "application/x-www-form-urlencoded; charset=utf-16", "nonsense", "",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xe9",
    "multipart/form-data; boundary=x; charset=punycode", "application/octet-stream", "application/json;;;=;",
    "application/json; charset=latin1", "application/json; charset*=bogus''x",
    "a/b; charset*0=rot; charset*1=13",
)  # fmt: skip


def ask_the_server(method: str, address: str, body: str = '{"image": 1}', **environ: str) -> Any:
    """Ask the application that a web server runs, which sees a request before Django does."""
    said: list[Any] = []
    given = RequestFactory().get(address).environ | {"REQUEST_METHOD": method, **environ}
    given |= {"wsgi.input": io.BytesIO(body.encode()), "CONTENT_LENGTH": str(len(body.encode()))}

    def begin(*words: Any) -> Callable[[bytes], object]:
        said.extend(words)
        return bytes

    # as the test client does: connections of a test's transaction stay open
    request_started.disconnect(close_old_connections)
    try:
        parts = application()(given, begin)
    finally:
        request_started.connect(close_old_connections)
    content = b"".join(parts)
    answer: Any = HttpResponse(content, status=int(said[0].split()[0]), headers=dict(said[1]))
    answer.json = lambda: json.loads(content)
    return answer


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("query", ["x=%ff", "&".join(["a=1"] * 1_001)])
def test_a_content_type_that_is_not_read_is_refused(
    collected_static_files: None, kind: str, query: str
) -> None:
    ask = partial(ask_the_server, CONTENT_TYPE=kind, QUERY_STRING=query)
    for address in (SEARCH, "/api/v1/nothing/"):
        error_of(ask("POST", address), 400, 404, 415)
    for page in ("/live/", "/accounts/sign-in/"):
        assert ask("GET", page).status_code in (200, 400, 415)


def test_json_in_utf_8_is_read_however_the_charset_is_written(dataset: Dataset) -> None:
    for kind in ("application/json; charset=UTF-8", 'application/json;charset="utf8"', "application/json"):
        answer = ask_the_server("POST", SEARCH, '{"label": "Bäume", "image": 1}', CONTENT_TYPE=kind)
        assert "no image 1" in error_of(answer, 404)


@pytest.mark.parametrize(
    "accepted", ["image/png", "application/json; q*=bogus''1", "text/csv", ";", "a/b;c*=x''%ff"]
)
def test_an_accept_header_that_cannot_be_met_is_refused(client: Client, accepted: str) -> None:
    for address in ("/api/v1/datasets/", "/api/v1/models/", "/api/v1/nothing/"):
        error_of(client.get(address, HTTP_ACCEPT=accepted), 404, 406)


def multipart(*parts: bytes, boundary: bytes = b"x") -> bytes:
    """Return a form of parts, each with its headers."""
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    )


FORMS = {
    "no end": b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc",
    "no parts": b"--x--\r\n",
    "garbage": b"\x00\xff" * 100,
    "unknown encoding": multipart(b"Content-Disposition: form-data; name*=bogus''x\r\n\r\n1"),
    "bad base64": multipart(
        b"Content-Disposition: form-data; name=\"image\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!"
    ),
    "NUL": multipart(b"Content-Disposition: form-data; name=\"dataset\"\r\n\r\na\x00b"),
    "NUL in a name": multipart(b"Content-Disposition: form-data; name=\"a\x00b\"\r\n\r\n1"),
    "many fields": multipart(*[b"Content-Disposition: form-data; name=\"image\"\r\n\r\n1"] * 1_001),
    "many files": multipart(*[b"Content-Disposition: form-data; name=a; filename=\"a\"\r\n\r\n1"] * 101),
    "a long field": multipart(b"Content-Disposition: form-data; name=\"url\"\r\n\r\n" + b"1" * 2**21),
    "a long header": multipart(b"Content-Disposition: form-data; name=\"" + b"a" * 20_000 + b"\"\r\n\r\n1"),
    "a part in no charset": multipart(
        b"Content-Disposition: form-data; name=\"image\"\r\nContent-Type: text/plain; charset=rot13\r\n\r\n1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_broken_form_is_refused(staff: Client, dataset: Dataset, form: str) -> None:
    for address in (SEARCH, "/api/v1/images/", "/api/v1/datasets/mine/upload/"):
        answer = staff.post(address, FORMS[form], content_type="multipart/form-data; boundary=x")
        error_of(answer, 400, 404, 409, 413)
    page = staff.post("/accounts/sign-in/", FORMS[form], content_type="multipart/form-data; boundary=x")
    assert page.status_code in (200, 302, 400, 413)


def test_a_body_is_not_read_beyond_the_limit(client: Client) -> None:
    long = b'{"dataset": "' + b"x" * 2**21 + b'"}'
    assert "larger" in error_of(client.post(SEARCH, long, content_type="application/json"), 413)
    form = b"dataset=" + b"x" * 2**21
    kind = "application/x-www-form-urlencoded"
    assert "larger" in error_of(client.post(SEARCH, form, content_type=kind), 413)
    assert error_of(client.post(SEARCH, b"&".join([b"a=1"] * 1_001), content_type=kind), 400)


def test_nul_in_an_address_is_refused_by_the_api_and_finds_nothing_on_pages(
    staff: Client, numbers: dict[str, int]
) -> None:
    for address in (*api_addresses(numbers), "/api/v1/nothing/"):
        error_of(staff.get(f"{address}?dataset=a%00b"), 400)
    for page in PAGES:
        assert staff.get(f"{page}?category=%00&after=1:a%00b").status_code == staff.get(page).status_code
    for page in ("/datasets/a%00b/", "/media/images/a%00.png", "/%00"):
        assert staff.get(page).status_code == 404
    error_of(staff.get("/api/v1/datasets/a%00b/"), 400)


@pytest.mark.parametrize("number", ["99999999999999999999", "9" * 400, "-1", "1e5", "%ED%A0%80", "１", "nan"])
def test_a_number_that_is_none_leads_nowhere(staff: Client, numbers: dict[str, int], number: str) -> None:
    for path in ("images", "jobs", "experiments", "projections", "indexes", "datasets"):
        error_of(staff.get(f"/api/v1/{path}/{number}/"), 404)
        for field in ("cursor", "page_size", "ids", "image", "dataset", "state", "label"):
            answer = staff.get(f"/api/v1/{path}/?{field}={number}")
            assert answer.status_code < 500


def test_a_form_of_another_site_is_refused_in_the_form_of_the_address() -> None:
    strict = Client(enforce_csrf_checks=True)
    page = strict.post("/accounts/sign-in/", {"username": "a", "password": "b"})
    assert page.status_code == 403
    assert "<h1>" in page.content.decode()
    assert "form did not come" in page.content.decode()


def test_an_unknown_host_gets_the_form_of_the_address(client: Client) -> None:
    error_of(client.get("/api/v1/datasets/", HTTP_HOST="elsewhere.example"), 400)
    page = client.get("/live/", HTTP_HOST="elsewhere.example")
    assert page.status_code == 400
    assert "elsewhere.example" not in page.content.decode()
    assert "<h1>This request cannot be read</h1>" in page.content.decode()


@pytest.mark.parametrize("page", ["/live/", "/datasets/", "/jobs/", "/media/images/1.png"])
def test_a_page_that_takes_no_such_method_says_so_on_a_page(client: Client, page: str) -> None:
    answer = client.post(page)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
    assert "does not take POST" in answer.content.decode()


def test_a_defect_has_a_number_that_stands_in_the_log_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.raise_request_exception = False

    def broken(*_: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("search.features.answers.model_answers", broken)
    monkeypatch.setattr("search.views.all_sources", broken)
    with caplog.at_level(logging.ERROR):
        said = error_of(client.get("/api/v1/models/"), 500)
        page = client.get("/live/")
    assert page.status_code == 500
    for text in (said, page.content.decode()):
        assert "secret" not in text
        assert "Traceback" not in text
    ours = [record for record in caplog.records if record.name == "semsearch_site.http.error_pages"]
    assert len(ours) == 2
    first, second = (str(record.args[0]) for record in ours if isinstance(record.args, tuple))
    assert first in said
    assert second in page.content.decode()
    assert all(record.exc_info for record in ours)


def test_what_is_refused_does_not_name_folders_of_the_server() -> None:
    words = "The joined path (/var/lib/semsearch/x) is located outside of the base path"
    status, answer = refusal(SuspiciousFileOperation(words)) or (0, None)
    assert status == 400
    assert answer
    assert "/var" not in answer["error"]["detail"]


def test_ordinary_requests_still_pass(staff: Client, dataset: Dataset) -> None:
    file = SimpleUploadedFile("ä b.png", image_bytes(1))
    answer = staff.post("/api/v1/images/", {"file": file, "dataset": "mine", "label": "Bäume 🌳"})
    assert answer.status_code == 201
    assert answer.json()["image"]["label"] == "Bäume 🌳"
    assert staff.post("/api/v1/search/", {"file": io.BytesIO(b"no image")}).status_code == 415


def test_an_unknown_name_of_the_site_is_said_with_the_setting(client: Client) -> None:
    for host in ("192.168.1.7:8000", "nas.local", "[fe80::1]:80", "<b>", "a" * 400, "a_b c", ""):
        page = client.get("/datasets/", HTTP_HOST=host)
        assert page.status_code == 400
        assert "This site is not known by this name." in page.text
        assert "setting ALLOWED_HOSTS" in page.text
        assert 'class="top"' in page.text  # as any page of the site
        for answer in (
            client.get("/api/v1/datasets/", HTTP_HOST=host),
            client.post("/api/v1/search/", HTTP_HOST=host),
        ):
            assert "setting ALLOWED_HOSTS" in error_of(answer, 400)
