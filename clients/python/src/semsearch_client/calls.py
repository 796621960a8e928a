"""Every operation of the API that the client calls, by its name in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Operation:
    """Where an operation is; one that only `reads` can be asked again whatever became of the first time."""

    method: str
    path: str
    reads: bool = False


def _get(path: str) -> Operation:
    return Operation("GET", path, reads=True)


OPERATIONS: Mapping[str, Operation] = {
    "datasets_list": _get("/api/v1/datasets/"),
    "datasets_create": Operation("POST", "/api/v1/datasets/"),
    "datasets_retrieve": _get("/api/v1/datasets/{slug}/"),
    "datasets_destroy": Operation("DELETE", "/api/v1/datasets/{slug}/"),
    "datasets_upload_create": Operation("POST", "/api/v1/datasets/{slug}/upload/"),
    "datasets_embeddings": _get("/api/v1/datasets/{slug}/embeddings.npy"),
    "datasets_embeddings_ids": _get("/api/v1/datasets/{slug}/embeddings-ids.npy"),
    "datasets_embeddings_create": Operation("POST", "/api/v1/datasets/{slug}/embeddings/"),
    "datasets_tuning": _get("/api/v1/datasets/{slug}/tuning/"),
    "datasets_tune": Operation("POST", "/api/v1/datasets/{slug}/tuning/"),
    "images_list": _get("/api/v1/images/"),
    "images_create": Operation("POST", "/api/v1/images/"),
    "images_retrieve": _get("/api/v1/images/{id}/"),
    "images_embedding": _get("/api/v1/images/{id}/embedding/"),
    "images_partial_update": Operation("PATCH", "/api/v1/images/{id}/"),
    "images_destroy": Operation("DELETE", "/api/v1/images/{id}/"),
    # they are sent by POST, but change nothing
    "search": Operation("POST", "/api/v1/search/", reads=True),
    "search_batch": Operation("POST", "/api/v1/search/batch/", reads=True),
    "saved_searches_list": _get("/api/v1/saved-searches/"),
    "saved_searches_create": Operation("POST", "/api/v1/saved-searches/"),
    "saved_searches_hits": _get("/api/v1/saved-searches/{id}/hits/"),
    "saved_searches_images": _get("/api/v1/saved-searches/{id}/images/"),
    "saved_searches_destroy": Operation("DELETE", "/api/v1/saved-searches/{id}/"),
    "uploads_create": Operation("POST", "/api/v1/uploads/"),
    "jobs_list": _get("/api/v1/jobs/"),
    "jobs_retrieve": _get("/api/v1/jobs/{id}/"),
    "jobs_failed_files_list": _get("/api/v1/jobs/{id}/failed-files/"),
    "jobs_cancel_create": Operation("POST", "/api/v1/jobs/{id}/cancel/"),
    "jobs_retry_create": Operation("POST", "/api/v1/jobs/{id}/retry/"),
    "models_list": _get("/api/v1/models/"),
    "experiments_list": _get("/api/v1/experiments/"),
    "experiments_create": Operation("POST", "/api/v1/experiments/"),
    "experiments_promote_create": Operation("POST", "/api/v1/experiments/{id}/promote/"),
    "projections_list": _get("/api/v1/projections/"),
    "projections_create": Operation("POST", "/api/v1/projections/"),
    "projections_points_retrieve": _get("/api/v1/projections/{id}/points/"),
}


@dataclass(frozen=True)
class Call:
    """A call of an operation: what stands in its path and its query, and what it is sent.

    `files` are parts of a form, each (name of the file, bytes or open file). In query and form, what is None
    is left out.
    """

    operation: str
    path: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, object] = field(default_factory=dict)
    json: Mapping[str, object] | None = None
    form: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def known(self) -> Operation:
        """Return the operation."""
        return OPERATIONS[self.operation]

    def as_request(self) -> dict[str, Any]:
        """Return the arguments of `httpx.Client.build_request`."""
        names = {name: quote(str(value), safe="") for name, value in self.path.items()}
        values: dict[str, Any] = {
            "method": self.known.method,
            "url": self.known.path.format(**names),
            "params": said(self.query),
        }
        if self.json is not None:
            values["json"] = dict(self.json)
        if self.files:
            values |= {"data": said(self.form), "files": dict(self.files)}
        return values


def said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without those that are None."""
    return {name: value for name, value in values.items() if value is not None}
