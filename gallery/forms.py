"""The form for uploading a zip of pictures in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from gallery.errors import SemsearchError
from gallery.ingest import datasets, importing
from gallery.models import Dataset


class UploadForm(forms.Form):
    """A zip, and the dataset it goes into: an existing one or a new one."""

    archive = forms.FileField(
        label="Zip file",
        help_text="One subfolder a category, or all pictures at the top level.",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
    )
    dataset = forms.ModelChoiceField(Dataset.objects.all(), required=False, empty_label="a new dataset")
    slug = forms.SlugField(required=False, max_length=80, label="Slug of the new dataset")
    name = forms.CharField(required=False, max_length=200, label="Name of the new dataset")

    def clean_archive(self) -> UploadedFile[Any]:
        """Refuse what is too large or no zip."""
        archive: UploadedFile[Any] = self.cleaned_data["archive"]
        try:
            importing.check_archive(archive)
        except SemsearchError as error:
            raise ValidationError(error.detail) from error
        return archive

    def clean(self) -> dict[str, object]:
        """Require an existing dataset or the slug of a new one."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        slug = values.get("slug")
        if not values.get("dataset") and not slug:
            raise ValidationError("Choose a dataset, or give the slug of a new one.")
        if not values.get("dataset") and Dataset.objects.filter(slug=slug).exists():
            raise ValidationError("There is a dataset with this slug already: choose it in the list.")
        return values

    def target(self) -> Dataset:
        """Return the dataset chosen, made when it is new."""
        values = self.cleaned_data
        chosen: Dataset | None = values.get("dataset")
        return chosen or datasets.save(
            Dataset(slug=values["slug"], name=values.get("name") or values["slug"])
        )
