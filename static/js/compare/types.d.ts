// What the modules of Compare hand to each other; for the checks only.
import type { ImageResult, ImageSummary } from "../shared/types.js";

export type Side = "a" | "b";

/** An image that was found; `right` is null where a label is missing. */
export interface RankedImage extends ImageSummary {
  rank: number;
  score: number;
  right: boolean | null;
}

/** What a configuration found: the first k, and the rank of everything stored. */
export interface SideResult {
  result: ImageResult | null;
  list: RankedImage[];
  ranks: Map<number, number>;
}
