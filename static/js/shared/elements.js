// Makes elements without markup strings, so that no name of a file or label is ever read as HTML.

/** Return `<tag>` with properties, attributes (`data-*`, `aria-*`, `href`…) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** The same for SVG. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, attributes, children);
  return element;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
}

const whole = new Intl.NumberFormat("en");

/** Return 12345 as "12,345". */
export const number = (value) => whole.format(value);

/** Return "1 picture", "2 pictures". */
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
