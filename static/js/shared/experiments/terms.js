// The words of Keras in words for people.

/** @type {Record<string, [short: string, long: string]>} */
const KINDS = {
  ReLU: ["rectified", "ReLU, “rectified”: what is below zero becomes zero"],
  Activation: ["activated", "an activation: weak answers are pressed towards zero"],
  Add: ["block’s sum", "Add: the sum of a block’s result and of what went into it"],
  Concatenate: ["joined maps", "Concatenate: the maps of several branches side by side"],
  Conv2D: ["convolution", "Conv2D: filters that slide over the maps before"],
  BatchNormalization: ["normalised", "BatchNormalization: brought to a common scale"],
  ColourHistogram: ["counted", "no network: how often each colour occurs"],
};

/** @type {Record<string, string>} */
const NAMES = {
  Activation: "Activation",
  Add: "Addition",
  AveragePooling2D: "Average pooling",
  BatchNormalization: "Batch normalisation",
  Concatenate: "Concatenation",
  Conv2D: "Convolution",
  DepthwiseConv2D: "Depthwise convolution",
  GlobalAveragePooling2D: "Global average pooling",
  InputLayer: "Input",
  MaxPooling2D: "Max pooling",
  Multiply: "Multiplication",
  Normalization: "Normalisation",
  ReLU: "Rectifier (ReLU)",
  SeparableConv2D: "Separable convolution",
  ZeroPadding2D: "Zero padding",
};

/**
 * Return the name of a kind of layer, as books have it; one that is not known stays as Keras calls it.
 * @param {string} type
 */
export const kindName = (type) => NAMES[type] ?? type;

/**
 * Return a few words for a kind of layer, as Keras calls it.
 * @param {string} type
 */
export const kindOf = (type) => KINDS[type]?.[0] ?? type;

/**
 * Return what a kind of layer does, in a clause.
 * @param {string} type
 */
export const kindInWords = (type) => KINDS[type]?.[1] ?? type;
