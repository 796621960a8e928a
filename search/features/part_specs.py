"""The feature specs of the parts of images, beside that of whole ones, and their indexes."""

from __future__ import annotations

from dataclasses import replace

from gallery.errors import SemsearchError
from gallery.models import Dataset
from search.extractors import parts
from search.features import feature_specs, kept_maps
from search.models import FeatureSpec, SearchIndex


class NoPartsError(SemsearchError):
    """Features of whole images have no parts."""

    code = "no_parts"
    status = 422


def part_spec(spec: FeatureSpec, part: str) -> FeatureSpec:
    """Return the spec of a part of the maps of a spec."""
    name = parts.pooling_of_part(spec.pooling, part)
    return FeatureSpec.objects.for_config(replace(spec.config, pooling=name))


def require_parts(spec: FeatureSpec) -> None:
    """Refuse a spec whose features have no parts. Raises: NoPartsError; NoMapError; NetworkGoneError."""
    if spec.tuning:
        raise NoPartsError("Tuned features have no parts: switch live search back to the plain ones.")
    kept_maps.require_map(spec.config)
    if spec.pooling not in parts.DIVISIBLE:
        raise NoPartsError(
            f"Features pooled by {spec.pooling} have no parts: switch live search to another pooling."
        )


def part_indexes(dataset: Dataset, spec: FeatureSpec) -> dict[str, SearchIndex]:
    """Return the index of each part of images of a dataset under a spec, made where there is none."""
    return {part: feature_specs.index_of(dataset, part_spec(spec, part)) for part in parts.PARTS}


def of_parts(dataset_id: int) -> dict[int, str]:
    """Return the keys of the specs of parts that a dataset has indexes of, with the poolings' names."""
    rows = SearchIndex.objects.filter(dataset=dataset_id, spec__pooling__contains=parts.MARK)
    return dict(rows.values_list("spec", "spec__pooling"))


def existing_indexes(index: SearchIndex) -> dict[str, SearchIndex]:
    """Return the index of each part that is there beside an index of whole images."""
    prefix = f"{index.spec.pooling}{parts.MARK}"
    rows = SearchIndex.shown.select_related("spec").filter(
        dataset=index.dataset_id, spec__pooling__startswith=prefix
    )
    found = {}
    for row in rows:
        whole = replace(row.spec.config, pooling=index.spec.pooling)
        part = parts.divided(row.spec.pooling)[1]
        if whole == index.spec.config and part in parts.PARTS:
            found[part] = row
    return found
