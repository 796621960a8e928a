"""The words of the audit: what can be done here that leaves an entry, each with its name for people."""

from __future__ import annotations

from typing import Final

ACTIONS: Final = {
    "dataset.create": "made a dataset",
    "dataset.rename": "renamed a dataset",
    "dataset.describe": "described a dataset",
    "dataset.delete": "deleted a dataset",
    "dataset.restore": "restored a dataset",
    "dataset.purge": "removed a dataset for good",
    "image.add": "added an image",
    "image.delete": "deleted images",
    "image.restore": "restored images",
    "image.purge": "removed images for good",
    "image.label": "labelled images",
    "image.describe": "changed what is known of an image",
    "image.word": "took or removed a suggested word",
    "import.start": "started an import",
    "features.extract": "started an extraction",
    "features.import": "took in features that were made elsewhere",
    "words.look": "had words looked for",
    "index.rebuild": "started a build of indexes",
    "index.damaged": "found an index damaged",
    "experiment.compute": "started experiments",
    "weights.get": "started a download of weights",
    "map.compute": "started a map",
    "verification.start": "started a verification",
    "verification.hide": "hid images whose file is missing",
    "verification.show": "showed images whose file is back",
    "verification.adopt": "took images in again from their files",
    "job.cancel": "cancelled a job",
    "job.retry": "tried a job again",
    "job.retry_files": "tried files of a job again",
    "job.delete": "deleted a job",
    "failed_file.delete": "deleted the note of a failed file",
    "configuration.promote": "asked for another live configuration",
    "configuration.live": "switched live search",
    "account.sign_in": "signed in",
    "account.sign_out": "signed out",
    "account.refused": "was refused at signing in",
    "account.locked": "was locked out",
    "account.unlocked": "was let in again",
    "account.password": "changed a password",
    "member.create": "made an account",
    "member.change": "changed an account",
    "member.delete": "deleted an account",
    "group.create": "made a group",
    "group.change": "changed a group",
    "group.delete": "deleted a group",
    "token.create": "made a token",
    "token.change": "changed a token",
    "token.revoke": "revoked a token",
    "token.refused": "came with a wrong token",
    "backup.write": "made a backup",
    "backup.restore": "restored a backup",
    "audit.prune": "removed old entries of the audit",
}


def choices() -> list[tuple[str, str]]:
    """Return the words as a field of a model takes them; a new one needs no migration."""
    return list(ACTIONS.items())
