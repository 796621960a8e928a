"""Which rows people see: nothing of a dataset in the bin, no image that lies there or lacks its file.

`Image.objects` and `Dataset.objects` are what is shown: pages, answers, jobs, counts and exports all begin
there, and pass over what is hidden without knowing of it. `everything` is for who keeps the rows: the bin,
the comparison with the storage, backups. Of what hangs on a dataset `shown` is what people see.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class OfShownDatasets(models.Manager[Row]):
    """The rows of datasets that are not in the bin, and those of no dataset."""

    def get_queryset(self) -> models.QuerySet[Row]:
        """Leave out the others by a list of their ids: no join, so that the order of an index stays."""
        datasets = self.model._meta.get_field("dataset").related_model
        assert isinstance(datasets, type)
        in_bin = datasets._base_manager.filter(deleted_at__isnull=False).values("pk")
        return super().get_queryset().exclude(dataset__in=in_bin)


class ShownImages(OfShownDatasets[Row]):
    """The images that are neither in the bin, alone or with their dataset, nor without their file."""

    def get_queryset(self) -> models.QuerySet[Row]:
        """Leave out what is marked, in the words of the indexes' own condition."""
        return super().get_queryset().filter(deleted_at=None, missing_since=None)
