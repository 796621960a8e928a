"""The form for uploading an archive of images in the admin."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from gallery.errors import SemsearchError
from gallery.ingest import datasets, importing
from gallery.ingest.sources import labels as label_rule
from gallery.models import Dataset, Job

SUFFIX = re.compile(r"(\.tar)?\.\w+$")
# what browsers offer to choose; those that they do not know as images by their suffix
ARCHIVES = ".zip,.tar,.tar.gz,.tgz,application/zip,"
IMAGES = "image/*,.heic,.heif,.jp2,.psd,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2"


class UploadForm(forms.Form):
    """An archive, what makes its labels, and the dataset it goes into: an existing one or a new one."""

    archive = forms.FileField(
        label="File",
        help_text="A zip, tar or tar.gz file, or a single image.",
        widget=forms.ClearableFileInput(attrs={"accept": ARCHIVES + IMAGES}),
    )
    dataset = forms.ModelChoiceField(Dataset.objects.all(), required=False, empty_label="a new dataset")
    name = forms.CharField(
        required=False,
        max_length=200,
        label="Name of the new dataset",
        help_text="Without one it has the name of the file.",
    )
    slug = forms.SlugField(
        required=False,
        max_length=80,
        label="Slug of the new dataset",
        help_text="Names it in addresses and commands. Without one it is made of the name.",
    )
    labels = forms.ChoiceField(
        choices=label_rule.IN_WORDS,
        required=False,
        initial=label_rule.NEAREST,
        label="Label",
        help_text=label_rule.RULE,
    )

    def clean_archive(self) -> UploadedFile[Any]:
        """Refuse what is too large, or no archive and no image."""
        archive: UploadedFile[Any] = self.cleaned_data["archive"]
        try:
            importing.check_archive(archive)
        except SemsearchError as error:
            raise ValidationError(error.detail) from error
        return archive

    def clean(self) -> dict[str, object]:
        """Name a new dataset; its slug has to be free where one is given."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("dataset") or self.errors:
            return values
        if not values["slug"]:
            values["name"] = values["name"] or SUFFIX.sub("", values["archive"].name) or "Dataset"
            values["slug"] = datasets.free_slug(values["name"])
        elif Dataset.objects.filter(slug=values["slug"]).exists():
            raise ValidationError("There is a dataset with this slug already: choose it in the list.")
        return values

    def enqueue(self) -> Job:
        """Queue the import into the dataset chosen, which is made when it is new; returns the job."""
        values = self.cleaned_data
        chosen: Dataset | None = values.get("dataset")
        dataset = chosen or datasets.save(
            Dataset(slug=values["slug"], name=values.get("name") or values["slug"])
        )
        return importing.enqueue_archive(
            dataset,
            values["archive"],
            labels=values.get("labels") or label_rule.NEAREST,
            new_dataset=chosen is None,
        )
