// What the modules of the leaderboard hand to each other; for the checks only.
import type { Job, LeaderboardRow, ScoreName, State } from "../shared/types.js";

export type CostName = "extract_ms" | "bytes_per_vector";
export type SortKey = "title" | "layer_position" | ScoreName | "dims" | CostName;

/** Which column the table is sorted by, and which way: 1 ascending, -1 descending. */
export interface Sort {
  key: SortKey;
  direction: number;
}

export interface BoardState extends State {
  score: ScoreName;
  cost: CostName;
  sort: Sort | null;
}

/** A row with what the page knows of it. */
export interface BoardRow extends LeaderboardRow {
  baseline: boolean;
  /** On the Pareto front of the chosen score and cost. */
  front: boolean;
  best: boolean;
  /** The live configuration, which is none of those that are compared here. */
  apart: boolean;
}

export interface ShownDataset {
  slug: string;
  name: string;
}

/**
 * What the details of a chosen row need: what answers now in words, the active jobs, the address of a row.
 */
export interface DetailOptions {
  state: BoardState;
  score: ScoreName;
  best: BoardRow | null;
  count: number;
  dataset: ShownDataset;
  live: string;
  liveRow: BoardRow | null;
  jobs: Job[];
  link: (row: BoardRow) => string;
  /** Called when a switch has ended. */
  done: (job: Job) => void;
}

export interface Axis {
  at: (value: number) => number;
  ticks: number[];
  log: boolean;
}

export interface ScatterPoint {
  row: BoardRow;
  x: number;
  y: number;
  front: boolean;
}
