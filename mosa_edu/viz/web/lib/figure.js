// What figures that compute at once have in common: a state, its link, its size, what Python sets.

import {
  addressOf,
  cardTable,
  complaint,
  figureFrame,
  fragmentReader,
  writeFragment,
} from "./card.js";
import { CARD_CSS } from "./css.js";
import { setText } from "./dom.js";
import { redraw } from "./drawing.js";
import { cardPicture, PICTURE_WIDTH } from "./export.js";
import { openStage } from "./host.js";
import { LIGHT } from "./palette.js";

const REST = 300;

/** @param {number} value @param {number} low @param {number} high
 * @returns {number} The nearest that is allowed. */
export const within = (value, low, high) => Math.max(low, Math.min(high, value));

/** @type {Map<string, number>} figures of each kind on the page; the first owns the fragment */
const opened = new Map();

/**
 * @typedef {Object} Said
 * @property {string} who
 * @property {string} keeps What is stressed of the finding.
 * @property {string} [then] Between this and the rest. @property {string} what
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
 * A figure: it is in a state, which `change` sets for good and `preview` for as long as a pointer
 * rests; both draw. Subclasses bring the first eight methods, and the fields of their links.
 * @template {Record<string, any>} [S=any]
 */
export class Figure {
  /** @param {import("./host.js").Model} model @param {HTMLElement} el
   * @param {string} key First field of its links. @param {string} css
   * @param {string[]} synced Fields of the state that Python reads and sets. */
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
    /** @type {ReturnType<typeof figureFrame>} from `mount` on, as what follows */
    this.frame = /** @type {any} */ (null);
    /** @type {S} what is kept, */
    this.state = /** @type {any} */ (null);
    /** @type {S} and what is drawn: other than the state while a pointer previews */
    this.shown = this.state;
    this.spoken = "";
    this.onHash = () => this.read();
    this.observer = new ResizeObserver(() => {
      const { width } = this.frame.card.getBoundingClientRect();
      if (width < 100 || width === this.width) return;
      this.width = width;
      this.draw();
    });
    /** @type {number | undefined} */
    this.pending = undefined;
  }

  /** @returns {S} The state before any touch. */
  firstFrame() {
    return this.state;
  }

  /** @param {S} state @returns {S} Made possible. */
  bounded(state) {
    return state;
  }

  /** @param {S} _state Show it. */
  paint(_state) {}

  /** @param {S} _state @returns {Said} */
  said(_state) {
    return { who: "", keeps: "", what: "", detail: "", spoken: "" };
  }

  /** @param {S} _state @returns {Listed} */
  table(_state) {
    return { rows: [], caption: "", at: -1, words: [] };
  }

  /** @param {S} _state @returns {string} A cell of Python; empty where there is none. */
  python(_state) {
    return "";
  }

  /** @param {S} _state @returns {string} What stands under a saved picture. */
  provenance(_state) {
    return "";
  }

  /** @param {S} _state @param {import("./palette.js").Palette} _palette @param {number} _width @returns {{nodes: SVGElement[], height: number}} */
  picture(_state, _palette, _width) {
    return { nodes: [], height: 0 };
  }

  /**
   * Put the card together and draw the first frame.
   * @param {{name: string, controls: HTMLElement[], parts: Node[], note: import("./dom.js").Child, above?: Node[], buttons?: Node[], listed?: string}} own
   */
  mount(own) {
    this.build(own);
    this.begin();
  }

  /** @param {Parameters<Figure["mount"]>[0]} own */
  build(own) {
    this.frame = figureFrame({
      buttons: [],
      above: [],
      ...own,
      id: this.id,
      kind: this.key,
      turn: () => this.change({ view: this.state.view === "table" ? "figure" : "table" }),
      fragment: () => this.fragment(),
      exported: () => this.exported(),
    });
  }

  /** Draw the first frame, then follow what Python, the reader and the address say. */
  begin() {
    this.stage.root.replaceChildren(this.frame.card);
    this.state = this.shown = this.firstFrame();
    this.follow();
    this.draw();
    this.listen();
    this.read();
  }

  /** @returns {import("./export.js").Exported} */
  exported() {
    const { state } = this;
    const { detail, spoken: _, ...words } = this.said(state);
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
    this.observer.observe(this.frame.card);
    this.stage.root.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.escape();
    });
    if (this.ownsFragment) addEventListener("hashchange", this.onHash);
    for (const name of this.synced) this.model.on(`change:${name}`, () => this.follow());
  }

  /** Back from a preview, else to the first frame. */
  escape() {
    if (this.shown !== this.state) this.preview(null);
    else this.change(this.firstFrame());
  }

  /** @returns {number} Width of the drawing. */
  get inner() {
    return Math.max(240, Math.round(this.width - (this.width < 560 ? 26 : 34)));
  }

  /**
   * Draw the picture of a state.
   * @param {Element} drawing @param {S} state @param {string} [label] What is seen there, in words.
   */
  redraw(drawing, state, label = this.spoken) {
    redraw(drawing, this.picture(state, this.stage.palette(), this.inner), this.inner, label);
  }

  /** @param {boolean} [_all] False where only a pointer moved. */
  draw(_all = true) {
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

  // Show what a pointer is over, for as long as it is.
  /** @param {Record<string, any> | null} changes Null ends it. */
  preview(changes) {
    const next = changes ? { ...this.state, ...changes } : this.state;
    if (Object.keys(next).every((name) => next[name] === this.shown[name])) return;
    this.shown = next;
    this.drawSoon();
  }

  /** Draw in the next frame. */
  drawSoon() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = undefined;
      this.draw(false);
    });
  }

  /** What the reader changes: all else follows from here. @param {Record<string, any>} changes */
  change(changes) {
    this.enter(changes);
    this.tellPython();
    this.commitSoon();
  }

  /** Be in another state from now on, whoever asked for it. @param {Record<string, any>} changes */
  enter(changes) {
    this.state = this.shown = this.bounded({ ...this.state, ...changes });
    this.draw();
  }

  /** What waits until the hand rests: browsers limit how often an address may change. */
  commitSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.writeAddress();
      this.announce();
    }, REST);
  }

  writeAddress() {
    if (this.ownsFragment && !this.inNotebook) writeFragment(this.fragment());
  }

  /** @returns {boolean} */
  get inNotebook() {
    return this.model.get("kernel") ?? this.data.kernel;
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
    return Object.fromEntries(
      Object.entries(this.fields).map(([name, [part]]) => [name, state[part]]),
    );
  }

  /** @param {ReturnType<typeof fragmentReader>} reader
   * @returns {Record<string, any>} What the link says of the state. */
  stateOf({ oneOf, whole }) {
    const first = this.firstFrame();
    const parts = Object.entries(this.fields).map(
      ([name, [part, choices, usual = first[part]]]) => {
        return [part, choices ? oneOf(name, choices, usual) : whole(name, usual)];
      },
    );
    return Object.fromEntries(parts);
  }

  /** @param {Record<string, any>} [state] @returns {string} Without "#". */
  fragment(state = this.state) {
    const fields = new URLSearchParams(this.link(state));
    if (state.view === "table") fields.set("view", "table");
    return fields.toString();
  }

  /** Take over what the page's address says. */
  read() {
    const reader = fragmentReader(location.hash);
    if (!this.ownsFragment || !this.isLink(reader.fields)) return;
    const view = reader.oneOf("view", ["figure", "table"], "figure");
    this.showLink({ ...this.firstFrame(), view, ...this.stateOf(reader) }, reader.complaints);
    this.el.scrollIntoView({ block: "start" });
  }

  /** @param {URLSearchParams} fields @returns {boolean} */
  isLink(fields) {
    return fields.has(this.key);
  }

  /** @param {Record<string, any>} state @param {string[]} complaints */
  showLink(state, complaints) {
    this.frame.tell(complaint(complaints));
    this.change(state);
  }

  /** @returns {Record<string, any>} The state by the names in `synced`. */
  toPython() {
    return Object.fromEntries(this.synced.map((name) => [name, this.state[name]]));
  }

  /** @param {Record<string, any>} values @returns {Record<string, any>} Parts of the state. */
  fromPython(values) {
    return values;
  }

  tellPython() {
    this.telling = true; // what is set here comes back as a change
    for (const [name, value] of Object.entries(this.toPython())) this.model.set(name, value);
    this.telling = false;
    this.model.save_changes();
  }

  /** Take over what Python says. */
  follow() {
    if (this.telling) return;
    const { state } = this;
    const known = this.toPython();
    const said = this.synced.map((name) => [name, this.model.get(name)]);
    const news = said.filter(([name, value]) => value !== undefined && value !== known[name]);
    if (!news.length) return;
    this.enter(this.fromPython(Object.fromEntries(said)));
    this.followed(state);
  }

  /** @param {S} _before Python has just changed the state. */
  followed(_before) {}

  dispose() {
    this.observer.disconnect();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.pending ?? 0);
    removeEventListener("hashchange", this.onHash);
    this.stage.dispose();
  }
}

// Whether a finger scrubs: a page that scrolls hears one move, too, before it is cancelled.
/** @param {PointerEvent} from @param {PointerEvent} to */
const goesSideways = (from, to) =>
  Math.abs(to.clientX - from.clientX) > Math.abs(to.clientY - from.clientY);

/**
 * Let a drawing be pointed at: a mouse previews and its click selects, a finger selects at once.
 * @param {HTMLElement | SVGElement} node Gets `touch-action: pan-y`, so that sideways drags scrub.
 * @param {{preview: (target: any) => void, select: (target: any) => void}} figure
 * @param {(x: number, y: number) => Record<string, any>} target What is there, in CSS pixels of the node.
 */
export function followPointer(node, figure, target) {
  node.style.touchAction = "pan-y";
  const place = (/** @type {PointerEvent} */ { clientX, clientY }) => {
    const { left, top } = node.getBoundingClientRect();
    return target(clientX - left, clientY - top);
  };
  /** @type {PointerEvent | null} where a finger went down */
  let down = null;
  let scrubs = false;
  /** @type {Record<string, (event: PointerEvent) => void>} */
  const listeners = {
    pointerdown(event) {
      [down, scrubs] = [event.pointerType === "mouse" ? null : event, false];
    },
    pointermove(event) {
      if (event.pointerType === "mouse") figure.preview(place(event));
      else if (down && (scrubs ||= goesSideways(down, event))) figure.select(place(event));
    },
    pointerup(event) {
      if (event.pointerType === "mouse" ? event.button === 0 : down) figure.select(place(event));
      down = null;
    },
    pointercancel: () => void (down = null),
    pointerleave(event) {
      if (event.pointerType === "mouse") figure.preview(null);
    },
  };
  for (const [type, listener] of Object.entries(listeners)) {
    node.addEventListener(type, /** @type {EventListener} */ (listener));
  }
}
