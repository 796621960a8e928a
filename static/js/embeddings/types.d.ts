// What the modules of the map's page hand to each other; for the checks only.
import type { Rgb } from "../map/types.js";
import type {
  ColouredBy,
  Experiment,
  ImageSummary,
  Job,
  Legend,
  MapRow,
  Network,
  State,
} from "../shared/types.js";

/** Where the map is looked at: [x, y, zoom], zoom 1 showing everything. */
export type MapView = [x: number, y: number, zoom: number];

/** What the address says; see state.js. */
export interface MapState extends State {
  method: string;
  digest: string;
  by: string;
  q: string;
  only: string[];
  picked: number[];
  view: MapView | null;
}

/** How a change is shown: `replace` for no step one would go back to, `focus` where an image was opened. */
export interface ChoiceOptions {
  replace?: boolean;
  focus?: boolean;
}

/**
 * All that is shown: `family` are the maps of all layers of the chosen network, `row` that of the chosen
 * layer.
 */
export interface MapPage {
  state: MapState;
  mayCompute: boolean;
  mayCollect: boolean;
  networks: Network[];
  rows: MapRow[];
  experiments: Experiment[];
  family: MapRow[];
  row: MapRow | null;
  jobs: Job[];
  choose(changes: Partial<MapState>, options?: ChoiceOptions): void;
}

/** What a map is coloured by: a number for each point, and what the numbers mean. */
export interface Colouring {
  by: ColouredBy;
  legend: Legend;
  numbers: Uint16Array;
}

export interface ShownColouring extends Colouring {
  colours: Rgb[];
}

/** An image of a list; what comes from a search has more than that. */
export type ListedImage = Pick<ImageSummary, "id" | "label" | "filename" | "thumbnail" | "page_url">;

/** An opened image and its neighbours in the full space: by the features of the map, or by live search. */
export interface SimilarImages {
  image: ListedImage;
  neighbours: (ListedImage & { score: number })[];
  from: "features" | "live";
}

/** Maps of one network with the same parameters, in depth order. */
export interface Variant {
  digest: string;
  parameters: MapRow["parameters"];
  rows: MapRow[];
}
