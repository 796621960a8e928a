"""The first account, made on a page by who knows the code that `serve` has printed."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.http import HttpRequest

from gallery.accounts import lockout
from gallery.errors import SemsearchError

# no letters and digits that look alike; 60 bits in twelve of them
SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, GROUP = 3, 4


class WrongCodeError(SemsearchError):
    """The code is not the one of this start, or no longer."""

    code = "wrong_code"
    status = 403


def is_needed() -> bool:
    """Whether nobody runs this site yet; once somebody does, the code is worth nothing any more."""
    if get_user_model().objects.filter(is_superuser=True).exists():
        _file().unlink(missing_ok=True)
        return False
    return True


def has_code() -> bool:
    """Whether this site was started in a way that printed a code."""
    return _file().exists()


def new_code() -> str:
    """Return a new code, kept for its owner only; the one before is worth nothing any more."""
    code = "-".join("".join(secrets.choice(SIGNS) for _ in range(GROUP)) for _ in range(GROUPS))
    _keep(code)
    return code


def check_code(request: HttpRequest, given: str) -> None:
    """Raises: WrongCodeError; TooManyAttemptsError after too many of them."""
    guess = lockout.begin(lockout.code_limits(request))
    if not _is_code(given):
        guess.was_wrong()
        raise WrongCodeError("This is not the code that the last start has printed.")
    guess.was_right()


def make(user: User, code: str) -> None:
    """Store the first account, which may do everything; of several that try at once, one can.

    Raises: WrongCodeError when another was faster.
    """
    if not _is_code(code):
        raise WrongCodeError("The code has been used: sign in.")
    try:
        _file().unlink()
    except FileNotFoundError:
        raise WrongCodeError("The code has been used: sign in.") from None
    user.is_staff = user.is_superuser = True
    try:
        user.save()
    except BaseException:
        _keep(code)
        raise


def _file() -> Path:
    return Path(settings.SEMSEARCH_HOME) / "first-account-code"


def _keep(code: str) -> None:
    aside = _file().with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(code)
    aside.replace(_file())


def _is_code(given: str) -> bool:
    try:
        kept = _file().read_text()
    except FileNotFoundError:
        return False
    return hmac.compare_digest(_bare(given), _bare(kept))


def _bare(code: str) -> bytes:
    return "".join(sign for sign in code.upper() if sign.isalnum()).encode()
