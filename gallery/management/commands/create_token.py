"""Makes an API token for a user; it is shown once and only its digest is kept."""

from __future__ import annotations

from typing import Any, TypedDict

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from knox.models import AuthToken

from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand


class TokenReport(TypedDict):
    """A new token, and how it is sent."""

    token: str
    header: str
    staff: bool


class Command(ReportingCommand[TokenReport]):
    """`create_token USERNAME`."""

    help = "Make an API token for a user and print it once; delete it in the admin to revoke it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the user."""
        parser.add_argument("username")

    def report(self, **options: Any) -> TokenReport:
        """Create and return the token."""
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise NotFoundError("There is no such user; `manage.py createsuperuser` makes one.")
        token: str = AuthToken.objects.create(user=user)[1]
        return {"token": token, "header": f"Authorization: Token {token}", "staff": user.is_staff}
