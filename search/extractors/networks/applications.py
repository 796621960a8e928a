"""Which networks of Keras Applications there are, and which of their layers are used.

Networks and weights: https://keras.io/api/applications/.
"""

from __future__ import annotations

from dataclasses import dataclass

STORAGE = "https://storage.googleapis.com/"
APPLICATIONS = f"{STORAGE}tensorflow/keras-applications/"


@dataclass(frozen=True)
class Application:
    """One network of Keras Applications: its class, its weights files and the layers that are used.

    `files` are the names Keras gives its downloads, without the classifier first; `address` is where they
    lie. A layer is named as in Keras, or given by its number among the activations, counted from 1, where
    Keras numbers the names anew with every network built.
    """

    name: str
    class_name: str
    input_size: int
    files: tuple[str, str]
    address: str
    keras_layers: tuple[tuple[str, str | int], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the names of the eight layers, from the first convolution to the last activation."""
        return tuple(layer for layer, _ in self.keras_layers)


def _file_names(stem: str) -> tuple[str, str]:
    common = f"{stem}_weights_tf_dim_ordering_tf_kernels"
    return f"{common}_notop.h5", f"{common}.h5"


def _efficientnet(variant: str, input_size: int, last_blocks: str) -> Application:
    """Return EfficientNet-`variant`; `last_blocks` are the letters of the last block of stages 2 to 6."""
    stages = [(f"stage{n}", f"block{n}{letter}_add") for n, letter in enumerate(last_blocks, start=2)]
    # A stage of one block has no shortcut, and so ends with its normalisation.
    stage7 = "block7a_project_bn" if variant == "B0" else "block7c_add"
    name = f"efficientnet{variant.lower()}"
    return Application(
        name=f"efficientnet-{variant.lower()}",
        class_name=f"EfficientNet{variant}",
        input_size=input_size,
        files=(f"{name}_notop.h5", f"{name}.h5"),
        address=f"{STORAGE}keras-applications/",
        keras_layers=(("stem", "stem_activation"), *stages, ("stage7", stage7), ("top", "top_activation")),
    )


def _vgg(depth: int, last: int, middle: int) -> Application:
    """Return VGG of a depth; `last` and `middle` are the convolutions used of the last blocks."""
    return Application(
        name=f"vgg{depth}",
        class_name=f"VGG{depth}",
        input_size=224,
        files=_file_names(f"vgg{depth}"),
        address=f"{APPLICATIONS}vgg{depth}/",
        keras_layers=(
            ("stem", "block1_conv1"),
            ("block1", "block1_conv2"),
            ("block2", "block2_conv2"),
            ("block3", f"block3_conv{last}"),
            (f"block4-{middle}", f"block4_conv{middle}"),
            ("block4", f"block4_conv{last}"),
            (f"block5-{middle}", f"block5_conv{middle}"),
            ("top", f"block5_conv{last}"),
        ),
    )


# A layer "block3-2" lies within block 3, after its second unit; "block3" is the end of the block.
KERAS_APPLICATIONS: tuple[Application, ...] = (
    Application(
        name="mobilenet",
        class_name="MobileNet",
        input_size=224,
        files=("mobilenet_1_0_224_tf_no_top.h5", "mobilenet_1_0_224_tf.h5"),
        address=f"{APPLICATIONS}mobilenet/",
        keras_layers=(
            ("stem", "conv1_relu"),
            *((f"block{n}", f"conv_pw_{n}_relu") for n in (1, 3, 5, 7, 9, 11)),
            ("top", "conv_pw_13_relu"),
        ),
    ),
    _efficientnet("B0", 224, "bbccd"),
    Application(
        name="densenet121",
        class_name="DenseNet121",
        input_size=224,
        files=_file_names("densenet121"),
        address=f"{APPLICATIONS}densenet/",
        keras_layers=(
            ("stem", "conv1_relu"),
            ("block1", "pool2_relu"),
            ("block2-6", "conv3_block6_concat"),
            ("block2", "pool3_relu"),
            ("block3-12", "conv4_block12_concat"),
            ("block3", "pool4_relu"),
            ("block4-8", "conv5_block8_concat"),
            ("top", "relu"),
        ),
    ),
    Application(
        name="xception",
        class_name="Xception",
        input_size=299,
        files=_file_names("xception"),
        address=f"{APPLICATIONS}xception/",
        keras_layers=(
            ("stem", "block1_conv1_act"),
            ("block1", "block1_conv2_act"),
            # The sum that ends a block is activated at the entry of the next.
            *((f"block{n}", f"block{n + 1}_sepconv1_act") for n in (2, 3, 4, 8, 12)),
            ("top", "block14_sepconv2_act"),
        ),
    ),
    Application(
        name="inception-v3",
        class_name="InceptionV3",
        input_size=299,
        files=_file_names("inception_v3"),
        address=f"{APPLICATIONS}inception_v3/",
        keras_layers=(
            ("stem", 1),
            ("conv5", 5),
            *((f"mixed{n}", f"mixed{n}") for n in (0, 2, 4, 6, 8)),
            ("top", "mixed10"),
        ),
    ),
    Application(
        name="resnet50",
        class_name="ResNet50",
        input_size=224,
        files=_file_names("resnet50"),
        address=f"{APPLICATIONS}resnet/",
        keras_layers=(
            ("stem", "conv1_relu"),
            ("block2", "conv2_block3_out"),
            ("block3-2", "conv3_block2_out"),
            ("block3", "conv3_block4_out"),
            ("block4-3", "conv4_block3_out"),
            ("block4", "conv4_block6_out"),
            ("block5-1", "conv5_block1_out"),
            ("top", "conv5_block3_out"),
        ),
    ),
    _efficientnet("B5", 456, "eeggi"),
    _vgg(16, 3, 1),
    _vgg(19, 4, 2),
)
