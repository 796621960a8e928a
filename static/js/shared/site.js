// Where the site is: a proxy may have put it below a path, as /semsearch/.

/**
 * Return the address in the browser of a path of the site, as of "/api/v1/jobs/". What the server answers is
 * such an address already.
 * @param {string} path
 */
export const siteAddress = (path) =>
  (globalThis.document?.documentElement.dataset.root ?? "/") + path.slice(1);

/**
 * Return the address of a file as this browser reaches it: lists of the API name the host that the server was
 * asked by, which a proxy may have replaced. One in a bucket is left alone.
 * @param {string} address
 */
export function mediaAddress(address) {
  const { pathname, search } = new URL(address, location.href);
  return !search && pathname.startsWith(siteAddress("/media/")) ? pathname : address;
}

/**
 * Return how a command is typed where the site runs, as of "run_experiments --dataset birds".
 * @param {string} words
 */
export const typed = (words) =>
  `${globalThis.document?.documentElement.dataset.program || "semsearch"} ${words}`;
