"""The group of those who may write: every permission that a policy asks for."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from gallery.access import policies

NAME = "Editors"


def editors() -> Group:
    """Return the group, made where there is none, with the permissions of all policies of today."""
    wanted = Q()
    for name in policies.permissions_named():
        application, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=application, codename=codename)
    group, _ = Group.objects.get_or_create(name=NAME)
    group.permissions.add(*Permission.objects.filter(wanted))
    return group
