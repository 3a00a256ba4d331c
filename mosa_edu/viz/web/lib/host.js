// What lets one component live in a static page and in a notebook.
//
// A component is an object with `render({ model, el })`, which is all that anywidget asks for. In a
// page without a kernel a custom element brings the model: it holds a fallback for readers without
// scripts, and the component's state as JSON.

import { bytesOf } from "./arrays.js";
import { div, html } from "./dom.js";
import { DARK, LIGHT, paletteCss } from "./palette.js";

/**
 * The part of anywidget's model that components use.
 * @typedef {Object} Model
 * @property {(name: string) => any} get @property {(name: string, value: any) => void} set
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener?: () => void) => void} off
 * @property {() => void} save_changes
 */

/** @typedef {{render: (host: {model: Model, el: HTMLElement}) => void | (() => void)}} Component */

/** A model that nobody else shares. @param {Record<string, any>} state @returns {Model} */
export function staticModel(state) {
  /** @type {Map<string, Set<() => void>>} */
  const listeners = new Map();
  return {
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = value;
      listeners.get(`change:${name}`)?.forEach((listener) => listener());
    },
    on: (event, listener) => {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off: (event, listener) => {
      if (listener) listeners.get(event)?.delete(listener);
      else listeners.delete(event);
    },
    save_changes: () => {},
  };
}

// Let the elements of a page come alive.
/** @param {string} tag For example "mosa-explorer". @param {Component} component */
export function defineElement(tag, component) {
  if (!globalThis.customElements || customElements.get(tag)) return;
  customElements.define(
    tag,
    class extends HTMLElement {
      connectedCallback() {
        const stored = this.querySelector('script[type="application/json"]');
        if (this.dataset.alive || !stored) return;
        this.dataset.alive = "yes";
        const state = JSON.parse(stored.textContent ?? "");
        if (state.weights) state.weights = new DataView(bytesOf(state.weights).buffer); // as a kernel sends them
        const fallback = Array.from(this.children);
        const el = this.appendChild(html("div"));
        component.render({ model: staticModel(state), el });
        for (const node of fallback) if (node !== stored) node.remove();
      }
    },
  );
}

/**
 * A component that a class draws.
 * @param {new (model: Model, el: HTMLElement) => {dispose: () => void}} Drawn @returns {Component}
 */
export const drawnBy = (Drawn) => ({
  render({ model, el }) {
    const own = new Drawn(model, el);
    return () => own.dispose();
  },
});

/** Which theme the page asks for: the book, JupyterLab, VS Code and Colab each say it otherwise. */
function pageTheme() {
  const root = document.documentElement;
  const body = document.body?.dataset ?? {};
  const said = root.dataset.theme ?? root.getAttribute("theme") ?? body.vscodeThemeKind ?? "";
  if (body.jpThemeLight) return body.jpThemeLight === "false" ? "dark" : "light";
  if (/dark/.test(said)) return "dark";
  if (/light/.test(said)) return "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * A place of its own for a component: a shadow root, so that the page's style sheets stay outside.
 * @param {HTMLElement} el @param {string} css
 * @param {() => void} onTheme Called when the colours change.
 * @returns {{root: HTMLElement, palette: () => import("./palette.js").Palette, isPaper: () => boolean, dispose: () => void}}
 */
export function openStage(el, css, onTheme) {
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const root = div("mosa");
  shadow.replaceChildren(html("style", {}, paletteCss() + css), root);
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys
  for (const type of ["keydown", "pointerdown", "mousedown"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }
  el.closest(".output")?.setAttribute("style", "overflow:visible"); // a scrolling box would hold what sticks
  const bar = document.querySelector(".bd-header-article"); // stays on top of a scrolled page of the book
  if (bar) root.style.setProperty("--mosa-sticky-top", `${bar.getBoundingClientRect().height}px`);
  const [scheme, print] = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];
  const follow = () => {
    root.dataset.theme = pageTheme();
    onTheme();
  };
  const observer = new MutationObserver(follow);
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, {
      attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind"],
    });
  }
  for (const query of [scheme, print]) query.addEventListener("change", follow);
  root.dataset.theme = pageTheme();
  return {
    root,
    palette: () => (root.dataset.theme === "dark" && !print.matches ? DARK : LIGHT),
    isPaper: () => print.matches,
    dispose: () => {
      observer.disconnect();
      for (const query of [scheme, print]) query.removeEventListener("change", follow);
    },
  };
}

// Find a file of the book from any of its pages.
/** @param {string} path From the root of the book, or a whole address. @returns {string} */
export function bookUrl(path) {
  const root = document.documentElement.dataset.content_root ?? "./";
  return new URL(path, new URL(root, document.baseURI)).href;
}

// Fetch an example that is not in the page.
/** @param {{title: string, url?: string | null}} example @param {(json: any) => void} take
 * @returns {Promise<string>} Why it could not be fetched; empty if it was. */
export async function fetchStored({ title, url }, take) {
  if (location.protocol === "file:") return `"${title}" can only be fetched from a web server.`;
  try {
    const response = await fetch(bookUrl(url ?? ""));
    if (!response.ok) throw new Error(`${response.status}`);
    take(await response.json());
    return "";
  } catch {
    return `"${title}" could not be fetched.`;
  }
}
