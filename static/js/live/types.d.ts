// What the modules of live search hand to each other; for the checks only.

/** A part of an upright image, as shares of its sides: x0, y0, x1, y1. */
export type Box = [number, number, number, number];

/**
 * A picture that was sent and is kept by its id, a picture elsewhere by its address, or an image of ours; all of
 * it, where it has no box.
 */
export type Query = { box?: Box } & (
  | { kind: "upload"; upload: string; file?: File; thumbnail?: string | null }
  | { kind: "url"; url: string; thumbnail?: string | null }
  | { kind: "image"; image: number; thumbnail?: string; name?: string }
);

/** Images of ours that were judged, by their ids. */
export interface Judged {
  like: number[];
  unlike: number[];
}

export type Verdict = keyof Judged;

export interface Filters {
  dataset: string;
  label: string;
  /** as people type it: `width>=640 -format:gif` */
  where: string;
  k: number;
}

/** A line through the hits, 0 to 1: how likely the same, or nearer than which share of random pairs. */
export interface Cutoff {
  mode: "probability" | "percentile";
  at: number;
}

export type Grouping = "label" | "cluster";

/** All that the address says; a line that it does not say is drawn where it usually is. */
export interface State {
  query: Query | null;
  judged: Judged;
  words: string[];
  /** free text, "" for none; it stands without query and words */
  text: string;
  filters: Filters;
  cutoff: Cutoff | null;
  /** whether near-identical results are folded */
  fold: boolean;
  /** what the first results are grouped by, "" for nothing */
  group: Grouping | "";
}
