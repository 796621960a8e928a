// What the modules of the map hand to each other; for the checks only.
import type { PointSet } from "./drawing/point-set.js";
import type { SpriteSheet } from "./drawing/sprites.js";

/** A rectangle in data units. */
export interface Bounds {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** In CSS pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The data point in the middle of the box, and CSS pixels per data unit. */
export interface View {
  x: number;
  y: number;
  scale: number;
}

export type Pair = [number, number];
/** Red, green and blue, 0 to 255 (for the painter 0 to 1). */
export type Rgb = [number, number, number];
/** The category of every point. */
export type Categories = Uint8Array | Uint16Array;
/** Whether a point is shown. */
export type Shown = (index: number) => boolean;

/** Both ends of a point's way, and its colour with alpha. */
export interface Way {
  from: Pair;
  to: Pair;
  colour: number[];
}

export interface SpriteSize {
  size: number;
  opacity: number;
}

/** How large an image of the map is drawn. */
export interface Frame extends Size {
  kind: "scene" | "overview";
  /** Device pixels per CSS pixel. */
  ratio: number;
  upsideDown?: boolean;
}

/** One image of the map in the making. */
export interface Plan extends Frame {
  view: View;
  /** Of the points' way, 0 to 1. */
  part: number;
  /** The rectangle it shows. */
  seen: Bounds;
  /** [first, end, first, end…] in drawing order. */
  ranges: number[];
  /** Width and height in device pixels. */
  pixels: Pair;
  /** Of a point, in CSS pixels. */
  size: number;
  sprites: SpriteSize | null;
  /** Drawn for a moment only, with fewer pixels. */
  coarse?: boolean;
  /** Another number whenever points, colours or sizes changed. */
  version: number;
  /** What the painter notes: where it draws, and how far it is. */
  aside: boolean;
  range: number;
  next: number;
  drawn: number;
}

/** What is to be seen on the canvas. */
export interface Wanted {
  points: PointSet;
  sprites: SpriteSheet | null;
  view: View;
  size: Size;
  version: number;
  part: number;
  /** Nothing moves. */
  calm: boolean;
}

/** Where small images of the points are. */
export interface SpriteSource {
  /** Pixels a side. */
  cell: number;
  columns: number;
  /** Sprite s is on page s / perPage. */
  perPage: number;
  pages: string[];
  /** The sprite of each point; without it point i has sprite i. */
  numbers?: Uint32Array;
}

/** A linked program of the graphics card. */
export interface Program {
  program: WebGLProgram;
  uniforms: Record<string, WebGLUniformLocation | null>;
}

/** The points of a map as they come from the server. */
export interface MapPoints {
  count: number;
  xy: Float32Array;
  ids: Uint32Array;
  categories: Uint16Array;
  bounds: Bounds;
}

export interface PlayerState {
  at: number;
  count: number;
  playing: boolean;
  speed: number;
}
