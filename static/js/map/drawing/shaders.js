// The programs of the map, in GLSL. Every colour leaves them multiplied by its alpha.
/** @import { Program } from "../types.js" */

// a point between two layouts; what is filtered away (alpha 0) is put outside of the picture
const POSITION = `#version 300 es
layout(location = 0) in vec2 from;
layout(location = 1) in vec2 to;
layout(location = 2) in vec4 colour;
uniform vec4 frame; // the data point in the middle, and clip units per data unit
uniform float part; // of the way from one layout to the other
uniform float size;
vec4 position() {
  if (colour.a == 0.0) return vec4(2.0, 2.0, 2.0, 1.0);
  return vec4((mix(from, to, part) - frame.xy) * frame.zw, 0.0, 1.0);
}
`;

const POINT_VERTEX = `${POSITION}
uniform vec4 wash; // replaces the colour where its alpha is not 0
flat out vec4 tint;
void main() {
  gl_Position = position();
  gl_PointSize = size;
  vec4 used = wash.a > 0.0 ? wash : colour;
  tint = vec4(used.rgb * used.a, used.a);
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float;
uniform float size;
flat in vec4 tint;
out vec4 pixel;
void main() {
  float radius = 0.5 * size;
  pixel = tint * clamp(radius - distance(gl_PointCoord, vec2(0.5)) * size + 0.5, 0.0, 1.0);
}`;

// a picture of the sprite sheet, framed in the colour of its category
const SPRITE_VERTEX = `${POSITION}
layout(location = 3) in float slot;
uniform float slotsPerRow;
flat out vec4 tint;
flat out vec2 corner;
void main() {
  gl_Position = position();
  gl_PointSize = size;
  tint = colour;
  corner = vec2(mod(slot, slotsPerRow), floor(slot / slotsPerRow));
}`;

const SPRITE_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D sheet;
uniform float size;
uniform float slotsPerRow;
uniform float cell; // pixels a side
uniform float span; // side of the sheet in cells, not whole
uniform float border;
uniform float opacity;
flat in vec4 tint;
flat in vec2 corner;
out vec4 pixel;
void main() {
  vec2 edge = min(gl_PointCoord, 1.0 - gl_PointCoord) * size;
  // half a pixel inside its cell, so that no neighbour shines through
  vec2 inner = clamp((gl_PointCoord * size - border) / (size - 2.0 * border), 0.5 / cell, 1.0 - 0.5 / cell);
  vec3 image = texture(sheet, (corner + inner) / span).rgb;
  vec3 shown = min(edge.x, edge.y) < border ? tint.rgb : image;
  // its point shines through an image only where it is dimmed
  float alpha = opacity * (tint.a > 0.5 ? 1.0 : tint.a);
  pixel = vec4(shown * alpha, alpha);
}`;

/**
 * @param {WebGL2RenderingContext} gl
 * @param {number} kind
 * @param {string} source
 */
function compile(gl, kind, source) {
  const shader = gl.createShader(kind);
  if (!shader) throw new Error("The map's drawing program cannot be made here.");
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {string} vertex
 * @param {string} fragment
 * @param {string[]} names
 * @returns {Program}
 */
function link(gl, vertex, fragment, names) {
  const program = gl.createProgram();
  const shaders = [compile(gl, gl.VERTEX_SHADER, vertex), compile(gl, gl.FRAGMENT_SHADER, fragment)];
  shaders.forEach((shader) => gl.attachShader(program, shader));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const log = shaders.map((shader) => gl.getShaderInfoLog(shader)).join("\n");
    throw new Error(`The map's drawing program was refused: ${gl.getProgramInfoLog(program)} ${log}`);
  }
  const uniforms = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
  return { program, uniforms };
}

/** @param {WebGL2RenderingContext} gl */
export const pointProgram = (gl) => link(gl, POINT_VERTEX, POINT_FRAGMENT, ["frame", "part", "size", "wash"]);

/** @param {WebGL2RenderingContext} gl */
export const spriteProgram = (gl) =>
  link(gl, SPRITE_VERTEX, SPRITE_FRAGMENT, [
    "frame",
    "part",
    "size",
    "slotsPerRow",
    "sheet",
    "cell",
    "span",
    "border",
    "opacity",
  ]);
