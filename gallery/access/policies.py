"""Who may do what: the one table that names the policy of every route.

A route that is not here is closed to everybody, fails the system checks and keeps the web server from
starting. Routes of Django have one policy; those of the REST interface have one for each method, so that an
action that is new fails too. A key is the name by which Django reverses the route.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gallery.access.scopes import Scope


class Rule(StrEnum):
    """The kinds of policy; there are no others."""

    # anybody, always
    OPEN = "open"
    # while OPEN_READING is on anybody, else those who are signed in; a token needs the scope of the same name
    READ = "read"
    SEARCH = "search"
    # who has the permissions of the policy; a token needs the scope of the same name
    WRITE = "write"
    ADMIN = "admin"
    # who is_staff, as the admin site wants it; tokens do not count there
    STAFF = "staff"
    # who is signed in, about themselves; a token is refused
    OWN = "own"


@dataclass(frozen=True)
class Policy:
    """A rule, why a route has it, and Django's model permissions that are all needed."""

    rule: Rule
    why: str
    permissions: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope | None:
        """Return the scope that a token needs; None where tokens do not count."""
        return Scope(self.rule.value) if self.rule.value in set(Scope) else None

    @property
    def needs(self) -> str:
        """Return in words what who asks must have, for errors and the schema."""
        if not self.scope:
            return "a session"
        if not self.permissions:
            return f"a session, or a token of the scope {self.scope}"
        plural = "s" if len(self.permissions) > 1 else ""
        return f"the permission{plural} {', '.join(self.permissions)} and, of a token, the scope {self.scope}"


def _open(why: str) -> Policy:
    return Policy(Rule.OPEN, why)


def _read(why: str) -> Policy:
    return Policy(Rule.READ, why)


def _search(why: str) -> Policy:
    return Policy(Rule.SEARCH, why)


def _write(why: str, *permissions: str) -> Policy:
    return Policy(Rule.WRITE, why, permissions)


def _admin(why: str, *permissions: str) -> Policy:
    return Policy(Rule.ADMIN, why, permissions)


def _own(why: str) -> Policy:
    return Policy(Rule.OWN, why)


ByMethod: TypeAlias = dict[str, Policy]

# who may delete looks through the bin, brings back and removes for good
_DELETES_IMAGES = ("gallery.delete_image",)
_DELETES_DATASETS = ("gallery.delete_dataset", "gallery.delete_image", "gallery.delete_job")

_HIDDEN = _read("shows what is hidden: the view asks for the policy BIN below itself")
_PAGE = _read("a page that only shows")
_ANSWER = _read("an answer that only shows")

# how the names of all pages of the admin site begin; those that are not named have its policy
ADMIN_SITE = "admin:"
TABLE: dict[str, Policy | ByMethod] = {
    # for machines
    "healthz": _open("says only that the process lives"),
    "readyz": _open("whether requests may be sent here; a stranger to a closed site learns no more"),
    "metrics": _read("how much there is"),
    # the admin site
    ADMIN_SITE: Policy(Rule.STAFF, "each of its pages asks for its permissions itself"),
    "admin:login": _open("for those who are not signed in yet"),
    "admin:logout": _open("ends a session and nothing else"),
    "admin-sign-in": _open("leads to the page of the site"),
    "admin-sign-out": _open("ends a session and nothing else"),
    "admin-password": _own("leads to the page of the site"),
    # accounts
    "accounts:sign_in": _open("for those who are not signed in yet"),
    "accounts:sign_out": _open("ends a session and nothing else"),
    "accounts:first": _open("asks for the code of the start, and only while there is no account"),
    "accounts:password": _own("one's own"),
    "accounts:password_changed": _own("one's own"),
    "accounts:tokens": _own("one's own; a stolen token must not make others"),
    "accounts:token_revoke": _own("one's own"),
    # pages
    "gallery:datasets": _PAGE,
    "gallery:dataset": _PAGE,
    "gallery:image": _PAGE,
    "gallery:jobs": _PAGE,
    "gallery:job": _PAGE,
    "gallery:failed_csv": _read("what the page of the job shows"),
    "gallery:delete_image": _write("puts an image into the bin", *_DELETES_IMAGES),
    "gallery:delete_dataset": _write("puts a dataset into the bin", *_DELETES_DATASETS),
    "gallery:bin": _write("shows what is hidden from others", *_DELETES_IMAGES),
    "gallery:bin_images": _write("restores images or removes them for good", *_DELETES_IMAGES),
    "gallery:bin_datasets": _write("restores datasets or removes them for good", *_DELETES_DATASETS),
    "gallery:media": _read("images as the pages and answers show them"),
    "search:explore": _PAGE,
    "search:compare": _PAGE,
    "search:networks": _PAGE,
    "search:leaderboard": _PAGE,
    "search:tuning": _PAGE,
    "search:embeddings": _PAGE,
    "search:live": _PAGE,
    "search:saved": _read("one's own and what others share"),
    "search:collection": _read("the images of one's own or of what others share"),
    "search:backups": Policy(Rule.STAFF, "when the last backup was, for those who answer for it"),
    # the documents, which tell the version
    "docs": _read("how semsearch is used"),
    "document": _read("how semsearch is used"),
    # the REST interface and its description
    "schema": {"GET": _read("tells what there is")},
    "api-docs": {"GET": _read("tells what there is")},
    "api-unknown": _open("says that there is nothing"),
    "dataset-list": {
        "GET": _ANSWER,
        "POST": _write("makes a dataset", "gallery.add_dataset"),
    },
    "dataset-detail": {
        "GET": _ANSWER,
        "PATCH": _write("renames a dataset", "gallery.change_dataset"),
        "DELETE": _write(
            "puts a dataset with all that hangs on it into the bin, as in the admin", *_DELETES_DATASETS
        ),
    },
    "dataset-upload": {"POST": _write("adds the images of a zip", "gallery.add_image")},
    "dataset-from-images": {
        "POST": _write("makes a dataset and copies images", "gallery.add_dataset", "gallery.add_image"),
    },
    "dataset-atlas": {"GET": _ANSWER},
    "dataset-atlas-ids": {"GET": _ANSWER},
    "image-list": {
        "GET": _ANSWER,
        "POST": _write("adds an image", "gallery.add_image"),
        "PATCH": _write("labels images", "gallery.change_image"),
        "DELETE": _write("puts images into the bin", *_DELETES_IMAGES),
    },
    "image-detail": {
        "GET": _ANSWER,
        "PATCH": _write("changes what is known of an image", "gallery.change_image"),
        "DELETE": _write("puts an image into the bin", *_DELETES_IMAGES),
    },
    "image-embedding": {"GET": _ANSWER},
    "dataset-embeddings": {"GET": _read("numbers made of what everybody may look at")},
    "dataset-embeddings-ids": {"GET": _ANSWER},
    "dataset-parts": {
        "GET": _read("numbers made of what everybody may look at"),
        "POST": _write("adds vectors of parts of all images", "search.add_searchindex"),
        "DELETE": _write("removes them", "search.add_searchindex"),
    },
    "dataset-embeddings-create": {"POST": _write("adds an index of vectors", "search.add_searchindex")},
    "image-grid": {"GET": _ANSWER},
    "bin-image-list": {"GET": _HIDDEN},
    "bin-image-detail": {
        "GET": _HIDDEN,
        "DELETE": _write("removes an image for good", *_DELETES_IMAGES),
    },
    "bin-image-restore": {"POST": _write("takes a deletion back", *_DELETES_IMAGES)},
    "bin-dataset-list": {"GET": _HIDDEN},
    "bin-dataset-detail": {
        "GET": _HIDDEN,
        "DELETE": _write("removes a dataset for good", *_DELETES_DATASETS),
    },
    "bin-dataset-restore": {"POST": _write("takes a deletion back", *_DELETES_DATASETS)},
    "job-list": {"GET": _ANSWER},
    "job-detail": {"GET": _ANSWER},
    "job-failed-files": {"GET": _ANSWER},
    "job-cancel": {"POST": _admin("stops work that others may wait for", "gallery.change_job")},
    "job-retry": {"POST": _admin("takes up work again", "gallery.change_job")},
    "job-retry-files": {"POST": _admin("takes up work again", "gallery.change_job")},
    "token-list": {
        "GET": _own("one's own"),
        "POST": _own("one's own; a stolen token must not make others"),
    },
    "token-detail": {"DELETE": _own("one's own")},
    "search-batch": {"POST": _search("as many searches")},
    "search": {"POST": _search("computes and may fetch an address; nothing of it is stored")},
    "search-explanation": {"GET": _search("computes as a search does")},
    "facets": {"GET": _ANSWER},
    "saved-search-list": {
        "GET": _read("one's own and what others share; the service leaves out the rest"),
        "POST": _write("keeps a search under a name for oneself, whatever else one may do"),
    },
    "saved-search-detail": {
        "GET": _read("one's own or what others share; the service knows no other"),
        "PATCH": _write("one's own; the service refuses others'"),
        "DELETE": _write("one's own, or a shared one with the permission; the service refuses others'"),
    },
    "saved-search-new": {"GET": _read("counts for one's own")},
    "saved-search-hits": {"GET": _search("computes as a search does")},
    "saved-search-images": {"GET": _search("computes as a search does")},
    "words": {"GET": _ANSWER},
    "image-words": {
        "GET": _ANSWER,
        "POST": _write("takes or removes a suggested word", "gallery.change_image"),
    },
    "dataset-words": {
        "GET": _ANSWER,
        "POST": _write("lets a network look at all images", "gallery.change_image"),
    },
    "upload-create": {"POST": _search("keeps an image to search with for some hours, for who knows its id")},
    "models": {"GET": _ANSWER},
    "model-weights": {"POST": _admin("downloads a file to this machine", "search.add_experiment")},
    "maps": {"GET": _ANSWER},
    "index-list": {"GET": _ANSWER},
    "index-detail": {"GET": _ANSWER},
    "index-promote": {
        "POST": _admin("changes what every search is answered with", "search.change_searchindex"),
    },
    "dataset-tuning": {
        "GET": _ANSWER,
        "POST": _admin("where searches are tuned it changes their answers", "search.add_experiment"),
    },
    "experiment-list": {
        "GET": _ANSWER,
        "POST": _write("computes experiments", "search.add_experiment"),
    },
    "experiment-detail": {"GET": _ANSWER},
    "experiment-neighbours": {"GET": _ANSWER},
    "experiment-image-scores": {"GET": _ANSWER},
    "experiment-score-distributions": {"GET": _ANSWER},
    "experiment-explanation": {"GET": _ANSWER},
    "experiment-of-image": {"GET": _ANSWER},
    "experiment-leaderboard": {"GET": _ANSWER},
    "experiment-estimate": {"GET": _ANSWER},
    "experiment-promote": {
        "POST": _admin("changes what every search is answered with", "search.change_searchindex"),
    },
    "projection-list": {
        "GET": _ANSWER,
        "POST": _write("computes maps", "search.add_projection"),
    },
    "projection-detail": {"GET": _ANSWER},
    "projection-points": {"GET": _ANSWER},
    "projection-points-csv": {"GET": _ANSWER},
    "projection-legend": {"GET": _ANSWER},
    "projection-colours": {"GET": _ANSWER},
}  # fmt: skip

# who sees what is hidden
BIN = _write("what the page of the bin shows", *_DELETES_IMAGES)
# what whoever may look around here may do
READING = _read("what pages and answers show")
# who sees what an error tells of this server itself
DETAILS = _admin("folders and addresses of the server", "gallery.change_job")


# what a POST may do while the disk is nearly full: remove something, take that back, which needs no more
# space than before, or stop what would fill it
REMOVING = frozenset(
    {
        "job-cancel",
        "gallery:delete_image", "gallery:delete_dataset", "gallery:bin_images", "gallery:bin_datasets",
        "bin-image-restore", "bin-dataset-restore",
    }
)  # fmt: skip
# of the admin site; from a list one deletes what was chosen
_REMOVING_ENDS = ("_delete", "_changelist")


def stores(name: str, method: str, policy: Policy) -> bool:
    """Whether a request may store more than a row of who asks, so that it needs free space on the disk."""
    if policy.rule not in (Rule.WRITE, Rule.ADMIN, Rule.STAFF):
        return False
    if method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return False
    return name not in REMOVING and not name.endswith(_REMOVING_ENDS)


def entry_of(name: str) -> Policy | ByMethod | None:
    """Return what the table has for a route: its own entry, else that of the admin site for its pages."""
    return TABLE.get(name) or (TABLE[ADMIN_SITE] if name.startswith(ADMIN_SITE) else None)


def of_route(name: str, method: str, offered: frozenset[str] | None) -> Policy | None:
    """Return the policy of a request; None where the table has none, which closes the route.

    Args:
        name: what Django reverses the route by, with its namespaces.
        offered: the methods of a view of the REST interface, None for any other view.
    """
    entry = entry_of(name)
    if entry is None or isinstance(entry, Policy):
        return entry
    method = "GET" if method == "HEAD" else method
    if method == "OPTIONS" or (offered is not None and method not in offered):
        return READING  # the view itself says which methods it has
    return entry.get(method)


def permissions_named() -> list[str]:
    """Return every permission that a policy asks for, as `app.action_model`."""
    rows = [[entry] if isinstance(entry, Policy) else entry.values() for entry in TABLE.values()]
    return sorted({name for row in rows for policy in row for name in policy.permissions})
