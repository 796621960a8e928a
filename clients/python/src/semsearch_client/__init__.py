"""A client of semsearch: image search in Python.

    import semsearch_client as ss

    client = ss.Client("http://127.0.0.1:8000", token="…")
    hits = client.search("wren.jpg", k=10)
    hits.ids, hits.scores, hits.to_pandas()

`AsyncClient` is the same for programs that use asyncio.
"""

from __future__ import annotations

from semsearch_client._async.client import AsyncClient
from semsearch_client._async.dataset import AsyncDataset
from semsearch_client._async.jobs import AsyncJob
from semsearch_client._sync.client import Client
from semsearch_client._sync.dataset import Dataset
from semsearch_client._sync.jobs import Job
from semsearch_client._sync.rows import Experiment, Hit, Image, Projection
from semsearch_client._sync.saved import SavedSearch
from semsearch_client.archives import Progress
from semsearch_client.errors import (
    JobFailed,
    JobTimeout,
    NotFound,
    Refused,
    SemsearchError,
    Throttled,
    Unavailable,
)
from semsearch_client.rows import FailedFile, Hits, Model, Rows
from semsearch_client.version import VERSION

__version__ = VERSION

__all__ = [
    "AsyncClient",
    "AsyncDataset",
    "AsyncJob",
    "Client",
    "Dataset",
    "Experiment",
    "FailedFile",
    "Hit",
    "Hits",
    "Image",
    "Job",
    "JobFailed",
    "JobTimeout",
    "Model",
    "NotFound",
    "Progress",
    "Projection",
    "Refused",
    "Rows",
    "SavedSearch",
    "SemsearchError",
    "Throttled",
    "Unavailable",
    "__version__",
]
