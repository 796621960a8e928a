"""The rows of suggested words, and of what people said of them."""

from __future__ import annotations

from django.db import models


class SuggestedWord(models.Model):
    """A class of ImageNet that a network sees in an image, and how sure it is of it.

    An image that was looked at has one to five. `dataset` repeats the image's, so that an index alone answers
    a search by words; the row goes with the image, before the dataset does.
    """

    image = models.ForeignKey("gallery.Image", on_delete=models.CASCADE, related_name="words", db_index=False)
    dataset = models.ForeignKey(
        "gallery.Dataset", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.PositiveIntegerField(help_text="The meaning's offset in WordNet 3.0.")
    confidence = models.PositiveSmallIntegerField(
        help_text="In ten-thousandths; 0 where somebody said that the word is wrong."
    )

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["image", "key"], name="one_row_per_suggested_word")]
        indexes = [
            # all that a search by a word reads
            models.Index(fields=["key", "dataset", "confidence", "image"], name="image_by_suggested_word")
        ]

    def __str__(self) -> str:
        return f"word {self.key} of image {self.image_id}"


class WordVerdict(models.Model):
    """What somebody said of a suggested word: it stays said, whatever is computed anew."""

    image = models.ForeignKey(
        "gallery.Image", on_delete=models.CASCADE, related_name="word_verdicts", db_index=False
    )
    key = models.PositiveIntegerField(help_text="The meaning's offset in WordNet 3.0; broader ones as well.")
    right = models.BooleanField(help_text="It became a label; else the word was removed.")
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["image", "key"], name="one_verdict_per_word")]

    def __str__(self) -> str:
        return f"verdict on word {self.key} of image {self.image_id}"
