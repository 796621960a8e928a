"""What the REST interface refuses: always as JSON of one form, and always with the name of what is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.views import APIView

from gallery.access.routes import routes
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.api.strict import KnownParameters
from gallery.models import Dataset
from tests.conftest import image_bytes
from tests.gallery.test_api import upload
from tests.support.rates import forget_hits

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE")
ADDRESSES = (
    "/api", "/api/", "/api/v1/", "/api/v1/nonsense/", "/api/v1/datasets", "/api/v1/images/abc/",
    "/api/v1/images/1/x/", "/api/v2/datasets/", "/api/v1/datasets/none/", "/api/v1/jobs/9999999999999999999/",
    "/api/v1/%ff%fe/", "/api/v1/search", "/api/v1//datasets/", "/api/v1/datasets/../../admin/",
    "/api/v1/models/a/layers/b/", "/api/v1/" + "a/" * 500,
)  # fmt: skip
BODIES = (
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"a":' * 40 + b"1" + b"}" * 40),
    ("application/json", b"[]"),
    ("application/json", b'"' + b"x" * (3 * 2**20) + b'"'),
    ("text/plain", b"x"),
    ("multipart/form-data; boundary=x", b"--x"),
    ("multipart/form-data", b"--x"),
    ("application/x-www-form-urlencoded", b"a=%00&%ff=1"),
)


def asking(scopes: type[Scope] | None = None) -> Client:
    """Return a client that is checked for CSRF as browsers are, with a token of somebody who may do all."""
    user = User.objects.create_superuser("machine")
    text = tokens.make_token(user, "machine", scopes or Scope)[1]
    return Client(
        enforce_csrf_checks=True, raise_request_exception=False, headers={"Authorization": f"Token {text}"}
    )


def problem(response: Any) -> str:
    """Return what is wrong with the form of an error, nothing where it is right."""
    if response.headers.get("Content-Type") != "application/json":
        return f"{response.status_code} {response.headers.get('Content-Type')}"
    error = json.loads(response.content).get("error", {})
    return "" if {"code", "detail"} <= set(error) and error["detail"] else str(response.content[:200])


@pytest.mark.parametrize("with_token", [False, True], ids=["stranger", "token"])
def test_every_method_at_every_wrong_address_is_answered_with_json(with_token: bool) -> None:
    client = asking() if with_token else Client(enforce_csrf_checks=True)
    wrong = []
    for address in ADDRESSES:
        for method in METHODS:
            response = client.generic(method, address)
            unknown = response.status_code in (401, 403, 404, 405) or method == "OPTIONS"
            if not unknown or (response.status_code >= 400 and problem(response)):
                wrong.append(f"{method} {address[:60]}: {response.status_code} {problem(response)}")
    assert wrong == []


def test_a_wrong_address_is_unknown_by_whatever_method_it_is_asked() -> None:
    client = asking()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        response = client.generic(method, "/api/v1/nonsense/", b"{}", content_type="application/json")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert "slash" in client.post("/api/v1/search").json()["error"]["detail"]


def addresses_of_operations(*methods: str) -> Iterator[tuple[str, str]]:
    """Yield each address of the interface with each of these methods, or with each that sends something."""
    for route in routes():
        if route.methods and route.address.startswith("api/v1/"):
            address = "/" + route.address.replace("^", "").replace("$", "").replace("\\.", ".")
            for name, value in (("<slug:slug>", "none"), ("<str:name>", "x"), ("<str:layer>", "x")):
                address = address.replace(name, value)
            while "(?P<" in address:
                start = address.index("(?P<")
                address = address[:start] + "1" + address[address.index(")", start) + 1 :]
            for method in sorted(route.methods & set(methods or ("POST", "PATCH", "PUT", "DELETE"))):
                yield method, address


def test_every_body_that_cannot_be_used_is_answered_with_json() -> None:
    client = asking()
    asked, wrong = 0, []
    for method, address in addresses_of_operations():
        for kind, body in BODIES:
            response = client.generic(method, address, body, content_type=kind)
            asked += 1
            if response.status_code >= 500 or (response.status_code >= 400 and problem(response)):
                wrong.append(
                    f"{method} {address} {kind} {body[:20]!r}: {response.status_code} {problem(response)}"
                )
    assert wrong == []
    assert asked > 150


def test_every_address_refuses_a_parameter_that_it_does_not_know() -> None:
    client = asking()
    wrong = []
    for method, address in (*addresses_of_operations("GET"), *addresses_of_operations()):
        response = client.generic(method, f"{address}?nonsense=1")
        if response.status_code != 400 or "nonsense" not in response.json()["error"]["detail"]:
            wrong.append(f"{method} {address}: {response.status_code}")
    # one's own tokens are none of a token's business
    assert [one for one in wrong if "/tokens/" not in one] == []


def test_every_view_of_the_interface_knows_its_parameters() -> None:
    views = {route.view.cls for route in routes() if route.methods and route.address.startswith("api/v1/")}  # type: ignore[attr-defined]
    assert [view.__name__ for view in views if not issubclass(view, KnownParameters)] == []
    assert all(issubclass(view, APIView) for view in views)


@pytest.mark.parametrize(
    ("method", "address", "body", "wrong"),
    [
        ("post", "/api/v1/datasets/", {"slug": "new", "name": "New", "nam": "x"}, "nam"),
        ("post", "/api/v1/datasets/", {"slug": "new", "name": "New", "images": 3}, "images"),
        ("patch", "/api/v1/datasets/mine/", {"nonsense": 1}, "nonsense"),
        ("patch", "/api/v1/images/?dataset=mine", {"label": "x", "nonsense": 1}, "nonsense"),
        ("post", "/api/v1/search/", {"image": 1, "datasets": "mine"}, "datasets"),
        ("post", "/api/v1/search/batch/", {"queries": [{"image": 1, "nonsense": 2}]}, "queries.0.nonsense"),
        ("post", "/api/v1/experiments/", {"dataset": "mine", "model": "x"}, "model"),
        (
            "post",
            "/api/v1/projections/",
            {"dataset": "mine", "parameters": {"neighbors": 3}},
            "parameters.neighbors",
        ),
        (
            "post",
            "/api/v1/datasets/from-images/",
            {"slug": "a", "name": "A", "images": [1], "label": "x"},
            "label",
        ),
        # what would narrow a deletion must not be passed over
        ("delete", "/api/v1/images/?dataset=mine", {"label": "cats"}, "label"),
        ("delete", "/api/v1/datasets/mine/", {"slug": "other"}, "slug"),
    ],
)
def test_a_field_that_nobody_reads_is_refused_by_its_name(
    dataset: Dataset, staff_client: Client, method: str, address: str, body: dict[str, Any], wrong: str
) -> None:
    response = staff_client.generic(
        method.upper(), address, json.dumps(body), content_type="application/json"
    )
    assert response.status_code == 400, response.content
    assert wrong in response.json()["error"]["detail"]


def test_fields_of_forms_are_looked_at_too(dataset: Dataset, staff_client: Client) -> None:
    sent = {"file": upload(image_bytes(1)), "dataset": "mine", "lable": "cats"}
    response = staff_client.post("/api/v1/images/", sent)
    assert (response.status_code, dataset.images.count()) == (400, 0)
    assert "lable" in response.json()["error"]["detail"]


@pytest.mark.parametrize("query", ["page_size=x", "page_size=0", "page_size=-1", "page_size=", "state=x"])
def test_a_parameter_of_a_value_that_cannot_be_is_refused_by_its_name(client: Client, query: str) -> None:
    response = client.get(f"/api/v1/jobs/?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["error"]["detail"]
    assert client.get("/api/v1/jobs/?page_size=9999").status_code == 200


def test_a_compressed_body_is_refused_for_what_it_is(client: Client) -> None:
    body, kind = gzip.compress(b"{}"), "application/json"
    response = client.post("/api/v1/search/", body, content_type=kind, headers={"Content-Encoding": "gzip"})
    assert (response.status_code, "uncompressed" in response.json()["error"]["detail"]) == (415, True)


def test_who_asks_too_often_is_told_when_to_come_again(settings: Any, client: Client) -> None:
    settings.SEARCH_THROTTLE = "1/min"
    forget_hits()
    answers = [
        client.post("/api/v1/search/", b"{}", content_type="application/json"),
        client.post("/api/v1/search/", b"{}", content_type="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [400, 429]
    assert int(answers[1]["Retry-After"]) >= 1
    assert answers[1].json()["error"]["code"] == "throttled"
