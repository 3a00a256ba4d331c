/**
 * What figures that compute at once have in common: a state, its link, its size, what Python sets.
 * @module
 */

import {
  addressOf,
  cardTable,
  complaint,
  fragmentReader,
  shareButton,
  tableSection,
  writeFragment,
} from "./card.js";
import { CARD_CSS } from "./css.js";
import { button, html, redraw, setAttribute, setText } from "./dom.js";
import { cardPicture, PICTURE_WIDTH, takeButtons } from "./export.js";
import { megabytes } from "./format.js";
import { openStage } from "./host.js";
import { LIGHT } from "./palette.js";

/**
 * @typedef {Object} Figure What a card needs of its figure.
 * @property {string} id Of the finding.
 * @property {string} kind Class of the card.
 * @property {string} name
 * @property {HTMLElement[]} controls
 * @property {Node[]} above What stays over a table.
 * @property {Node[]} parts What a table takes the place of.
 * @property {Node[]} buttons Of this figure alone, at the foot.
 * @property {string} note
 * @property {() => void} turn Change between figure and table.
 * @property {() => string} fragment
 * @property {() => import("./export.js").Taken} taken
 */

/** @param {Figure} figure */
export function figureFrame({ id, kind, name, controls, above, parts, buttons, note, turn, fragment, taken }) {
  const words = { who: html("span"), keeps: html("span", { class: "keeps" }), then: html("span"), what: html("span") };
  const finding = html("p", { class: "finding", id }, ...Object.values(words));
  const detail = html("p", { class: "detail" });
  const told = html("span", { class: "note told", role: "status" });
  const status = html("div", { class: "hidden", role: "status" });
  const pill = html("span", { class: "pill" });
  const tell = (/** @type {string} */ sentence) => void (told.textContent = sentence);
  const turner = button("Table view", turn);
  const { scroll, table } = tableSection(`Table of the ${name.toLowerCase()}`);
  const foot = [...buttons, turner, shareButton(fragment, tell), ...takeButtons(taken, tell), told];
  const body = html("div", {}, ...parts);
  const card = html(
    "div",
    { class: `card ${kind}`, role: "group", "aria-labelledby": id },
    html("header", {}, html("div", { class: "top" }, html("span", { class: "name" }, name), pill), html("div", { class: "pad" }, finding, detail)),
    html("div", { class: "controls" }, ...controls),
    ...above,
    body,
    table,
    html("footer", {}, html("div", { class: "row wrap" }, ...foot), html("p", { class: "note" }, note)),
    status,
  );
  return {
    ...{ card, finding, detail, pill, status, tell },
    /**
     * @param {{who: string, keeps: string, then?: string, what: string}} said
     * @param {string} more
     */
    say(said, more) {
      for (const [part, text] of Object.entries(said)) words[/** @type {keyof typeof words} */ (part)].textContent = text;
      detail.textContent = more;
    },
    /**
     * @param {import("./session.js").Status} state
     * @param {boolean} live Whether what is shown was computed here.
     * @param {string} [variant]
     */
    report(state, live, variant = "") {
      fillPill(pill, state, live, variant);
    },
    /** @param {(() => HTMLTableElement) | null} build Null shows the figure. */
    show(build) {
      body.hidden = build !== null;
      table.hidden = build === null;
      setAttribute(turner, "aria-pressed", `${build !== null}`);
      if (build) scroll.replaceChildren(build());
    },
  };
}

/**
 * Say where the numbers come from.
 * @param {HTMLElement} pill
 * @param {import("./session.js").Status} status
 * @param {boolean} live Whether what is shown is computed here once the model is.
 * @param {string} variant What was changed about the model.
 */
export function fillPill(pill, { name, received, total, milliseconds }, live, variant) {
  const kind = name === "live" && !live ? "stored" : name;
  const dot = html("i", { class: `dot ${kind}`, "aria-hidden": "true" });
  const share = html("i", { style: `width:${(total ? (100 * received) / total : 0).toFixed(1)}%` });
  const sizes = `${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB`;
  const words = {
    stored: [dot, "Stored example"],
    loading: [dot, "Loading live model", html("span", { class: "progress" }, share), sizes],
    live: [dot, `Live model${variant}${milliseconds ? `, ${Math.round(milliseconds)} ms` : ""}`],
    error: ["✕ Live model not loaded"],
  };
  pill.className = `pill ${name}`;
  pill.replaceChildren(...words[kind]);
}

const REST = 300;

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {number} The nearest that is allowed.
 */
export const within = (value, low, high) => Math.max(low, Math.min(high, value));

/** @type {Map<string, number>} figures of each kind on the page; the first owns the fragment */
const opened = new Map();

/**
 * @typedef {Object} Said
 * @property {string} who
 * @property {string} keeps What is stressed of the finding.
 * @property {string} [then] Between this and the rest.
 * @property {string} what
 * @property {string} detail The second line.
 * @property {string} spoken What is added for those who listen.
 */

/**
 * A field of a link: the part of the state that it holds, its choices if it is no whole number,
 * and what it is where the link lacks it, if not as in the first frame.
 * @typedef {[part: string, choices?: string[] | null, usual?: number]} LinkField
 */

/** @typedef {{rows: string[][], caption: string, at: number, words: number[]}} Listed */

/**
 * A figure; subclasses bring
 * - `firstFrame()` and `bounded(state)`: the state before any touch, and a state made possible,
 * - `fields`: those of its links, unless `link(state)` and `stateOf(reader)` do it otherwise,
 * - `paint(state)`, `said(state)`, `table(state)`, `python(state)` and `provenance(state)`,
 * - `picture(state, palette, width)`: nodes and their height.
 */
export class Figure {
  /**
   * @param {import("./host.js").Model} model
   * @param {HTMLElement} el
   * @param {string} key First field of its links.
   * @param {string} css
   * @param {string[]} synced Fields of the state that Python reads and sets.
   */
  constructor(model, el, key, css, synced) {
    this.model = model;
    this.el = el;
    this.key = key;
    this.synced = synced;
    this.data = model.get("data");
    this.stage = openStage(el, CARD_CSS + css, () => this.frame && this.draw());
    const place = (opened.get(key) ?? 0) + 1;
    opened.set(key, place);
    this.ownsFragment = place === 1;
    this.id = `${key}-${place}`;
    this.width = 760;
    this.telling = false;
  }

  /**
   * Put the card together and draw the first frame.
   * @param {{name: string, controls: HTMLElement[], parts: Node[], note: string, above?: Node[], buttons?: Node[]}} own
   */
  mount(own) {
    this.frame = figureFrame({
      buttons: [],
      above: [],
      ...own,
      id: this.id,
      kind: this.key,
      turn: () => this.change({ view: this.state.view === "table" ? "figure" : "table" }),
      fragment: () => this.fragment(),
      taken: () => this.taken(),
    });
    this.stage.root.replaceChildren(this.frame.card);
    this.state = this.shown = this.firstFrame();
    this.follow();
    this.draw();
    this.listen();
    this.read();
  }

  /** @returns {import("./export.js").Taken} */
  taken() {
    const { state } = this;
    const { detail, spoken, ...words } = this.said(state);
    const about = [detail, this.provenance(state), addressOf(this.fragment())];
    const picture = () => {
      const { nodes, height } = this.picture(state, LIGHT, PICTURE_WIDTH);
      return cardPicture(Object.values(words).join(""), nodes, height, about);
    };
    const plain = (/** @type {string} */ text) =>
      /^\d[\d,]*$/.test(text) ? text.replace(/,/g, "") : text;
    const rows = () => this.table(state).rows.map((row) => row.map(plain));
    return { name: `mosa-${this.id}`, python: () => this.python(state), picture, rows };
  }

  listen() {
    const { card } = this.frame;
    this.observer = new ResizeObserver(() => {
      const { width } = card.getBoundingClientRect();
      if (width < 100 || width === this.width) return;
      this.width = width;
      this.draw();
    });
    this.observer.observe(card);
    this.stage.root.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      if (this.shown !== this.state) this.preview(null);
      else this.change(this.firstFrame());
    });
    this.onHash = () => this.read();
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of this.synced) this.model.on(`change:${name}`, () => this.follow());
  }

  /** @returns {number} Width of the drawing. */
  get inner() {
    return Math.max(240, Math.round(this.width - (this.width < 560 ? 26 : 34)));
  }

  /**
   * Draw the picture of a state.
   * @param {Element} drawing
   * @param {Record<string, any>} state
   * @param {string} [label] What is seen there, in words.
   */
  redraw(drawing, state, label = this.spoken) {
    redraw(drawing, this.picture(state, this.stage.palette(), this.inner), this.inner, label);
  }

  draw() {
    const { frame, shown } = this;
    const { detail, spoken, ...words } = this.said(shown);
    frame.say(words, detail);
    this.spoken = `${Object.values(words).join("")} ${spoken}`;
    frame.card.classList.toggle("narrow", this.width < 560);
    this.paint(shown);
    const build = () => {
      const { rows, caption, at, words: ofWords } = this.table(shown);
      return cardTable(rows, caption, ofWords, (row) => ({ class: row === at ? "at" : null }));
    };
    frame.show(this.state.view === "table" ? build : null);
  }

  /**
   * Show what a pointer is over, for as long as it is.
   * @param {Record<string, any> | null} changes Null ends it.
   */
  preview(changes) {
    const next = changes ? { ...this.state, ...changes } : this.state;
    if (Object.keys(next).every((name) => next[name] === this.shown[name])) return;
    this.shown = next;
    this.pending ??= requestAnimationFrame(() => {
      this.pending = undefined;
      this.draw();
    });
  }

  /** @param {Record<string, any>} changes */
  change(changes) {
    const state = this.bounded({ ...this.state, ...changes });
    this.state = this.shown = state;
    this.draw();
    this.telling = true; // what is set here comes back as a change
    for (const name of this.synced) this.model.set(name, state[name]);
    this.telling = false;
    this.model.save_changes();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), REST);
  }

  /** What waits until the hand rests: browsers limit how often an address may change. */
  settle() {
    const inNotebook = this.model.get("kernel") ?? this.data.kernel;
    if (this.ownsFragment && !inNotebook) writeFragment(this.fragment());
    this.announce();
  }

  /** Say aloud what is shown. */
  announce() {
    setText(this.frame.status, this.spoken);
  }

  /** @returns {Record<string, LinkField>} By name; the first is `key`. */
  get fields() {
    return {};
  }

  /** @param {Record<string, any>} state @returns {Record<string, any>} Fields of a link. */
  link(state) {
    return Object.fromEntries(Object.entries(this.fields).map(([name, [part]]) => [name, state[part]]));
  }

  /**
   * @param {ReturnType<typeof fragmentReader>} reader
   * @returns {Record<string, any>} What the link says of the state.
   */
  stateOf({ oneOf, whole }) {
    const first = this.firstFrame();
    const parts = Object.entries(this.fields).map(([name, [part, choices, usual = first[part]]]) => {
      return [part, choices ? oneOf(name, choices, usual) : whole(name, usual)];
    });
    return Object.fromEntries(parts);
  }

  /** @returns {string} */
  fragment() {
    const fields = new URLSearchParams(this.link(this.state));
    if (this.state.view === "table") fields.set("view", "table");
    return fields.toString();
  }

  /** Take over what the page's address says. */
  read() {
    const reader = fragmentReader(location.hash);
    if (!this.ownsFragment || !reader.fields.has(this.key)) return;
    const view = reader.oneOf("view", ["figure", "table"], "figure");
    const state = { ...this.firstFrame(), ...this.stateOf(reader), view };
    this.frame.tell(complaint(reader.complaints));
    this.change(state);
    this.el.scrollIntoView({ block: "start" });
  }

  /** Take over what Python says. */
  follow() {
    if (this.telling) return;
    const said = this.synced.map((name) => [name, this.model.get(name)]);
    const news = said.filter(([name, value]) => value !== undefined && value !== this.state[name]);
    if (!news.length) return;
    this.state = this.shown = this.bounded({ ...this.state, ...Object.fromEntries(news) });
    this.draw();
  }

  dispose() {
    this.observer.disconnect();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.pending ?? 0);
    removeEventListener("hashchange", this.onHash);
    this.stage.dispose();
  }
}
