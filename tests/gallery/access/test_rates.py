"""Rates: who is counted, exactly as often as a setting says, by all processes together."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gallery.access import rates
from gallery.access.client_address import network
from gallery.access.rate_counters import Counter, Rate, ServerCounter, client_of
from gallery.access.rate_file import SETS, WAYS, FileCounter
from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.checks import check_rates
from gallery.system import outages
from tests.support.rates import forget_hits, running_valkey
from tests.support.site import ROOT

LIMIT = 120
A_MINUTE = Rate(LIMIT, 60)


@dataclass
class SeededClock:
    """A clock that goes when it is told to; seconds."""

    now: float


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    forget_hits()
    yield
    forget_hits()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the socket of a Valkey of this module's own."""
    with running_valkey(tmp_path_factory.mktemp("v")) as (socket, _):
        yield socket


@pytest.fixture(params=["file", "memory", "server"])
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Counter:
    """Return each kind of counter; that of a file that cannot be used counts in memory."""
    if request.param == "server":
        return ServerCounter(client_of(f"unix://{request.getfixturevalue('valkey')}?db=1"))
    (tmp_path / "file").touch()
    counter = FileCounter(tmp_path / ("counts/rates" if request.param == "file" else "file/rates"))
    assert counter.is_shared == (request.param == "file")
    return counter


def passed(counter: Counter, key: str, rate: Rate, times: int) -> int:
    """Return how many of so many hits by as many threads were not refused."""

    def hit(_: int) -> bool:
        found = counter.hit(key, rate)
        assert found is not None
        return not found.refused

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(hit, range(times)))


def test_of_hits_at_once_exactly_as_many_pass_as_may(counter: Counter) -> None:
    assert passed(counter, "one", A_MINUTE, 200) == LIMIT
    assert passed(counter, "other", A_MINUTE, 10) == 10


def test_the_window_moves_on_and_says_when(counter: Counter) -> None:
    rate = Rate(3, 2)
    first = counter.hit("moves", rate)
    assert first is not None
    assert (first.refused, first.left) == (False, 2)
    assert 1.9 < first.reset_s <= 2.0
    assert passed(counter, "moves", rate, 5) == 2
    refused = counter.hit("moves", rate)
    assert refused is not None
    assert refused.refused
    threading.Event().wait(refused.reset_s + 0.05)
    assert passed(counter, "moves", rate, 5) > 0


def test_nothing_passes_where_nothing_may(counter: Counter) -> None:
    assert passed(counter, "closed", Rate(0, 60), 3) == 0


@pytest.mark.parametrize(
    "counter", ["FileCounter(Path(sys.argv[1]))", "ServerCounter(client_of(sys.argv[1]))"]
)
def test_two_processes_have_one_count(counter: str, valkey: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "from gallery.access.rate_counters import Rate, ServerCounter, client_of\n"
        "from gallery.access.rate_file import FileCounter\n"
        f"counter = {counter}\n"
        "with ThreadPoolExecutor(16) as pool:\n"
        f"    hits = list(pool.map(lambda _: counter.hit('both', Rate({LIMIT}, 60)), range(100)))\n"
        "print(sum(not hit.refused for hit in hits))\n"
    )
    where = str(tmp_path / "rates") if counter.startswith("File") else f"unix://{valkey}?db=1"
    command = [sys.executable, "-c", program, where]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert sum(int(words) for words in said) == LIMIT


def test_in_a_full_file_the_window_that_was_longest_not_used_is_given_up(tmp_path: Path) -> None:
    counter = FileCounter(tmp_path / "rates")
    assert passed(counter, "first", Rate(2, 60), 2) == 2
    # each set of windows now has far more keys than room
    for number in range(4 * SETS * WAYS):
        counter.hit(f"key {number}", Rate(1, 60))
    assert counter.hit(f"key {number}", Rate(1, 60)).refused
    assert not counter.hit("first", Rate(2, 60)).refused


def test_what_was_counted_before_the_machine_was_started_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = FileCounter(tmp_path / "rates")
    assert not counter.hit("one", Rate(1, 60)).refused
    assert counter.hit("one", Rate(1, 60)).refused
    monkeypatch.setattr("gallery.access.rate_file.time.monotonic", lambda: 1.0)  # its clock begins anew
    assert not counter.hit("one", Rate(1, 60)).refused


@pytest.mark.parametrize("period_s", [1, 60, 3600, 86_400])
def test_a_window_of_a_file_is_the_period_but_for_a_sixtieth(
    period_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SeededClock(1000.0 * period_s)
    monkeypatch.setattr("gallery.access.rate_file.time.monotonic", lambda: clock.now)
    counter = FileCounter(tmp_path / "rates")
    passed_at: list[float] = []
    for step in random.Random(3).choices([0.001, 0.01, 0.05, 0.3, 1.5], k=2000):
        clock.now += step * period_s
        hit = counter.hit("one", Rate(7, period_s))
        lately = [at for at in passed_at if clock.now - at < period_s * 59 / 60]
        surely_free = sum(clock.now - at <= period_s for at in passed_at) < 7
        assert hit.refused <= (not surely_free), "nobody is refused who may"
        if not hit.refused:
            assert len(lately) < 7, "no more pass than may"
            passed_at.append(clock.now)
        assert 0 <= hit.reset_s <= period_s


def test_while_the_server_is_away_nobody_is_refused_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_valkey(tmp_path) as (socket, process):
        counter = ServerCounter(client_of(f"unix://{socket}?db=1"))
        assert counter.hit("one", Rate(1, 60)) is not None
        process.kill()
        process.wait()
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                counter._asked_again_at = 0.0
                assert counter.hit("one", Rate(1, 60)) is None
    outages.RATES.ended()
    said = [record.getMessage() for record in caplog.records if "count" in record.getMessage()]
    assert len(said) == 2, "when it began and when it ended"


def test_a_machine_counts_in_its_file_and_several_in_their_server(settings: Any, valkey: Path) -> None:
    settings.REDIS_URL = ""
    assert isinstance(rates.counter(), FileCounter)
    settings.REDIS_URL = f"unix://{valkey}?db=1"
    assert isinstance(rates.counter(), ServerCounter)


def search(client: Client, **headers: Any) -> int:
    """Return the status of a search that finds nothing to search in."""
    return client.post("/api/v1/search/", {"image": 1}, **headers).status_code


@pytest.mark.django_db
def test_no_header_gets_a_stranger_another_count(client: Client, settings: Any) -> None:
    settings.SEARCH_THROTTLE = "5/min"
    answers = [search(client, headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(8)]
    assert [status == 429 for status in answers] == [False] * 5 + [True] * 3
    assert search(client, REMOTE_ADDR="192.0.2.1") != 429
    # a proxy that is trusted says who asks
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert search(client, headers={"X-Forwarded-For": "192.0.2.200"}) != 429


@pytest.mark.django_db
def test_the_addresses_of_one_ipv6_network_count_together(client: Client, settings: Any) -> None:
    settings.SEARCH_THROTTLE = "2/min"
    answers = [search(client, REMOTE_ADDR=f"2001:db8:0:1::{n:x}") for n in range(4)]
    assert [status == 429 for status in answers] == [False, False, True, True]
    assert search(client, REMOTE_ADDR="2001:db8:0:2::1") != 429


@pytest.mark.django_db
def test_who_is_signed_in_has_a_count_of_their_own_and_a_higher_limit(client: Client, settings: Any) -> None:
    settings.SEARCH_THROTTLE, settings.MEMBER_THROTTLE_FACTOR = "2/min", 2
    members = [Client(), Client()]
    for number, member in enumerate(members):
        member.force_login(User.objects.create_user(f"member{number}"))
    for member in members:
        assert [search(member) == 429 for _ in range(5)] == [False] * 4 + [True]
    assert [search(client) == 429 for _ in range(3)] == [False, False, True]


@pytest.mark.django_db
def test_a_refusal_says_in_words_and_headers_when_to_come_again(client: Client, settings: Any) -> None:
    settings.SEARCH_THROTTLE = "1/min"
    first = client.post("/api/v1/search/", {"image": 1})
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("1", "0")
    refused = client.post("/api/v1/search/", {"image": 1})
    assert refused.status_code == 429
    assert 55 <= int(refused["Retry-After"]) <= 60
    assert refused.json() == {
        "error": {
            "code": "throttled",
            "detail": f"Too many searches in a short time. Try again in {refused['Retry-After']} seconds.",
        }
    }


@pytest.mark.django_db
def test_attempts_to_sign_in_count_for_their_address(client: Client, settings: Any) -> None:
    settings.SIGN_IN_THROTTLE = "3/min"
    User.objects.create_superuser("staff", password="a long password")
    wrong = [
        client.post("/accounts/sign-in/", {"username": f"name{n}", "password": "wrong"}).status_code
        for n in range(5)
    ]
    assert wrong == [200, 200, 200, 429, 429]
    right = {"username": "staff", "password": "a long password"}
    for address in ("/accounts/sign-in/", "/admin/login/"):
        assert client.post(address, right).status_code == 429
    assert client.get("/accounts/sign-in/").status_code == 200
    assert client.post("/accounts/sign-in/", right, REMOTE_ADDR="192.0.2.7").status_code == 302


@pytest.mark.django_db
def test_each_token_has_a_count_of_its_own(client: Client, settings: Any) -> None:
    settings.SEARCH_THROTTLE, settings.MEMBER_THROTTLE_FACTOR = "2/min", 1
    settings.TOKEN_THROTTLE_FACTOR = 2
    owner = User.objects.create_superuser("owner")
    for name in ("one", "two"):
        headers = {"Authorization": f"Token {tokens.make_token(owner, name, [Scope.SEARCH])[1]}"}
        assert [search(client, headers=headers) == 429 for _ in range(5)] == [False] * 4 + [True]
    assert search(client) != 429


@pytest.mark.django_db
def test_uploads_and_answers_that_cost_much_have_limits_of_their_own(
    staff_client: Client, settings: Any
) -> None:
    settings.UPLOAD_THROTTLE, settings.READ_THROTTLE, settings.MEMBER_THROTTLE_FACTOR = "1/min", "2/min", 1
    assert [staff_client.post("/api/v1/images/").status_code for _ in range(2)] == [400, 429]
    asked = [staff_client.get("/api/v1/projections/1/points/").status_code for _ in range(2)]
    asked.append(staff_client.head("/api/v1/projections/1/points.csv").status_code)
    assert asked == [404, 404, 429]
    assert staff_client.get("/api/v1/images/").status_code == 200


@pytest.mark.django_db
def test_lists_of_images_count_where_all_images_are_looked_at(client: Client, settings: Any) -> None:
    settings.READ_THROTTLE = "1/min"
    address = "/api/v1/images/"
    assert [client.get(address, {"filename": "a"}).status_code for _ in range(3)] == [200] * 3
    first = client.get(address, {"metadata": '{"shelf": "A3"}'})
    assert (first.status_code, first["RateLimit-Remaining"]) == (200, "0")
    refused = client.get(address, {"saved": 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "throttled")
    assert 55 <= int(refused["Retry-After"]) <= 60


def test_every_route_that_is_counted_is_there() -> None:
    names = set(_names(get_resolver().url_patterns))
    assert {name for name, _ in rates.TABLE} <= names


def _names(patterns: list[Any], space: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _names(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{space}{pattern.name}"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, counted: str) -> None:
    assert network(address) == counted


def test_a_rate_is_a_number_and_a_period() -> None:
    assert rates.parsed("120/min") == Rate(120, 60)
    assert rates.parsed("3/s") == Rate(3, 1)
    assert rates.parsed("7/hour") == Rate(7, 3600)
    for wrong in ("120", "x/min", "120/fortnight", "-1/min"):
        with pytest.raises(ValueError, match="as 120/min"):
            rates.parsed(wrong)


def test_the_checks_tell_of_wrong_rates_and_of_counts_that_are_not_shared(
    settings: Any, tmp_path: Path
) -> None:
    settings.REDIS_URL = ""
    assert check_rates() == []
    (tmp_path / "file").touch()
    settings.RATE_FILE = tmp_path / "file" / "rates"  # where nothing can be written
    settings.READ_THROTTLE, settings.TRUSTED_PROXIES = "often", ["proxy.example.org"]
    found = {message.id for message in check_rates()}
    assert found == {"gallery.E001", "gallery.E010", "gallery.W010"}
    settings.READ_THROTTLE, settings.TRUSTED_PROXIES = "5/min", ["10.0.0.0/8"]
    settings.REDIS_URL = "redis://elsewhere/0"
    assert check_rates() == []
    settings.REDIS_URL = ""  # what is counted is forgotten after this test
