"""Checks passwords, but no more often than `gallery.accounts.lockout` allows."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from gallery.accounts import lockout


class PasswordBackend(ModelBackend):
    """Django's accounts and permissions; whoever signs in by a request has to wait after wrong passwords."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the account of a right password, else None. Raises: TooManyAttemptsError."""
        if username is None or password is None:
            return None
        if request is None:  # no visitor: a program on this machine
            return super().authenticate(request, username, password, **kwargs)
        guess = lockout.begin(lockout.password_limits(request, username))
        user = super().authenticate(request, username, password, **kwargs)
        if user is None:
            guess.was_wrong()
        else:
            guess.was_right()
        return user
