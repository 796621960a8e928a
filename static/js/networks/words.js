// Times and sizes as people say them.
import { decimal } from "../shared/format.js";

/** @param {number} seconds */
export function during(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${decimal(seconds / 3600, 1)} hours`;
}

/** @param {number} bytes */
export function sizeOf(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${decimal(bytes / 1e9, 1)} GB`;
}
