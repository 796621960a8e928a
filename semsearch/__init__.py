"""semsearch as a library: features of images, an index, scores and maps, without a server and without Django.

    import semsearch

    paths = sorted(Path("birds").rglob("*.jpg"))
    vectors = semsearch.extract(paths, model="efficientnet-lite0", layer="top")
    index = semsearch.Index(vectors)
    places, scores = index.search(semsearch.extract(["wren.jpg"], model="efficientnet-lite0"), k=5)
    points = semsearch.project(vectors)

What is computed of a network is kept in a folder (`semsearch.cache_folder()`), which is made when it is
needed; any call takes another one as `cache_dir`. Errors are `semsearch.SemsearchError`: a sentence that says
what to do.
"""

from __future__ import annotations

from gallery.errors import SemsearchError
from gallery.version import VERSION
from search.extractors.networks.network import Network
from semsearch.features import (
    cache_folder,
    extract,
    extract_layers,
    feature_maps,
    network,
    networks,
    read_image,
)
from semsearch.indexes import Index
from semsearch.maps import project
from semsearch.samples import samples
from semsearch.scores import Scores, score
from semsearch.tunings import Tuned, tune

__version__ = VERSION

__all__ = [
    "Index",
    "Network",
    "Scores",
    "SemsearchError",
    "Tuned",
    "__version__",
    "cache_folder",
    "extract",
    "extract_layers",
    "feature_maps",
    "network",
    "networks",
    "project",
    "read_image",
    "samples",
    "score",
    "tune",
]
