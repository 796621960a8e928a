// Reads the compact binary form of a map: ten bytes a point behind a header of 32 bytes, all little endian.
//
//   "SSMP", uint32 version (1), uint32 count, uint32 flags (0), float32 min_x, min_y, max_x, max_y,
//   count x uint16 x, count x uint16 y (0 to 65,535 over the box), count x uint32 image id,
//   count x uint16 category number (65,535 where there is none)
/** @import { MapPoints } from "./types.js" */

const MAGIC = 0x504d5353; // "SSMP" read as a little endian number
const HEADER_BYTES = 32;
const POINT_BYTES = 10;
const STEPS = 65_535;
export const NO_CATEGORY = 65_535;

export class MapDataError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(`${message} Reload the page; if it comes again, compute this map anew.`);
    this.name = "MapDataError";
  }
}

/**
 * Return {count, xy Float32Array (2 n), ids Uint32Array, categories Uint16Array, bounds} of an ArrayBuffer.
 * @param {ArrayBuffer} buffer
 * @returns {MapPoints}
 */
export function decodePoints(buffer) {
  if (buffer.byteLength < HEADER_BYTES) throw new MapDataError("The map that came is cut short.");
  const header = new DataView(buffer, 0, HEADER_BYTES);
  if (header.getUint32(0, true) !== MAGIC) throw new MapDataError("What came is not a map.");
  const version = header.getUint32(4, true);
  if (version !== 1)
    throw new MapDataError(`The map that came has format ${version}; this page reads format 1.`);
  const count = header.getUint32(8, true);
  const expected = HEADER_BYTES + POINT_BYTES * count;
  if (buffer.byteLength !== expected) {
    throw new MapDataError(
      `The map that came has ${buffer.byteLength} bytes where ${expected} were announced.`,
    );
  }
  const [minX, minY, maxX, maxY] = [16, 20, 24, 28].map((offset) => header.getFloat32(offset, true));
  // typed arrays read in the order of the machine, which is little endian wherever browsers run
  const across = new Uint16Array(buffer, HEADER_BYTES, count);
  const up = new Uint16Array(buffer, HEADER_BYTES + 2 * count, count);
  const xy = new Float32Array(2 * count);
  const [stepX, stepY] = [(maxX - minX) / STEPS, (maxY - minY) / STEPS];
  for (let i = 0; i < count; i += 1) {
    xy[2 * i] = minX + across[i] * stepX;
    xy[2 * i + 1] = minY + up[i] * stepY;
  }
  return {
    count,
    xy,
    ids: new Uint32Array(buffer, HEADER_BYTES + 4 * count, count),
    categories: new Uint16Array(buffer, HEADER_BYTES + 8 * count, count),
    bounds: { minX, minY, maxX, maxY },
  };
}
