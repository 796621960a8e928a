// Whether things on the page may move.

/** Return whether somebody asked for less motion. */
export const prefersStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
