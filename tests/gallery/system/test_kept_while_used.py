"""What is costly to make is kept for as long as it is used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gallery.system.concurrency.kept_while_used import KeptWhileUsed


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def made() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(made: list[str], clock: Clock) -> KeptWhileUsed[str, str]:
    def make(key: str) -> str:
        made.append(key)
        return f"made of {key}"

    return KeptWhileUsed(make, 2, clock)


def test_it_is_made_once_whoever_asks(kept: KeptWhileUsed[str, str], made: list[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(kept.get, ["a"] * 40)) == {"made of a"}
    assert made == ["a"]


def test_what_nobody_asked_for_is_dropped_and_made_again(
    kept: KeptWhileUsed[str, str], made: list[str], clock: Clock
) -> None:
    kept.get("a")
    kept.get("b")
    clock.now = 60
    assert kept.kept("b") == "made of b"  # that is a use too
    clock.now = 100
    assert kept.unused(100) == ["a"]
    kept.drop(kept.unused(100))
    assert kept.kept("a") is None
    kept.get("a")
    assert made == ["a", "b", "a"]


def test_of_too_many_the_least_lately_used_goes(kept: KeptWhileUsed[str, str], clock: Clock) -> None:
    for clock.now, key in enumerate("abac"):
        kept.get(key)
    assert kept.kept("b") is None
    assert (kept.kept("a"), kept.kept("c")) == ("made of a", "made of c")


def test_what_cannot_be_made_is_tried_again(clock: Clock) -> None:
    tries = []

    def make(key: str) -> str:
        tries.append(key)
        if len(tries) == 1:
            raise OSError("not yet")
        return key

    kept: KeptWhileUsed[str, str] = KeptWhileUsed(make, 1, clock)
    with pytest.raises(OSError, match="not yet"):
        kept.get("a")
    assert kept.get("a") == "a"
