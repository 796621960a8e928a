// Finds the elements of a page, and makes new ones without markup strings, so that no name of a file or label
// is ever read as HTML.

/**
 * What an attribute may be set to: true sets it without a value, false, null and undefined leave it out.
 * @typedef {string | number | boolean | null | undefined} AttributeValue
 */
/** @typedef {Node | string | null | undefined} Child null and undefined are left out */
/**
 * A class of elements, such as HTMLInputElement.
 * @template {Element} T
 * @typedef {{ new (): T, prototype: T }} Kind
 */

/**
 * Whether a select offers a value.
 * @param {HTMLSelectElement} select
 * @param {string} value
 */
export const hasOption = (select, value) => [...select.options].some((option) => option.value === value);

/**
 * Return the element with this id, of the class `kind`; a page without it is a mistake of its template.
 * @overload
 * @param {string} id
 * @returns {HTMLElement}
 */
/**
 * @template {Element} T
 * @overload
 * @param {string} id
 * @param {Kind<T>} kind
 * @returns {T}
 */
/**
 * @param {string} id
 * @param {Kind<Element>} kind
 */
export function byId(id, kind = HTMLElement) {
  return checked(document.getElementById(id), kind, `#${id}`);
}

/**
 * Return the first element inside `root` that the selector finds, of the class `kind`; there must be one.
 * @overload
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement}
 */
/**
 * @template {Element} T
 * @overload
 * @param {ParentNode} root
 * @param {string} selector
 * @param {Kind<T>} kind
 * @returns {T}
 */
/**
 * @param {ParentNode} root
 * @param {string} selector
 * @param {Kind<Element>} kind
 */
export function elementIn(root, selector, kind = HTMLElement) {
  return checked(root.querySelector(selector), kind, selector);
}

/**
 * Return all elements inside `root` that the selector finds and that are of the class `kind`.
 * @overload
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
/**
 * @template {Element} T
 * @overload
 * @param {ParentNode} root
 * @param {string} selector
 * @param {Kind<T>} kind
 * @returns {T[]}
 */
/**
 * @param {ParentNode} root
 * @param {string} selector
 * @param {Kind<Element>} kind
 */
export function elementsIn(root, selector, kind = HTMLElement) {
  return [...root.querySelectorAll(selector)].filter((element) => element instanceof kind);
}

/**
 * @template {Element} T
 * @param {Element | null} element
 * @param {Kind<T>} kind
 * @param {string} called
 */
function checked(element, kind, called) {
  if (element instanceof kind) return element;
  throw new TypeError(`${called} is ${element ? "another kind of element" : "not on this page"}.`);
}

/**
 * Return the element nearest to where an event happened, itself included, that the selector finds.
 * @param {Event} event
 * @param {string} selector
 */
export function closest(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement || found instanceof SVGElement ? found : null;
}

/**
 * Return what has the focus if it lies inside `root`.
 * @param {Element} root
 */
export function focusedIn(root) {
  const focused = document.activeElement;
  const inside = focused instanceof HTMLElement || focused instanceof SVGElement;
  return inside && root.contains(focused) ? focused : null;
}

/**
 * Whether a click is one that should act here: with another button or a key held down the browser opens a
 * tab.
 * @param {MouseEvent} event
 */
export const isPlainClick = (event) => event.button === 0 && !hasModifier(event);

/**
 * Whether Control, Command, Shift or Alt is held down.
 * @param {MouseEvent | KeyboardEvent} event
 */
export const hasModifier = (event) => event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;

/**
 * Return `<tag>` with attributes (`class`, `data-*`, `aria-*`, `href`…) and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, AttributeValue>} attributes
 * @param {...Child} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, AttributeValue>} attributes
 * @param {...Child} children
 */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, attributes, children);
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, AttributeValue>} attributes
 * @param {Child[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
}
