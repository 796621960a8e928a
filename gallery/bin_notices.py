"""What people read after a deletion or a restoration, with the button that takes a deletion back."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gallery.models import Dataset, Image

MOST_UNDONE = 100  # images that one button brings back; of more the bin is shown


def deleted_images(request: HttpRequest, image_ids: Sequence[int]) -> SafeString:
    """Return the notice that images were deleted."""
    words = _counted(len(image_ids), "image")
    if settings.TRASH_DAYS == 0:
        return format_html("{} deleted for good.", words)
    if len(image_ids) > MOST_UNDONE:
        return format_html('{} moved to <a href="{}">the bin</a>.', words, reverse("gallery:bin"))
    fields = format_html_join(
        "", '<input type="hidden" name="image" value="{}">', ((pk,) for pk in image_ids)
    )
    return _moved(request, words, reverse("gallery:bin_images"), fields)


def deleted_dataset(request: HttpRequest, dataset: Dataset) -> SafeString:
    """Return the notice that a dataset was deleted."""
    words = f"The dataset “{dataset.name}” was"
    if settings.TRASH_DAYS == 0:
        return format_html("{} deleted for good.", words)
    field = format_html('<input type="hidden" name="dataset" value="{}">', dataset.pk)
    return _moved(request, words, reverse("gallery:bin_datasets"), field)


def restored_images(images: Sequence[Image]) -> SafeString:
    """Return the notice that images are back, with a link to a single one."""
    words = _counted(len(images), "image")
    hidden = sum(not image.is_shown for image in images)
    if len(images) == 1 and not hidden:
        address = reverse("gallery:image", args=[images[0].dataset.slug, images[0].pk])
        return format_html('{} restored: <a href="{}">{}</a>.', words, address, images[0].filename)
    if hidden:
        return format_html("{} restored; {} stay hidden until their file is back.", words, hidden)
    return format_html("{} restored.", words)


def restored_dataset(before: Dataset, dataset: Dataset) -> SafeString:
    """Return the notice that a dataset is back, perhaps under another slug."""
    other = "" if dataset.slug == before.deleted_slug else f" It is called {dataset.slug} now: "
    why = f"another dataset has taken the name {before.deleted_slug}." if other else ""
    return format_html(
        'The dataset <a href="{}">{}</a> is restored.{}{}',
        dataset.get_absolute_url(),
        dataset.name,
        other,
        why,
    )


def removed(count: int, what: str) -> SafeString:
    """Return the notice that something was removed for good."""
    return format_html("{} removed for good.", _counted(count, what))


def _moved(request: HttpRequest, words: str, address: str, fields: SafeString) -> SafeString:
    return format_html(
        '{} moved to <a href="{}">the bin</a>. <form method="post" action="{}" class="undo">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">{}'
        '<button type="submit" name="action" value="restore">Undo</button></form>',
        words,
        reverse("gallery:bin"),
        address,
        get_token(request),
        fields,
    )


def _counted(count: int, what: str) -> str:
    return f"1 {what} was" if count == 1 else f"{count:,} {what}s were"
