// Runs in <head>, before the first paint: sets the remembered theme, then wires what is in the header.
(() => {
  "use strict";
  const root = document.documentElement;
  const signIn = `${root.dataset.root ?? "/"}accounts/sign-in/?next=`;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function remembered() {
    try {
      const value = localStorage.getItem("theme");
      return value === "dark" || value === "light" ? value : null;
    } catch {
      return null; // storage may be forbidden; the system's choice holds then
    }
  }

  function apply() {
    root.dataset.theme = remembered() ?? (system.matches ? "dark" : "light");
    root.classList.toggle("dark-mode", root.dataset.theme === "dark"); // as Swagger UI calls it
  }

  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);

  /**
   * Let a link to the sign-in page lead back to what is shown by now: pages change their own address.
   * @param {Event} event
   */
  function leadBack({ target }) {
    const link = target instanceof Element ? target.closest(`a[href^="${signIn}"]`) : null;
    const here = encodeURIComponent(location.pathname + location.search + location.hash);
    link?.setAttribute("href", `${signIn}${here}`);
  }
  // either comes before a link is followed, by mouse, finger or keyboard
  for (const name of ["pointerdown", "focusin"]) addEventListener(name, leadBack);

  // what {% time %} writes, by what it shows of it
  /** @type {Record<string, Intl.DateTimeFormatOptions>} */
  const TIMES = {
    day: { dateStyle: "medium" },
    minute: { dateStyle: "medium", timeStyle: "short" },
    second: { dateStyle: "medium", timeStyle: "medium" },
    clock: { timeStyle: "medium" },
  };

  /** Say times and numbers of the server as people of this browser write them. */
  function localize() {
    for (const time of document.querySelectorAll("time[data-shown]")) {
      if (!(time instanceof HTMLTimeElement)) continue;
      const format = new Intl.DateTimeFormat(undefined, TIMES[time.dataset.shown ?? ""]);
      time.textContent = format.format(new Date(time.dateTime));
    }
    for (const data of document.querySelectorAll("data[value]")) {
      if (!(data instanceof HTMLDataElement)) continue;
      const digits = data.value.split(".")[1]?.length ?? 0;
      const format = new Intl.NumberFormat(undefined, { minimumFractionDigits: digits });
      data.textContent = format.format(Number(data.value));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    localize();
    const who = document.querySelector("details#who");
    addEventListener("click", ({ target }) => {
      if (target instanceof Node && !who?.contains(target)) who?.removeAttribute("open");
    });
    who?.addEventListener("keydown", (event) => {
      if (!(event instanceof KeyboardEvent) || event.key !== "Escape" || !who.hasAttribute("open")) return;
      who.removeAttribute("open");
      who.querySelector("summary")?.focus();
    });
    const saved = document.getElementById("saved-menu");
    // its script is for those who open it
    saved?.addEventListener("toggle", () => import(saved.dataset.script ?? ""), { once: true });
    const toggle = document.getElementById("theme-button");
    toggle?.addEventListener("click", () => {
      const next = root.dataset.theme === "dark" ? "light" : "dark";
      root.dataset.theme = next;
      root.classList.toggle("dark-mode", next === "dark");
      try {
        localStorage.setItem("theme", next);
      } catch {
        // the choice holds for this page
      }
    });
    const keys = document.getElementById("keys-dialog");
    const showKeys = () => keys instanceof HTMLDialogElement && !keys.open && keys.showModal();
    document.getElementById("keys-button")?.addEventListener("click", showKeys);
    addEventListener("keydown", ({ key, target, ctrlKey, metaKey }) => {
      const typed = target instanceof Element && target.closest("input:not([type=radio]), textarea, select");
      if (key === "?" && !typed && !ctrlKey && !metaKey) showKeys();
    });
    const menu = document.getElementById("menu-button");
    const nav = document.getElementById("nav");
    if (!menu || !nav) return;
    /** @param {boolean} open */
    const setOpen = (open) => {
      menu.setAttribute("aria-expanded", String(open));
      nav.toggleAttribute("data-open", open);
    };
    menu.addEventListener("click", () => setOpen(menu.getAttribute("aria-expanded") !== "true"));
    nav.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && nav.hasAttribute("data-open")) {
        setOpen(false);
        menu.focus();
      }
    });
  });
})();
