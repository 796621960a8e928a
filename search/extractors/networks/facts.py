"""What is known of the networks from elsewhere: year, paper, accuracy, licence, each with its source.

Top-1 accuracies are on ImageNet's validation images, one crop in the middle, as the source of each card says.
Years are those of the papers on arXiv, for the Lite networks that of their publication:
https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html.
Parameters and input sizes are no facts from elsewhere: they are read from the model (`networks.json`).

Licences of the weights are those that the documents of Keras 2.3 name (`docs/templates/applications.md` in
its repository). They name none for EfficientNet and its Lite forms, which come from
https://github.com/tensorflow/tpu, under Apache-2.0. SqueezeNet's is the one in its repository.
"""

from __future__ import annotations

from dataclasses import dataclass

KERAS = "https://keras.io/api/applications/"
LITE = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"
ARXIV = "https://arxiv.org/abs/"


@dataclass(frozen=True)
class NetworkFacts:
    """Year, title and address of the paper, top-1 in percent, licence of the weights, and who says so."""

    year: int
    paper: str
    address: str
    top1: float
    licence: str
    source: str


_EFFICIENTNET = "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
_VGG = "Very Deep Convolutional Networks for Large-Scale Image Recognition"


def _lite(top1: float) -> NetworkFacts:
    return NetworkFacts(2020, _EFFICIENTNET, f"{ARXIV}1905.11946", top1, "Apache-2.0", LITE)


FACTS: dict[str, NetworkFacts] = {
    "efficientnet-lite0": _lite(75.1),
    "efficientnet-lite1": _lite(76.7),
    "efficientnet-lite2": _lite(77.6),
    "squeezenet": NetworkFacts(
        2016,
        "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
        f"{ARXIV}1602.07360",
        58.4,
        "BSD-2-Clause",
        "https://docs.openvino.ai/2021.3/omz_models_model_squeezenet1_1.html",
    ),
    "mobilenet": NetworkFacts(
        2017,
        "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
        f"{ARXIV}1704.04861",
        70.4,
        "Apache-2.0",
        KERAS,
    ),
    "efficientnet-b0": NetworkFacts(2019, _EFFICIENTNET, f"{ARXIV}1905.11946", 77.1, "Apache-2.0", KERAS),
    "densenet121": NetworkFacts(
        2016, "Densely Connected Convolutional Networks", f"{ARXIV}1608.06993", 75.0, "BSD-3-Clause", KERAS
    ),
    "xception": NetworkFacts(
        2016,
        "Xception: Deep Learning with Depthwise Separable Convolutions",
        f"{ARXIV}1610.02357",
        79.0,
        "MIT",
        KERAS,
    ),
    "inception-v3": NetworkFacts(
        2015,
        "Rethinking the Inception Architecture for Computer Vision",
        f"{ARXIV}1512.00567",
        77.9,
        "Apache-2.0",
        KERAS,
    ),
    "resnet50": NetworkFacts(
        2015, "Deep Residual Learning for Image Recognition", f"{ARXIV}1512.03385", 74.9, "MIT", KERAS
    ),
    "efficientnet-b5": NetworkFacts(2019, _EFFICIENTNET, f"{ARXIV}1905.11946", 83.6, "Apache-2.0", KERAS),
    "vgg16": NetworkFacts(2014, _VGG, f"{ARXIV}1409.1556", 71.3, "CC-BY-4.0", KERAS),
    "vgg19": NetworkFacts(2014, _VGG, f"{ARXIV}1409.1556", 71.3, "CC-BY-4.0", KERAS),
}
