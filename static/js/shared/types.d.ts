// The shapes of what the REST interface answers, as the serializers in search/api and gallery/api write them,
// and the state that pages share. For the checks of `make check-js` only: nothing loads this file.

/** What decides the features and their distance. */
export interface Configuration {
  model: string;
  layer: string;
  pooling: string;
  metric: string;
}

/** The choices that the address says; "" and null stand for what it does not say. */
export interface State extends Configuration {
  dataset: string;
  image: number | null;
  k: number;
  order: string;
}

export type ScoreName = "weighted_precision" | "precision" | "map";

/** In percent; null in an unlabelled dataset. */
export type Scores = Record<ScoreName, number | null>;

/** One page of a list; `next` is the address of the one after it. */
export interface Page<Row> {
  next: string | null;
  previous: string | null;
  results: Row[];
}

// --- datasets and images ------------------------------------------------------------------------

export interface Category {
  name: string;
  images: number;
}

export interface Dataset {
  slug: string;
  name: string;
  description: string;
  images: number;
  created_at: string;
  url: string;
}

export interface DatasetDetail extends Dataset {
  categories: Category[];
}

export interface NewDataset extends Dataset {
  job: Job;
}

/** What every list shows of an image. */
export interface ImageSummary {
  id: number;
  label: string;
  filename: string;
  thumbnail: string;
  url: string;
  shown_url: string; // what browsers show: the file, or a rendition of it
  page_url: string;
  width: number;
  height: number;
}

/** A row of /images/. */
export interface ImageRow extends Omit<ImageSummary, "shown_url"> {
  dataset: string;
  size_bytes: number;
  format: string;
  sha256: string;
  created_at: string;
}

/** Some images of a dataset in order; `categories` only when they are sorted by it. */
export interface GridWindow {
  total: number;
  offset: number;
  pictures: ImageSummary[];
  categories: (Category & { start: number })[];
}

/** The pages of small images of a dataset; sprite s is on page s / per_page. */
export interface SpriteSheetPages {
  cell: number;
  columns: number;
  per_page: number;
  count: number;
  pages: string[];
  ids: string;
}

// --- networks and indexes -----------------------------------------------------------------------

export interface Layer {
  name: string;
  type: string;
  index: number;
  total_layers: number;
  parameters: number;
  shape: [height: number, width: number, channels: number];
  operations: Record<string, number>;
  picture: string | null;
  sheet: string | null;
  painted_channels: number[] | null;
}

/** One of all the layers of a network: of `shape` the last is the channels, `parameters` are its own. */
export type LayerRow = [name: string, type: string, shape: number[], parameters: number];

/** What is known of a network from elsewhere; `top1` in percent. */
export interface NetworkFacts {
  year: number;
  paper: string;
  address: string;
  top1: number;
  licence: string;
  source: string;
}

/** What experiments would take on this machine. */
export interface Estimate {
  images: number;
  experiments: number;
  seconds: number;
  bytes: number;
  unmeasured: string[];
}

export interface Network {
  name: string;
  title: string;
  input_size: number;
  parameters: number;
  baseline: boolean;
  layers: Layer[];
  all_layers: string | null;
  facts: NetworkFacts | null;
  available: boolean;
  reason: string;
}

export interface FeatureMaps {
  image: number;
  model: string;
  layer: string;
  shape: [height: number, width: number, channels: number];
  maps: { channel: number; mean: number; picture: string }[];
  means?: number[];
}

export interface FeatureSpec {
  model: string;
  layer: string;
  pooling: string;
  reduction: string;
  dims: number;
}

export interface SearchIndex {
  id: number;
  dataset: string;
  live: boolean;
  spec: FeatureSpec;
  generation: string | null;
}

// --- jobs ---------------------------------------------------------------------------------------

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface Job {
  id: number;
  kind: string;
  state: JobState;
  outcome: JobState | "partly";
  dataset: string | null;
  done: number;
  total: number;
  percent: number;
  message: string;
  error: string;
  failed: number;
  active: boolean;
  attempts: number;
  retryable: boolean;
}

// --- live search --------------------------------------------------------------------------------

export interface Hit extends Omit<ImageSummary, "id" | "shown_url"> {
  rank: number;
  image: number;
  dataset: string;
  score: number;
  sha256: string;
}

export interface SearchQuery {
  kind: "file" | "url" | "image";
  image: Pick<ImageRow, "id" | "url" | "thumbnail" | "filename" | "label" | "dataset"> | null;
  url: string | null;
  thumbnail: string | null;
  width: number;
  height: number;
}

export type Stage = "decode" | "extract" | "search" | "rerank" | "load";

export interface SearchResponse {
  query: SearchQuery;
  dataset: string | null;
  label: string | null;
  k: number;
  page: number;
  has_next: boolean;
  searched: number;
  hits: Hit[];
  timings_ms: Record<Stage | "total", number>;
}

/** A hit of a query document; nothing is searched with where images are only listed. */
export interface FoundHit extends Omit<Hit, "score"> {
  score: number | null;
  probability: number | null;
  percentile: number | null;
  /** where it matches, null for all of it */
  box: Square | null;
  matched: "label" | "filename" | "metadata" | "suggested" | "alike" | null;
  shown_url: string;
  /** what it stands for */
  folded?: FoldedHit[];
}

/** An image that another result stands for: the same file, or one that looks nearly the same. */
export interface FoldedHit {
  image: NonNullable<SearchQuery["image"]>;
  score: number;
  same: "file" | "look";
}

/** Results that belong together; `label` is that of most of them, `like` are examples. */
export interface ResultGroup {
  label: string;
  count: number;
  image: NonNullable<SearchQuery["image"]>;
  like: number[];
}

/** What a word of a search was taken for. */
export interface WordRead {
  word: string;
  known: boolean;
  meaning: string | null;
  classes: number;
  labels: string[];
  others: string[];
  nearest: string[];
  note: string;
}

/** The words of an image: people's labels, and what a classifier suggests beside them. */
export interface ImageWords {
  image: number;
  labels: string[];
  suggested: { word: string; confidence: number; broader: boolean }[];
}

export interface Completions {
  words: { word: string; kind: "label" | "vocabulary"; broader: string | null }[];
}

/** How far the suggested words of a dataset reach, and how often they are right. */
export interface Coverage {
  images: number;
  looked_at: number;
  sample: number;
  coverage: number | null;
  precision: number | null;
  judged: number;
  categories: {
    label: string;
    images: number;
    meaning: string | null;
    classes: number;
    precision_at_10: number | null;
  }[];
}

export interface Example {
  kind: "upload" | "url" | "image";
  image: SearchQuery["image"];
  thumbnail: string | null;
  width: number;
  height: number;
}

/** Who answered a text. */
export interface TextRead {
  text: string;
  answered_by: { model: string; title: string; licence: string; datasets: string[] }[];
  not_searched: string[];
  note: string;
}

export interface FoundResponse {
  like: Example[];
  unlike: Example[];
  hits: FoundHit[];
  next: string | null;
  searched: number;
  filtered_to: number | null;
  many: boolean;
  below_cutoff: number | null;
  words: WordRead[];
  text: TextRead | null;
  names_given_up: boolean;
  indexes: AskedIndex[];
  groups?: ResultGroup[] | null;
  timings_ms: Record<Stage | "total", number>;
}

/** Where cells lie over an upright image, as shares of its sides: x0, y0, x1, y1. */
export type Square = [number, number, number, number];

/** What the cells of two maps have in a score; rows of shares, which add up to it. */
export interface Explanation {
  image: number;
  score: number;
  /** of live search */
  centred?: boolean;
  /** of an experiment */
  metric?: string;
  hit_cells: number[][];
  hit_square: Square;
  query_cells: number[][] | null;
  query_square: Square | null;
  elsewhere: number;
  difference: number;
}

/** Whether the parts of the images of a dataset are indexed, and what that takes. */
export interface PartsFacts {
  images: number;
  indexed: number;
  active: boolean;
  parts: number;
  rows: number;
  bytes: number;
  seconds: number | null;
}

export interface AskedIndex {
  dataset: string;
  path: "exact" | "approximate" | "selector";
  searched: number;
  calibration: { method: string; queries: number; same: number; error: number } | null;
  probability_unknown: string | null;
}

export interface Facet {
  field: string;
  counts: { value: string; count: number }[];
  more: boolean;
  timed_out: boolean;
}

/** A query document under a name. */
export interface SavedSearch {
  id: number;
  name: string;
  mine: boolean;
  owner: string | null;
  shared: boolean;
  url: string | null;
  images_url: string;
}

/** What came to a saved search since its owner saw it; null where that was not counted. */
export interface NewCount {
  id: number;
  new: number | null;
  many: boolean;
  problem: string | null;
}

export interface KeptUpload {
  upload: string;
  expires_at: string;
}

// --- experiments --------------------------------------------------------------------------------

export interface Experiment extends Configuration, Scores {
  id: number;
  dataset: string;
  input_size: number;
  dims: number;
  bytes_per_vector: number;
  images: number;
  k: number;
  extract_ms: number | null;
  computed_at: string;
  stale: boolean;
}

export type CategoryScores = Category & Scores;

export interface Confusion {
  category: string;
  neighbours: { category: string; count: number }[];
}

export interface ExperimentDetail extends Experiment {
  categories: CategoryScores[];
  confusion: Confusion[];
}

/** Labelled images of an experiment, best first; `weighted_precision` is 0 to 1. */
export interface ScoredImages {
  experiment: number;
  total: number;
  images: (ImageSummary & { rank: number; weighted_precision: number })[];
}

/** How the scores of all images are distributed with one layer: `[score, images]`, 0 to 1; means in percent. */
export interface ScoreDistribution {
  experiment: number;
  layer: string;
  images: number;
  mean: number | null;
  median: number | null;
  scores: [score: number, images: number][];
}

/** The distributions of one network's layers. */
export interface ScoreDistributions {
  dataset: string;
  model: string;
  pooling: string;
  metric: string;
  layers: ScoreDistribution[];
}

/** What an image found in one experiment, nearest first. */
export interface ImageResult {
  experiment: number;
  weighted_precision: number | null;
  precision: number | null;
  average_precision: number | null;
  neighbours: [id: number, score: number][];
}

/** What an image found in every experiment; `pictures` holds each image once, by id. */
export interface ImageResults {
  image: ImageSummary;
  pictures: Record<number, ImageSummary>;
  results: ImageResult[];
}

/** The same with the results by experiment. */
export interface Found extends ImageResults {
  found: Map<number, ImageResult>;
}

export interface LeaderboardRow extends Configuration, Scores {
  rank: number | null;
  experiment: number;
  title: string;
  layer_position: number | null;
  dims: number;
  bytes_per_vector: number;
  extract_ms: number | null;
  pareto: boolean;
  live: boolean;
  tuned: boolean;
}

export interface Leaderboard {
  rows: LeaderboardRow[];
}

// --- maps ---------------------------------------------------------------------------------------

export type Method = "umap" | "tsne" | "pca";
export type ColouredBy = "category" | "cluster" | "score";

/** Those that concern the method of the map. */
export interface MapParameters {
  metric?: string;
  seed?: number;
  neighbours?: number;
  min_dist?: number;
  perplexity?: number;
}

/** A row of /projections/: the map of a dataset's images under one layer of a network. */
export interface MapRow {
  id: number;
  dataset: string;
  model: string;
  layer: string;
  layer_position: number | null;
  pooling: string;
  method: Method;
  parameters: MapParameters;
  digest: string;
  count: number;
  fitted: number;
  trustworthiness: number;
  neighbour_agreement: number;
  separation: number | null;
  weighted_separation: number | null;
  seconds: number;
  stale: boolean;
  computed_at: string;
}

/** What the numbers of the points mean. */
export interface Legend {
  kind: ColouredBy;
  names: string[];
  counts: number[];
  none: number;
  experiment: number | null;
}
