"""Lets users write: puts them into the group that has every permission which pages and API ask for."""

from __future__ import annotations

from typing import Any, TypedDict

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from gallery.access import editors
from gallery.errors import NotFoundError
from gallery.system.commands import ReportingCommand


class EditorsReport(TypedDict):
    """The group, what it may do, and who is in it by now."""

    group: str
    permissions: list[str]
    users: list[str]


class Command(ReportingCommand[EditorsReport]):
    """`make_editors [USERNAME ...] [--staff]`."""

    help = "Make the group Editors, which may do all that pages and API offer, and put users into it."
    examples = (
        "anna ben",
        "--staff --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the users."""
        parser.add_argument("usernames", nargs="*", metavar="username", help="of those to put into it")
        parser.add_argument("--staff", action="store_true", help="put every member of staff into it")

    def report(self, **options: Any) -> EditorsReport:
        """Put the users into the group. Raises: NotFoundError, and then nobody is put into it."""
        names = set(options["usernames"])
        users = User.objects.filter(username__in=names)
        if unknown := names - set(users.values_list("username", flat=True)):
            raise NotFoundError(f"There is no user called {', '.join(sorted(unknown))}.")
        group = editors.editors()
        group.user_set.add(*users)
        if options["staff"]:
            group.user_set.add(*User.objects.filter(is_staff=True))
        permissions = group.permissions.values_list("content_type__app_label", "codename")
        return {
            "group": group.name,
            "permissions": sorted(".".join(names) for names in permissions),
            "users": sorted(group.user_set.values_list("username", flat=True)),
        }
