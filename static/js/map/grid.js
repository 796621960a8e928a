// Finds points by place: all are sorted into square cells once, in typed arrays, so that nothing looks at
// every one.
/** @import { Bounds, Shown } from "./types.js" */
import { boundsOf } from "./view.js";

const POINTS_PER_CELL = 4;
const MAX_SIDE = 1024;
// how much farther to the side than ahead the next point may lie when the keyboard walks over the map
const CONE = 1;

export class PointGrid {
  /**
   * `xy` Float32Array of 2 n coordinates.
   * @param {Float32Array} xy
   */
  constructor(xy) {
    this.xy = xy;
    this.count = xy.length / 2;
    this.bounds = boundsOf(xy);
    const width = this.bounds.maxX - this.bounds.minX;
    const height = this.bounds.maxY - this.bounds.minY;
    const longest = Math.max(width, height, 1e-6);
    const area = Math.max(width, longest / MAX_SIDE) * Math.max(height, longest / MAX_SIDE);
    this.cell = Math.max(Math.sqrt((area * POINTS_PER_CELL) / Math.max(this.count, 1)), longest / MAX_SIDE);
    this.columns = Math.floor(width / this.cell) + 1;
    this.rows = Math.floor(height / this.cell) + 1;
    const { starts, order } = this.#sort();
    this.starts = starts;
    this.order = order;
  }

  /** Counting sort: return where each cell begins in the order, and the order, the points cell by cell. */
  #sort() {
    const cellOf = new Uint32Array(this.count);
    const starts = new Uint32Array(this.columns * this.rows + 1);
    for (let i = 0; i < this.count; i += 1) {
      const cell = this.#row(this.xy[2 * i + 1]) * this.columns + this.#column(this.xy[2 * i]);
      cellOf[i] = cell;
      starts[cell + 1] += 1;
    }
    for (let cell = 1; cell < starts.length; cell += 1) starts[cell] += starts[cell - 1];
    const next = starts.slice();
    const order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i += 1) order[next[cellOf[i]]++] = i;
    return { starts, order };
  }

  /** @param {number} x */
  #column(x) {
    return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.bounds.minX) / this.cell)));
  }

  /** @param {number} y */
  #row(y) {
    return Math.min(this.rows - 1, Math.max(0, Math.floor((y - this.bounds.minY) / this.cell)));
  }

  /**
   * Return [first, end, first, end…] into `order`: all points of a rectangle and few others.
   * @param {Bounds} rectangle
   */
  ranges({ minX, minY, maxX, maxY }) {
    const { bounds } = this;
    if (maxX < bounds.minX || minX > bounds.maxX || maxY < bounds.minY || minY > bounds.maxY) return [];
    const [left, right] = [this.#column(minX), this.#column(maxX)];
    /** @type {number[]} */
    const found = [];
    for (let row = this.#row(minY), last = this.#row(maxY); row <= last; row += 1) {
      const first = this.starts[row * this.columns + left];
      const end = this.starts[row * this.columns + right + 1];
      if (first === end) continue;
      if (found.length && found.at(-1) === first) found[found.length - 1] = end;
      else found.push(first, end);
    }
    return found;
  }

  /**
   * Call `visit(index, x, y)` for every point inside a rectangle, its edges included.
   * @param {Bounds} rectangle
   * @param {(index: number, x: number, y: number) => void} visit
   */
  each(rectangle, visit) {
    const { minX, minY, maxX, maxY } = rectangle;
    const ranges = this.ranges(rectangle);
    for (let range = 0; range < ranges.length; range += 2) {
      for (let position = ranges[range]; position < ranges[range + 1]; position += 1) {
        const index = this.order[position];
        const x = this.xy[2 * index];
        const y = this.xy[2 * index + 1];
        if (x >= minX && x <= maxX && y >= minY && y <= maxY) visit(index, x, y);
      }
    }
  }

  /**
   * Return the shown point nearest to (x, y) within `radius`, or -1; of several at one place the last drawn.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @param {Shown} [shown]
   */
  nearest(x, y, radius, shown = () => true) {
    let best = -1;
    let least = radius * radius;
    this.each(square(x, y, radius), (index, px, py) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least && shown(index)) {
        best = index;
        least = distance;
      }
    });
    return best;
  }

  /**
   * Return the shown point nearest to (x, y) at any distance, or -1 where none is shown.
   * @param {number} x
   * @param {number} y
   * @param {Shown} [shown]
   */
  nearestAnywhere(x, y, shown = () => true) {
    for (const radius of this.#growing(x, y)) {
      const found = this.nearest(x, y, radius, shown);
      if (found >= 0) return found;
    }
    return -1;
  }

  /**
   * Return the shown point that comes next from point `from` in the direction (dx, dy), or -1 at the edge.
   * @param {number} from
   * @param {number} dx
   * @param {number} dy
   * @param {Shown} [shown]
   */
  next(from, dx, dy, shown = () => true) {
    const x = this.xy[2 * from];
    const y = this.xy[2 * from + 1];
    for (const radius of this.#growing(x, y)) {
      let best = -1;
      let least = Infinity;
      this.each(square(x, y, radius), (index, px, py) => {
        const ahead = (px - x) * dx + (py - y) * dy;
        const aside = Math.abs((px - x) * dy - (py - y) * dx);
        const effort = ahead + 2 * aside;
        if (ahead > 0 && aside <= CONE * ahead && effort < least && shown(index)) {
          best = index;
          least = effort;
        }
      });
      // the effort is never less than the distance: outside the square nothing can be better
      if (best >= 0 && least <= radius) return best;
      if (best >= 0 && radius >= this.#reach(x, y)) return best;
    }
    return -1;
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #reach(x, y) {
    const { minX, minY, maxX, maxY } = this.bounds;
    return Math.max(x - minX, maxX - x, y - minY, maxY - y, this.cell);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  *#growing(x, y) {
    const reach = this.#reach(x, y) * Math.SQRT2;
    for (let radius = this.cell; radius < reach; radius *= 2) yield radius;
    yield reach;
  }

  /** Return how far apart neighbours lie around the median point, in data units. */
  typicalSpacing() {
    /** @type {number[]} */
    const counts = [];
    for (let cell = 0; cell + 1 < this.starts.length; cell += 1) {
      const count = this.starts[cell + 1] - this.starts[cell];
      if (count) counts.push(count);
    }
    counts.sort((a, b) => a - b);
    // half of all points lie in cells that are as full as the median, or less
    let points = 0;
    const median = counts.find((count) => (points += count) * 2 >= this.count) ?? 1;
    return this.cell / Math.sqrt(median);
  }
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
const square = (x, y, radius) => ({ minX: x - radius, minY: y - radius, maxX: x + radius, maxY: y + radius });

/**
 * Even-odd rule: is (x, y) inside the polygon `corners` [x, y, x, y…]? Its last corner is joined to the
 * first.
 * @param {number[]} corners
 * @param {number} x
 * @param {number} y
 */
export function insidePolygon(corners, x, y) {
  let inside = false;
  for (let i = 0, j = corners.length - 2; i < corners.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [corners[i], corners[i + 1], corners[j], corners[j + 1]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/**
 * Return the shown points inside a polygon, in ascending order.
 * @param {PointGrid} grid
 * @param {number[]} corners
 * @param {Shown} [shown]
 */
export function withinPolygon(grid, corners, shown = () => true) {
  /** @type {number[]} */
  const found = [];
  grid.each(boundsOf(corners), (index, x, y) => {
    if (insidePolygon(corners, x, y) && shown(index)) found.push(index);
  });
  return Uint32Array.from(found).sort();
}
