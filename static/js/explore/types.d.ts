// What the modules of Explore hand to each other; for the checks only.
import type { Experiment, Found, ImageSummary, Network, State } from "../shared/types.js";
import type { ImageGrid } from "./grid.js";

/** Where a chosen image flies from. */
export interface Origin {
  rect: DOMRect;
}

/** How a change came about: `since` is when somebody asked for it, `walking` one of many quick steps. */
export interface ChoiceOptions {
  since?: number;
  walking?: boolean;
  origin?: Origin | null;
  replace?: boolean;
}

/** How an image became the query: `from` is the link that was followed. */
export interface SearchOptions {
  since?: number;
  walking?: boolean;
  from?: Element | null;
}

/** All that is shown: `row` is the experiment of the state, or null; `answer` what the query found. */
export interface ExplorePage {
  state: State;
  mayCompute: boolean;
  networks: Network[];
  rows: Experiment[];
  row: Experiment | null;
  answer: Found | null;
  loaded: boolean;
  grid: ImageGrid | null;
  choose(changes: Partial<State>, options?: ChoiceOptions): void;
  search(image: number, options?: SearchOptions): void;
  refresh(): Promise<void>;
  address(changes: Partial<State>): string;
}

export interface RankedNeighbour extends ImageSummary {
  score: number;
  rank: number;
}

/** Experiments to compute; what is not said is the default. */
export interface WantedExperiments {
  dataset: string;
  models?: string[];
  poolings?: string[];
  metrics?: string[];
}

/** Some images in a row in the grid: all, or those of one category, whose name then stands above. */
export interface Section {
  name: string;
  start: number;
  images: number;
  named?: boolean;
}

/** A section with where it begins, and where its images do, in CSS pixels. */
export interface LaidSection extends Section {
  top: number;
  body: number;
}

/** The lowest and highest score that curves show. */
export interface ScoreRange {
  low: number;
  high: number;
}
