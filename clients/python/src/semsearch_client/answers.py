"""What an answer means: an error as a class, and whether and when the same is asked again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx

from semsearch_client.calls import Operation
from semsearch_client.errors import NotFound, Refused, SemsearchError, Throttled, Unavailable

ADDRESS_HERE = "http://127.0.0.1:8000"
PASSING = (502, 503, 504)
FIRST_PAUSE_S = 0.5


@dataclass(frozen=True)
class Settings:
    """Where the site is, who asks, and how long a program waits."""

    url: str
    token: str
    timeout_s: float
    retries: int
    longest_pause_s: float

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return {"Authorization": f"Token {self.token}"} if self.token else {}


def settings(url: str | None, token: str | None, timeout_s: float, retries: int) -> Settings:
    """Return the settings; what is not given is taken from SEMSEARCH_URL and SEMSEARCH_TOKEN."""
    return Settings(
        url=(url or os.environ.get("SEMSEARCH_URL") or ADDRESS_HERE).rstrip("/"),
        token=token if token is not None else os.environ.get("SEMSEARCH_TOKEN", ""),
        timeout_s=timeout_s,
        retries=retries,
        longest_pause_s=60.0,
    )


def pause_s(known: Settings, operation: Operation, attempt: int, got: httpx.Response | Exception) -> float:
    """Return after how many seconds the same is asked again; -1 where it is not.

    429 and 503 with `Retry-After` were refused before anything was done, and a connection that was not made
    has sent nothing: both hold for every operation. Anything else is tried again only of what reads.
    """
    if attempt >= known.retries:
        return -1.0
    pause: float = FIRST_PAUSE_S * 2**attempt
    if isinstance(got, Exception):
        unsent = isinstance(got, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return pause if unsent or operation.reads else -1.0
    asked = retry_after_s(got)
    if got.status_code in (429, 503) and asked is not None:
        return asked if asked <= known.longest_pause_s else -1.0
    return pause if operation.reads and got.status_code in PASSING else -1.0


def retry_after_s(response: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`, None where it says none."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isdecimal() else None


def error_of(response: httpx.Response) -> SemsearchError:
    """Return what an answer that is no success means."""
    values = _values(response)
    more: dict[str, Any] = {
        "status": response.status_code,
        "code": str(values.get("code", "error")),
        "request_id": response.headers.get("X-Request-ID", ""),
        "image": values.get("image"),
    }
    detail = str(values.get("detail") or f"The server answered {response.status_code}.")
    if response.has_redirect_location:
        # a form that was sent is not sent again elsewhere, and a token goes nowhere by itself
        detail = f"The site is at {response.headers['Location']}: give that address."
    if response.status_code == 429:
        return Throttled(detail, retry_after_s=retry_after_s(response) or 0.0, **more)
    if response.status_code >= 500:
        return Unavailable(detail, **more)
    return (NotFound if response.status_code == 404 else Refused)(detail, **more)


def error_in_place(values: dict[str, Any]) -> SemsearchError:
    """Return the error that stands in the place of one answer of many."""
    kind = {"not_found": NotFound, "busy": Unavailable}.get(str(values["code"]), Refused)
    return kind(str(values["detail"]), code=str(values["code"]))


def unreached(known: Settings, error: httpx.HTTPError) -> Unavailable:
    """Return what a connection that failed means."""
    said = str(error) or type(error).__name__
    return Unavailable(f"No answer from {known.url}: {said}", code="unreachable")


def _values(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
