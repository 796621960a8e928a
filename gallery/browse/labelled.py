"""The images of a label: those whose category it is, and those that have it as a further one."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from gallery.models import FurtherCategory, Image


def labelled(images: QuerySet[Image], label: str) -> QuerySet[Image]:
    """Keep the images of a label, "" for those without any.

    Most labels are nobody's further one: then only the category is asked for, which an index answers.
    """
    of_category = images.filter(category=label)
    further = FurtherCategory.objects.filter(name=label)
    if not label or not further.exists():
        return of_category
    return images.filter(Q(category=label) | Q(pk__in=further.values("image")))
