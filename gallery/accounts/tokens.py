"""Makes, checks and ends access tokens."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from gallery.access import audit
from gallery.access.scopes import Scope
from gallery.accounts import lockout
from gallery.accounts.models import AccessToken
from gallery.errors import SemsearchError

# lets people, and programs that look for leaked secrets, see what it is
BEGINNING = "sem_"
RANDOM_BYTES = 32
SHOWN = 12
DAYS = 365
MOST_DAYS = 3650
MOST_OF_ACCOUNT = 100
# by which of the two words is all the same
SCHEMES = ("token", "bearer")
LONGEST = 200
LAST_USE_EVERY = timedelta(minutes=1)


class TooManyTokensError(SemsearchError):
    """An account has as many tokens as it may."""

    code = "too_many_tokens"
    status = 409


class TokenRefusedError(SemsearchError):
    """A token came that does not let anybody in; `code` says why."""

    status = 401

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def make_token(
    owner: User, name: str, scopes: Iterable[Scope], days: int | None = DAYS
) -> tuple[AccessToken, str]:
    """Return a new token's row and the token, which nobody can find out later; None: it has no end.

    Raises: TooManyTokensError.
    """
    text = BEGINNING + secrets.token_urlsafe(RANDOM_BYTES)
    wanted = set(scopes)
    with transaction.atomic():
        if owner.access_tokens.count() >= MOST_OF_ACCOUNT:
            raise TooManyTokensError(f"You have {MOST_OF_ACCOUNT} tokens: revoke one first.")
        token = AccessToken.objects.create(
            owner=owner,
            name=name,
            digest=digest_of(text),
            prefix=text[:SHOWN],
            scopes=[scope for scope in Scope if scope in wanted],
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )
        audit.record("token.create", token, owner=str(owner), scopes=list(token.scopes), days=days)
    return token, text


def revoke(token: AccessToken) -> None:
    """End a token, from now on."""
    with transaction.atomic():
        audit.record("token.revoke", token, owner=str(token.owner))
        token.delete()


def revoke_all(owner: AbstractBaseUser) -> int:
    """End every token of an account; returns how many there were."""
    found = list(AccessToken.objects.filter(owner_id=owner.pk).select_related("owner"))
    for token in found:
        revoke(token)
    return len(found)


def digest_of(text: str) -> str:
    """Return what is kept of a token. A slow hash would add nothing: nobody tries 256 random bits."""
    return hashlib.sha512(text.encode()).hexdigest()


def token_of(request: HttpRequest) -> AccessToken | None:
    """Return the token that came with a request, with its owner, or None where there is none.

    It is looked up once a request. Raises: TokenRefusedError, TooManyAttemptsError.
    """
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() not in SCHEMES:
        return None
    found: AccessToken | None = getattr(request, "access_token", None)
    if found is None:
        found = request.access_token = _checked(request, text.strip())  # type: ignore[attr-defined]
    return found


def _checked(request: HttpRequest, text: str) -> AccessToken:
    found = _stored(text) if 0 < len(text) <= LONGEST else None
    if found is None:
        # who has a right one is never kept waiting: nobody guesses 256 bits, however often he may try
        guess = lockout.begin(lockout.token_limits(request))
        audit.record("token.refused")
        guess.was_wrong()
        raise TokenRefusedError(
            "token_unknown", "No such token, or it was revoked. Make another at /accounts/tokens/."
        )
    if found.expired:
        raise TokenRefusedError("token_expired", "This token has expired. Make another at /accounts/tokens/.")
    if not found.owner.is_active:
        raise TokenRefusedError("account_inactive", "The account of this token is not active.")
    _note_use(found)
    return found


def _stored(text: str) -> AccessToken | None:
    """Return a token with its owner as the database has it, None where it has none."""
    # no token has the digest of another: nothing is put in order
    rows = AccessToken.objects.select_related("owner").order_by().filter(digest=digest_of(text))
    return next(iter(rows), None)


def _note_use(token: AccessToken) -> None:
    """Write the time of its last use, once a minute at most: few requests that only read write something."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - LAST_USE_EVERY:
        return
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - LAST_USE_EVERY)
    # where somebody else writes for long, the next request will note it
    with contextlib.suppress(DatabaseError):
        AccessToken.objects.filter(due, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
