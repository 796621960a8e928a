"""Makes an API token for a user; it is shown once and only its digest is kept."""

from __future__ import annotations

import argparse
from typing import Any, TypedDict

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand
from gallery.system.home.shipped_files import program

FOR_EVER = 0


class TokenReport(TypedDict):
    """A new token, and how it is sent."""

    token: str
    header: str
    staff: bool
    scopes: list[str]
    expires_at: str | None


def scopes_named(text: str) -> list[Scope]:
    """Return the scopes of a list with commas."""
    try:
        return [Scope(name.strip()) for name in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: there are {', '.join(Scope)}") from error


def days_given(text: str) -> int:
    """Return a number of days that a token may be good for."""
    if not text.isdecimal() or int(text) > tokens.MOST_DAYS:
        raise argparse.ArgumentTypeError(f"give 1 to {tokens.MOST_DAYS} days, or {FOR_EVER} for no end")
    return int(text)


class Command(ReportingCommand[TokenReport]):
    """`create_token USERNAME [--name N] [--scopes read,search] [--days 365]`."""

    help = (
        "Make an API token for a user and print it once; /accounts/tokens/ lists those of whoever is "
        "signed in, and revokes them."
    )
    examples = ("anna --name notebook --scopes read,search --days 90 --json",)

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the user, and say what the token is for."""
        parser.add_argument("username", help="whose it is")
        parser.add_argument("--name", default="made by create_token", help="what it is for")
        parser.add_argument(
            "--scopes",
            type=scopes_named,
            default=list(Scope),
            help="what it may be used for, with commas: read, search, write, admin (default: all)",
        )
        parser.add_argument(
            "--days",
            type=days_given,
            default=tokens.DAYS,
            help=f"when it ends (default: {tokens.DAYS}); {FOR_EVER}: only when it is revoked",
        )

    def report(self, **options: Any) -> TokenReport:
        """Create and return the token."""
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise NotFoundError(f"There is no such user; `{program()} createsuperuser` makes one.")
        days = None if options["days"] == FOR_EVER else options["days"]
        made, text = tokens.make_token(user, options["name"][:100], options["scopes"], days)
        return {
            "token": text,
            "header": f"Authorization: Token {text}",
            "staff": user.is_staff,
            "scopes": [scope.value for scope in made.scopes],
            "expires_at": made.expires_at.isoformat() if made.expires_at else None,
        }
