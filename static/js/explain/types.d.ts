// What pages tell those who explain; for the checks only.
import type { FeatureSpec, Layer, Network, ScoreName, Scores } from "../shared/types.js";

export interface ShownImage {
  id: number;
  thumbnail: string;
  name: string;
  label: string;
}

export interface ShownNeighbour extends ShownImage {
  score: number;
}

/** A configuration with what it achieves and costs. */
export interface CostedRow extends Scores {
  model: string;
  layer: string;
  pooling: string;
  metric: string;
  bytes_per_vector: number;
  extract_ms: number | null;
}

/** What answers live searches in a dataset. */
export interface Answering {
  dataset: string;
  spec: FeatureSpec;
}

/**
 * What a page shows: `images` are all that it shows, `found` the neighbours of `image`, nearest first; `rows` the configurations of the
 * dataset; `beside` those nearest on a map; `scores` the scores of all hits.
 */
export interface Screen {
  image: ShownImage | null;
  network: Network | null;
  layer: Layer | null;
  pooling: string;
  metric: string;
  k: number;
  images: ShownImage[];
  found: ShownNeighbour[];
  beside: ShownImage[];
  scores: number[];
  rows: CostedRow[];
  score: ScoreName;
}

/** Draws an explanation of what is on the screen. */
export type Draw = (figure: HTMLElement, screen: Screen) => void;

/** The same for what has to ask the server first. */
export type DrawLater = (figure: HTMLElement, screen: Screen) => Promise<void>;
