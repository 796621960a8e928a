"""Tokens in the REST interface: `Authorization: Token …` or `Authorization: Bearer …`."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from gallery.accounts import tokens
from gallery.accounts.lockout import TooManyAttemptsError
from gallery.accounts.models import AccessToken


class TokenRefused(exceptions.AuthenticationFailed):
    """A token that lets nobody in: 401, never an answer as to a stranger."""

    def __init__(self, error: tokens.TokenRefusedError) -> None:
        super().__init__(error.detail, error.code)
        self.default_code = error.code


class TooManyTokens(exceptions.APIException):
    """Too many wrong tokens from this address: 429, with `wait` in seconds as Retry-After."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self, error: TooManyAttemptsError) -> None:
        super().__init__(error.detail, error.code)
        self.default_code = error.code
        self.wait = error.retry_after_s


class TokenAuthentication(BaseAuthentication):
    """Sets `request.auth` to the `AccessToken` that came, whose `scopes` say what it may be used for."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return owner and token, or None where no token came."""
        try:
            token = tokens.token_of(request._request)
        except tokens.TokenRefusedError as error:
            raise TokenRefused(error) from error
        except TooManyAttemptsError as error:
            raise TooManyTokens(error) from error
        return None if token is None else (token.owner, token)

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return "Token"
