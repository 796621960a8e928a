// What the modules of live search hand to each other; for the checks only.

/** An uploaded file by its key, a picture elsewhere by its address, or an image of ours. */
export type Query =
  | { kind: "file"; key: string }
  | { kind: "url"; url: string; thumbnail?: string | null }
  | { kind: "image"; image: number; thumbnail?: string; name?: string };

/** Uploaded files by their keys. */
export type Uploads = Map<string, File>;

export interface Filters {
  dataset: string;
  label: string;
  k: number;
}
