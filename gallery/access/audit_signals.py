"""Enters sign-ins, and every change of accounts, groups and their permissions, into the audit.

Django's own forms and commands make these changes; what they have in common are its signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from gallery.access.audit import record

FIELDS = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
LONGEST_NAME = 150
_MEMBERSHIPS = (User.groups.through, User.user_permissions.through, Group.permissions.through)


@receiver(user_logged_in)
def enter_sign_in(user: User, **_: Any) -> None:
    """Tell of a sign-in."""
    record("account.sign_in", user)


@receiver(user_logged_out)
def enter_sign_out(user: User | None, **_: Any) -> None:
    """Tell of a sign-out, where somebody was signed in."""
    if user is not None:
        record("account.sign_out", user)


@receiver(user_login_failed)
def enter_refusal(credentials: Mapping[str, Any], **_: Any) -> None:
    """Tell of a wrong name or password, with the name that was tried."""
    record("account.refused", str(credentials.get(User.USERNAME_FIELD, ""))[:LONGEST_NAME])


def _only_signed_in(update_fields: frozenset[str] | None) -> bool:
    """Whether nothing is stored of an account but the time of its last sign-in."""
    return update_fields == frozenset({"last_login"})


@receiver(pre_save, sender=User)
def remember_account(instance: User, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Remember what an account was like before it is stored."""
    if _only_signed_in(update_fields):
        return
    rows = User.objects.filter(pk=instance.pk) if instance.pk else User.objects.none()
    instance._audit_before = rows.values(*FIELDS, "password").first()  # type: ignore[attr-defined]
    # a hash that is only made anew, while its owner signs in, is no other password
    given = instance._password  # type: ignore[attr-defined]  # Django's, until it is stored
    instance._audit_password = (  # type: ignore[attr-defined]
        given is not None or not instance.has_usable_password()
    )


@receiver(post_save, sender=User)
def enter_account(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Tell of a new account, of what changed of one, and of a new password."""
    if _only_signed_in(update_fields):
        return
    if created:
        record("member.create", instance, staff=instance.is_staff, superuser=instance.is_superuser)
        return
    before: Mapping[str, Any] = instance.__dict__.pop("_audit_before", None) or {}
    new_password = instance.__dict__.pop("_audit_password", False)
    changed = {
        name: {"before": before[name], "after": getattr(instance, name)}
        for name in FIELDS
        if before and before[name] != getattr(instance, name)
    }
    if changed:
        record("member.change", instance, **changed)
    if before and before["password"] != instance.password and new_password:
        record("account.password", instance)


@receiver(post_delete, sender=User)
def enter_account_deletion(instance: User, **_: Any) -> None:
    """Tell of a deleted account."""
    record("member.delete", instance)


@receiver(post_save, sender=Group)
def enter_group(instance: Group, created: bool, **_: Any) -> None:
    """Tell of a new or renamed group."""
    record("group.create" if created else "group.change", instance)


@receiver(post_delete, sender=Group)
def enter_group_deletion(instance: Group, **_: Any) -> None:
    """Tell of a deleted group."""
    record("group.delete", instance)


def enter_membership(
    instance: models.Model, action: str, model: type[models.Model], pk_set: Iterable[int] | None, **_: Any
) -> None:
    """Tell which groups or permissions were given to an account or a group, or taken from it."""
    how = {"post_add": "given", "post_remove": "taken", "pre_clear": "cleared"}.get(action)
    if how is None or (pk_set is not None and not pk_set):
        return
    word = "member.change" if isinstance(instance, User) else "group.change"
    rows = model._default_manager.filter(pk__in=pk_set) if pk_set is not None else ()
    of = str(model._meta.verbose_name_plural)
    record(word, instance, of=of, **{how: sorted(str(row) for row in rows)})


for _through in _MEMBERSHIPS:
    m2m_changed.connect(enter_membership, sender=_through)
