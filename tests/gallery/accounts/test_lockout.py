"""Guessing is slow: passwords, tokens and the code of the first account, by account and by address."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from gallery.access.scopes import Scope
from gallery.accounts import first_account, lockout, tokens
from gallery.models import FailedAttempts
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

SIGN_IN = "/accounts/sign-in/"
RIGHT = "a long password"
HOME, AWAY = "203.0.113.7", "198.51.100.1"


@pytest.fixture
def owner(db: None) -> User:
    """Return the account that is guessed at."""
    return User.objects.create_user("anna", password=RIGHT)


def sign_in(
    client: Client, password: str, name: str = "anna", address: str = AWAY, where: str = SIGN_IN
) -> Any:
    return client.post(where, {"username": name, "password": password}, REMOTE_ADDR=address)


def test_of_sixty_wrong_passwords_five_are_looked_at_and_the_right_one_works_after_the_wait(
    client: Client, owner: User, clock: Clock
) -> None:
    statuses = [sign_in(client, f"wrong {number}").status_code for number in range(60)]
    assert statuses == [200] * 5 + [429] * 55
    refused = sign_in(client, RIGHT)
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    assert "Try again in 30 seconds." in refused.content.decode()
    clock.forward(29)
    assert sign_in(client, RIGHT)["Retry-After"] == "1"
    clock.forward(1)
    assert sign_in(client, RIGHT).status_code == 302


def test_the_wait_doubles_and_is_forgotten_with_time(client: Client, owner: User, clock: Clock) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    waits = []
    for _ in range(5):
        waits.append(int(sign_in(client, "wrong")["Retry-After"]))
        clock.forward(waits[-1])
        assert sign_in(client, "wrong").status_code == 200
    assert waits == [30, 60, 120, 240, 480]
    clock.forward(24 * 3600)
    assert [sign_in(client, "wrong").status_code for _ in range(6)] == [200] * 5 + [429]


def test_no_wait_is_longer_than_its_rule_says() -> None:
    for rule in (lockout.ACCOUNT_FROM_ADDRESS, lockout.ADDRESS, lockout.ACCOUNT):
        assert rule.wait_s(rule.free - 1) == 0
        assert rule.wait_s(rule.free) == 30
        assert rule.wait_s(10**6) == rule.longest_wait_s


def test_an_account_that_there_is_none_of_looks_like_any_other(client: Client, owner: User) -> None:
    answers = [sign_in(client, "wrong", name) for name in ("nobody", "anna") for _ in range(6)]
    seen = [(answer.status_code, answer.get("Retry-After")) for answer in answers]
    assert seen[:6] == seen[6:] == [(200, None)] * 5 + [(429, "30")]


def test_an_account_is_the_same_however_its_name_is_written() -> None:
    assert lockout.account_key("ANNA") == lockout.account_key("anna") == lockout.account_key("ａｎｎａ")


def test_who_tries_many_accounts_has_to_wait_and_others_do_not(client: Client, owner: User) -> None:
    statuses = [sign_in(client, "wrong", f"user{number}").status_code for number in range(30)]
    assert statuses == [200] * 20 + [429] * 10
    assert sign_in(client, RIGHT).status_code == 429
    assert sign_in(client, RIGHT, address=HOME).status_code == 302


def test_right_passwords_do_not_clear_what_their_address_has_guessed_elsewhere(
    client: Client, owner: User
) -> None:
    for number in range(19):
        sign_in(client, "wrong", f"user{number}")
    assert sign_in(Client(), RIGHT).status_code == 302
    assert sign_in(client, "wrong", "another").status_code == 200
    assert sign_in(client, "wrong", "one more").status_code == 429


def test_many_addresses_that_guess_at_one_account_slow_each_other_but_not_its_owner(
    client: Client, owner: User, clock: Clock
) -> None:
    at_home = Client()
    assert sign_in(at_home, RIGHT, address=HOME).status_code == 302
    at_home.post("/accounts/sign-out/")
    statuses = Counter(
        sign_in(client, "wrong", address=f"198.51.100.{number}").status_code for number in range(60)
    )
    assert statuses == {200: 30, 429: 30}
    # the browser has signed in before, wherever it is by now
    assert sign_in(at_home, RIGHT, address="192.0.2.9").status_code == 302
    # others wait a quarter of an hour at most
    answer = sign_in(client, RIGHT, address="192.0.2.10")
    assert 0 < int(answer["Retry-After"]) <= 900
    clock.forward(int(answer["Retry-After"]))
    assert sign_in(client, RIGHT, address="192.0.2.10").status_code == 302


def test_one_address_that_never_stops_does_not_lock_the_account_for_others(
    client: Client, owner: User, clock: Clock
) -> None:
    limits = lockout.password_limits(RequestFactory().post(SIGN_IN, REMOTE_ADDR=AWAY), "anna")
    looked_at = 0
    for _ in range(24 * 12):
        with contextlib.suppress(lockout.TooManyAttemptsError):
            lockout.begin(limits)
            looked_at += 1
        clock.forward(300)
    assert looked_at < 40
    assert sign_in(client, RIGHT).status_code == 429
    assert sign_in(client, RIGHT, address=HOME).status_code == 302


def test_a_known_browser_waits_for_its_own_wrong_guesses(client: Client, owner: User) -> None:
    assert sign_in(client, RIGHT).status_code == 302
    client.post("/accounts/sign-out/")
    assert [sign_in(client, "wrong").status_code for _ in range(6)] == [200] * 5 + [429]
    # and is known for its own account only, by a cookie that scripts cannot read and others cannot make
    cookie = client.cookies["known_browser"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    forged = Client()
    forged.cookies["known_browser"] = cookie.value.replace(":", "x:", 1)
    assert sign_in(forged, "wrong").status_code == 200
    assert FailedAttempts.objects.filter(who="password of anna").exists()


def test_a_browser_that_sends_nonsense_for_the_cookie_is_a_stranger(client: Client, owner: User) -> None:
    for value in ("", "x", "a:b:c", "W10:1abc:xyz"):
        client.cookies["known_browser"] = value
        assert sign_in(client, "wrong", address=HOME).status_code == 200


def test_the_address_of_the_admin_counts_the_same_guesses(client: Client, owner: User) -> None:
    statuses = [sign_in(client, "wrong", where="/admin/login/").status_code for _ in range(5)]
    assert statuses == [200] * 5
    assert sign_in(client, "wrong").status_code == 429
    assert sign_in(client, "wrong", where="/admin/login/").status_code == 429


def test_the_old_password_cannot_be_guessed_in_a_session_that_was_left_open(
    client: Client, owner: User
) -> None:
    client.force_login(owner)
    body = {"new_password1": "another long one", "new_password2": "another long one"}
    statuses = [
        client.post("/accounts/password/", {"old_password": f"wrong {number}", **body}).status_code
        for number in range(8)
    ]
    assert statuses == [200] * 5 + [429] * 3


def test_of_a_hundred_wrong_tokens_twenty_are_answered_and_right_ones_always(
    client: Client, owner: User, clock: Clock
) -> None:
    def ask(token: str, address: str = AWAY) -> Any:
        header = f"Token {token}"
        return client.get("/api/v1/datasets/", HTTP_AUTHORIZATION=header, REMOTE_ADDR=address)

    answers = [ask(f"sem_wrong{number}") for number in range(100)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 80
    assert {answer.json()["error"]["code"] for answer in answers[:20]} == {"token_unknown"}
    assert answers[-1].json()["error"]["code"] == "too_many_attempts"
    assert answers[-1]["Retry-After"] == "30"
    assert ask("sem_wrong", HOME).status_code == 401
    assert ask(tokens.make_token(owner, "t", [Scope.READ])[1]).status_code == 200
    # who sends none is no guesser
    assert client.get("/api/v1/datasets/", REMOTE_ADDR=AWAY).status_code == 200
    clock.forward(30)
    assert ask("sem_wrong").status_code == 401
    assert ask("sem_wrong")["Retry-After"] == "60"


def test_the_code_of_the_first_account_cannot_be_guessed(client: Client, db: None, clock: Clock) -> None:
    code = first_account.new_code()
    body = {"username": "me", "password1": RIGHT, "password2": RIGHT}

    def ask(given: str, address: str = AWAY) -> Any:
        return client.post("/accounts/first/", {"code": given, **body}, REMOTE_ADDR=address)

    assert [ask("WRONG").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert ask(code).status_code == 429
    assert not User.objects.exists()
    clock.forward(30)
    assert ask(code).status_code == 302


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "this machine"),
    ],
)
def test_all_addresses_of_one_customer_are_counted_as_one(address: str, counted: str) -> None:
    assert lockout.address_key(RequestFactory().get("/", REMOTE_ADDR=address)) == counted


def test_a_forged_header_is_no_other_address(client: Client, owner: User) -> None:
    statuses = [
        client.post(
            SIGN_IN,
            {"username": "anna", "password": "wrong"},
            REMOTE_ADDR=AWAY,
            HTTP_X_FORWARDED_FOR=f"192.0.2.{number}",
        ).status_code
        for number in range(8)
    ]
    assert statuses == [200] * 5 + [429] * 3


def test_what_was_counted_long_ago_is_removed(client: Client, owner: User, clock: Clock) -> None:
    sign_in(client, "wrong")
    clock.forward(3 * 86_400)
    sign_in(client, "wrong", "another", HOME)
    assert sorted(FailedAttempts.objects.values_list("who", flat=True)) == [
        "password of another",
        f"password of another from {HOME}",
        f"passwords from {HOME}",
    ]


def test_visitors_without_password_or_token_ask_nothing_of_the_counts(
    client: Client, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert client.get("/api/v1/jobs/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_get_no_further_than_one_by_one() -> None:
    limits = [lockout.Limit("someone", lockout.ACCOUNT_FROM_ADDRESS, own=True)]
    began: list[bool] = []
    together = threading.Barrier(12)

    def guess() -> None:
        together.wait()
        try:
            lockout.begin(limits)
            began.append(True)
        except lockout.TooManyAttemptsError:
            began.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(began) == {True: 5, False: 7}


def test_a_wait_is_logged_once_and_what_was_typed_cannot_write_lines_of_its_own(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(8):
        sign_in(client, "wrong", "x\x1b[2J\r\nroot: all is well")
    (said,) = caplog.messages
    assert "\x1b" not in said
    assert "\n" not in said
    assert said.endswith("wait 30 s")
