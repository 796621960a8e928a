// What is said to those who may not do something: sign in, or ask who runs the site.
import { make } from "./elements.js";
import { siteAddress } from "./site.js";

/** Whether somebody is signed in, who then lacks the permission. */
export const isSignedIn = () => "signedIn" in document.body.dataset;

/** Return the address of the page to sign in on, which leads back to what is shown. */
export const signInAddress = () =>
  siteAddress(`/accounts/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);

/**
 * Return a line for those who may not: `words` say who may.
 * @param {string} words
 */
export function whoMay(words) {
  if (isSignedIn())
    return make(
      "p",
      { class: "small muted" },
      "Your account may not do this; who runs the site can allow it.",
    );
  return make(
    "p",
    { class: "small muted" },
    `${words} `,
    make("a", { href: signInAddress() }, "Sign in"),
    ".",
  );
}
