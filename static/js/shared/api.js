// Calls the REST API and turns whatever goes wrong into a sentence for people.

export class ApiError extends Error {
  /**
   * @param {string} message a sentence for people
   * @param {{ code?: string, status?: number }} options
   */
  constructor(message, { code = "error", status = 0 } = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }
}

/** @returns {string | undefined} */
function csrfToken() {
  // the cookie is newer than the page when somebody logged in from another tab
  const cookie = document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/);
  if (cookie) return decodeURIComponent(cookie[1]);
  const meta = document.querySelector('meta[name="csrf-token"]');
  return meta instanceof HTMLMetaElement ? meta.content : undefined;
}

/**
 * @param {Response} response
 * @param {{ detail?: string } | undefined} error
 */
function wordsFor(response, error) {
  if (response.status === 403 && /csrf/i.test(error?.detail ?? "")) {
    return "You signed in or out in another tab. Reload this page and try again.";
  }
  if (error?.detail) return error.detail;
  if (response.status === 401 || response.status === 403) return "Sign in to do this.";
  if (response.status === 429) return "Too many requests in a short time. Try again in a minute.";
  if (response.status === 413) return "The file is larger than the server accepts.";
  if (response.status === 404) return "This does not exist any more.";
  if (response.status >= 500) return "The server had a problem answering. Try again in a moment.";
  return `The server answered with status ${response.status}.`;
}

/** @param {unknown} error */
const isAbort = (error) => error instanceof Error && error.name === "AbortError";

/**
 * What is sent; `body` is sent as JSON unless it is a form.
 * @typedef {object} Sent
 * @property {"GET" | "POST" | "DELETE"} [method]
 * @property {object} [body]
 * @property {AbortSignal} [signal]
 */

/**
 * Return the JSON of an answer; throws ApiError, or AbortError when `signal` was aborted. Its type is the
 * one that it is assigned to: a shape of types.d.ts.
 * @template Answer
 * @param {string} address
 * @param {Sent} sent
 * @returns {Promise<Answer>}
 */
export async function call(address, { method = "GET", body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    const token = csrfToken();
    if (token) headers["X-CSRFToken"] = token;
  }
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  const content = body === undefined || isForm ? body : JSON.stringify(body);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address, { method, headers, body: content, signal, credentials: "same-origin" });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("The server cannot be reached. Check that it runs and that you are connected.", {
      code: "unreachable",
    });
  }
  /** @type {any} what came, checked by nobody: the server is trusted to keep to its own schema */
  let answer = null;
  try {
    answer = await response.json();
  } catch (error) {
    if (isAbort(error)) throw error;
  }
  if (!response.ok) {
    throw new ApiError(wordsFor(response, answer?.error), {
      code: answer?.error?.code,
      status: response.status,
    });
  }
  if (answer === null && response.status !== 204) {
    throw new ApiError("The server sent an answer that cannot be read. Try again in a moment.");
  }
  return answer;
}
