"""The networks and what their layers see, as plain values."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias, TypedDict

from gallery.models import Image
from search.extractors.networks import registry
from search.extractors.networks.facts import FACTS
from search.extractors.networks.layer_info import Layer
from search.extractors.networks.network import Network
from search.features import feature_maps
from search.features.collected import all_layers_address
from search.features.layer_images import layer_image, layer_sheet, painted_channels

MapShape: TypeAlias = Annotated[tuple[int, int, int], "Height, width and channels of the map."]


class LayerAnswer(TypedDict):
    """A layer of a network whose feature map can be searched with."""

    name: str
    type: Annotated[str, "Its class in Keras."]
    index: Annotated[int, "Its number, counted from 1, among `total_layers`."]
    total_layers: int
    parameters: Annotated[int, "Parameters up to and with this layer."]
    shape: MapShape
    operations: Annotated[
        dict[str, int], "Kinds of all layers since the one listed before, and their number."
    ]
    picture: Annotated[str | None, "An image of what excites it most, painted by gradient ascent."]
    sheet: Annotated[str | None, "A larger image with more of its channels; null where there is none."]
    painted_channels: Annotated[
        list[int] | None,
        "The channels that were painted, row by row, counted from 0: `sheet` shows all, `picture` the first "
        "four. Null where they are not known.",
    ]


class NetworkFactsAnswer(TypedDict):
    """What is known of a network from elsewhere."""

    year: int
    paper: str
    address: Annotated[str, "Of the paper."]
    top1: Annotated[float, "Accuracy on ImageNet, in percent."]
    licence: Annotated[str, "Of the weights."]
    source: Annotated[str, "Who says so."]


class OriginAnswer(TypedDict):
    """Where a model comes from that was added here."""

    licence: str
    source: str
    text: Annotated[bool, "Whether it reads text as well, and answers free text where it is live."]


class ModelAnswer(TypedDict):
    """A network and whether it can be used here."""

    name: str
    title: str
    input_size: Annotated[int, "Side in pixels; 0 while the network is unknown."]
    parameters: Annotated[int, "Parameters up to the last layer listed."]
    baseline: Annotated[bool, "It is there to be compared with."]
    layers: list[LayerAnswer]
    all_layers: Annotated[
        str | None,
        "Address of a JSON list of all its layers in order, each a list of name, class in Keras, shape, and "
        "parameters of its own; null where there is none.",
    ]
    facts: NetworkFactsAnswer | None
    origin: Annotated[OriginAnswer | None, "As who brought it says; null of networks that ship."]
    available: bool
    reason: Annotated[str, "Why it cannot be used and what to do; empty when it can."]


class FeatureMapAnswer(TypedDict):
    """One channel of a layer."""

    channel: Annotated[int, "Its number, counted from 0."]
    mean: Annotated[float, "Its mean over all places of the map."]
    picture: Annotated[str, "Where it answers: dark least, light most."]


class FeatureMapsAnswer(TypedDict):
    """The strongest channels of a layer for one image, strongest first."""

    image: int
    model: str
    layer: str
    shape: MapShape
    maps: list[FeatureMapAnswer]
    means: NotRequired[
        Annotated[list[float], "The mean of every channel, where asked for: `average` pooling."]
    ]


def model_answers() -> list[ModelAnswer]:
    """Return every known network, with the reason where it cannot be used."""
    return [_model(network) for network in registry.known()]


def feature_maps_answer(image: Image, model: str, layer: str, count: int) -> FeatureMapsAnswer:
    """Return the channels of a layer with the largest means for an image. Raises: as `feature_maps`."""
    found = feature_maps.feature_maps(image, model, layer, count)
    return {
        "image": image.pk,
        "model": model,
        "layer": layer,
        "shape": found.shape,
        "maps": [{"channel": one.channel, "mean": one.mean, "picture": one.address} for one in found.maps],
        "means": found.means,
    }


def _model(network: Network) -> ModelAnswer:
    reason = network.unavailable_reason()
    return {
        "name": network.name,
        "title": network.title,
        "input_size": network.input_size,
        "parameters": network.parameters,
        "baseline": network.baseline,
        "layers": [_layer(network.name, layer) for layer in network.described()],
        "all_layers": all_layers_address(network.name),
        "facts": _facts(network.name),
        "origin": _origin(network),
        "available": not reason,
        "reason": reason,
    }


def _facts(name: str) -> NetworkFactsAnswer | None:
    found = FACTS.get(name)
    if found is None:
        return None
    return {
        "year": found.year,
        "paper": found.paper,
        "address": found.address,
        "top1": found.top1,
        "licence": found.licence,
        "source": found.source,
    }


def _origin(network: Network) -> OriginAnswer | None:
    model = registry.added_model(network)
    if model is None:
        return None
    return {"licence": model.licence, "source": model.source, "text": model.text is not None}


def _layer(model: str, layer: Layer) -> LayerAnswer:
    image = layer_image(model, layer.name)
    return {
        "name": layer.name,
        "type": layer.type,
        "index": layer.index,
        "total_layers": layer.total_layers,
        "parameters": layer.parameters,
        "shape": layer.shape,
        "operations": dict(layer.operations),
        "picture": image,
        "sheet": layer_sheet(model, layer.name),
        "painted_channels": painted_channels(model, layer.name) if image else None,
    }
