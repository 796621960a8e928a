"""Lists the files that an import cannot use: the first thousand of a kind, the others by number; sums up why.

A kind is the code of an error. Rows for every file of a hostile archive would take a worker minutes and the
database more room than the archive.
"""

from __future__ import annotations

from collections import Counter

from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.models import FailedFile, Image

MOST_OF_A_KIND = 1000
WRITTEN_EVERY = 1000
MOST_REASONS = 10
DUPLICATE = "duplicate"  # a copy is listed, and is no failure
# words for kinds of errors whose details differ from file to file; of the others the reason itself is one
_KINDS = {
    "not_a_picture": "not an image that can be read",
    "too_large": "too large",
}


class Failures:
    """The files that one import could not use so far; an import that goes on after a crash counts anew."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._listed: dict[str, set[str]] = {}
        self._unlisted: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        if run.job.unlisted:
            run.touch(result={})

    def add(self, name: str, error: SemsearchError, image: Image | None = None) -> None:
        """List a file, or count it where enough of its kind are listed."""
        if error.code != DUPLICATE:
            self.reasons[_KINDS.get(error.code, error.detail)] += 1
        listed = self._listed_of(error.code)
        if name[:500] in listed:
            return
        if len(listed) < MOST_OF_A_KIND:
            listed.add(name[:500])
            # a duplicate of what was deleted in this moment was one all the same
            if not self._run.fail_file(name, error, image):
                self._run.fail_file(name, error)
            return
        self._unlisted[error.code] += 1
        if self._unlisted.total() % WRITTEN_EVERY == 0:
            self._run.touch(result=self.as_result())

    def as_result(self) -> dict[str, object]:
        """Return what a job's result says: reasons with their numbers, and what is counted only, by code."""
        told = {"reasons": dict(self.reasons.most_common(MOST_REASONS)), "unlisted": dict(self._unlisted)}
        return {name: counts for name, counts in told.items() if counts}

    def in_words(self) -> str:
        """Return the reasons with their numbers, the most frequent first, as a part of a sentence."""
        return "; ".join(f"{count:,} × {reason}" for reason, count in self.reasons.most_common(MOST_REASONS))

    def _listed_of(self, code: str) -> set[str]:
        if code not in self._listed:
            rows = FailedFile.objects.filter(job=self._run.job, code=code)
            self._listed[code] = set(rows.values_list("name", flat=True))
        return self._listed[code]
