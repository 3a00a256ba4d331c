// What readers choose with: buttons, lists, sliders, and the tokens of a text.

import { button, div, html, isCommand, setAttribute, setText, span } from "./dom.js";

/** @param {string} name @param {...Node} children */
export const labelled = (name, ...children) => div("field", span("label", name), ...children);

const ARROWS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

// Where a key moves something to.
/** @param {string} key @param {number} at @param {number} first @param {number} last
 * @returns {number | null} Null for other keys. */
export function steppedTo(key, at, first, last) {
  /** @type {Record<string, number>} */
  const steps = { PageUp: 8, PageDown: -8, Home: -Infinity, End: Infinity, ...ARROWS };
  return key in steps ? Math.max(first, Math.min(last, at + steps[key])) : null;
}

/**
 * A row of buttons of which one is chosen; arrow keys move between them.
 * @template {string} K
 * @param {string} name @param {Record<K, string>} names @param {(key: K) => void} choose
 */
export function segmentField(name, names, choose) {
  const keys = /** @type {K[]} */ (Object.keys(names));
  const buttons = keys.map((key) => button(names[key], () => choose(key), { role: "radio" }));
  const role = { class: "segments", role: "radiogroup", "aria-label": name };
  const group = html("div", role, ...buttons);
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((one) => one.matches(":focus"));
    const next = (at + step + keys.length) % keys.length;
    choose(keys[next]);
    buttons[next].focus();
  });
  return {
    node: labelled(name, group),
    /** @param {string} chosen */
    show(chosen) {
      buttons.forEach((one, i) => {
        setAttribute(one, "aria-checked", `${keys[i] === chosen}`);
        setAttribute(one, "tabindex", keys[i] === chosen ? "0" : "-1");
      });
    },
  };
}

/** @param {number} layers @param {(layer: number) => void} choose */
export function layerField(layers, choose) {
  const names = Object.fromEntries([...Array(layers).keys()].map((l) => [l, `${l}`]));
  return segmentField("Layer", names, (l) => choose(Number(l)));
}

/** @param {string} name @param {{name: string, title: string}[]} choices
 * @param {(name: any) => void} choose */
export function listField(name, choices, choose) {
  const options = choices.map(({ name, title }) => html("option", { value: name }, title));
  const select = html("select", { "aria-label": name }, ...options);
  select.addEventListener("change", () => choose(select.value));
  return { node: labelled(name, select), select };
}

// The head under study, with buttons and keys for the one before and after it.
/** @param {number} heads @param {Node} root Where the keys [ and ] count. @param {() => number} head
 * @param {(head: number) => void} choose @param {string} [name] */
export function headField(heads, root, head, choose, name = "Head") {
  const turn = (/** @type {number} */ by) => choose((head() + by + heads) % heads);
  root.addEventListener("keydown", (event) => {
    const pressed = /** @type {KeyboardEvent} */ (event);
    if (!"[]".includes(pressed.key) || isCommand(pressed)) return;
    turn(pressed.key === "[" ? -1 : 1);
  });
  return headStepper(`${name} of ${heads}`, turn);
}

/** A head's number between two buttons. @param {string} name @param {(by: number) => void} turn */
export function headStepper(name, turn) {
  const number = html("output");
  const back = button("‹", () => turn(-1), { "aria-label": "Previous head", title: "[" });
  const on = button("›", () => turn(1), { "aria-label": "Next head", title: "]" });
  const role = { class: "segments", role: "group", "aria-label": "Head" };
  const group = html("div", role, back, number, on);
  return { node: labelled(name, group), number };
}

/** @param {string[]} texts The tokens as written, spaces included. @param {string[]} labels
 * @returns {{spans: HTMLElement[], parts: (string | Node)[][]}} A chip a token; and each with the
 *   spaces before and after it. */
export function tokenChips(texts, labels) {
  const spans = texts.map((text, t) => {
    const place = { class: `tok${text.trim() ? "" : " sign"}`, role: "option", tabindex: -1 };
    return html("span", { ...place, "data-t": t }, text.trim() || labels[t]);
  });
  const parts = spans.map((span, t) => {
    const text = texts[t];
    if (!text.trim()) return ["", span, text.replace(/[^\n]/g, "")];
    const [lead, tail] = [/^\s*/, /\s*$/].map((edge) => edge.exec(text)?.[0] ?? "");
    return [lead, span, tail];
  });
  return { spans, parts };
}

// The token that an event is about.
/** @param {Event} event @returns {number} -1 beside the tokens. */
export function chipOf({ target }) {
  const chip = target instanceof Element && target.closest("[data-t]");
  return chip instanceof HTMLElement ? Number(chip.dataset.t) : -1;
}

// Hear where a mouse is.
/** @param {Element} node @param {(event: MouseEvent | null) => void} hear Null when it has left. */
export function onHover(node, hear) {
  node.addEventListener("pointermove", (event) => {
    const pointer = /** @type {PointerEvent} */ (event);
    if (pointer.pointerType === "mouse") hear(pointer);
  });
  node.addEventListener("pointerleave", () => hear(null));
}

/**
 * The tokens as options of a list, of which one is under study.
 * @param {Object} on
 * @param {(t: number) => void} on.study Clicked, or reached by arrow keys, Home and End.
 * @param {(t: number) => void} [on.press] Clicked, or Space or Enter: where that is something else.
 * @param {(t: number) => void} [on.preview] Under a mouse; -1 beside all tokens.
 * @param {() => number} [on.last] The last token that may be studied.
 */
export function tokenList({ study, press = study, preview, last }) {
  const node = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
  /** @type {HTMLElement[]} */
  let spans = [];
  let at = 0;
  let held = false; // whether a token that is laid anew had the focus
  const end = () => last?.() ?? spans.length - 1;
  const allowed = (/** @type {Event} */ event) => (chipOf(event) > end() ? -1 : chipOf(event));
  const then = (/** @type {(t: number) => void} */ act, /** @type {number} */ t) => {
    act(t);
    spans[at]?.focus({ preventScroll: true });
  };
  node.addEventListener("click", (event) => {
    if (allowed(event) >= 0) then(press, allowed(event));
  });
  node.addEventListener("keydown", (event) => {
    const to = steppedTo(event.key, at, 0, end());
    const pressed = press !== study && (event.key === " " || event.key === "Enter");
    if (to === null && !pressed) return;
    event.preventDefault();
    then(pressed ? press : study, to ?? at);
  });
  onHover(node, (event) => preview?.(event ? allowed(event) : -1));
  return {
    node,
    /** @param {string[]} texts @param {string[]} labels */
    lay(texts, labels) {
      const chips = tokenChips(texts, labels);
      held = spans.some((span) => span.matches(":focus"));
      spans = chips.spans;
      node.replaceChildren(...chips.parts.flat());
      return chips;
    },
    /**
     * Mark all tokens.
     * @param {number} t Under study: it stands for all in the tab order.
     * @param {string} sentence Its name. @param {(t: number) => Record<string, boolean>} classes
     * @param {(t: number) => string | null} [nameOf] Names of the others, if not what is written.
     */
    mark(t, sentence, classes, nameOf = () => null) {
      at = t;
      spans.forEach((span, own) => {
        const marks = { at: own === t, ...classes(own) };
        for (const [name, isOn] of Object.entries(marks)) span.classList.toggle(name, isOn);
        setAttribute(span, "tabindex", own === t ? "0" : "-1");
        setAttribute(span, "aria-label", own === t ? sentence : nameOf(own));
      });
      if (held) spans[t]?.focus({ preventScroll: true });
      held = false;
      return spans;
    },
  };
}

/** @param {string} name @param {number} low @param {number} high
 * @param {(step: number) => void} choose */
export function valueSlider(name, low, high, choose) {
  const input = html("input", { type: "range", min: low, max: high, step: 1, "aria-label": name });
  input.addEventListener("input", () => choose(Number(input.value)));
  const track = span("slider", input);
  const node = labelled("", track);
  const label = /** @type {Element} */ (node.firstChild);
  return {
    ...{ node, track, label },
    /** @param {number} step @param {string} words @param {number} [most] */
    show(step, words, most = high) {
      setAttribute(input, "min", `${Math.min(low, most)}`);
      setAttribute(input, "max", `${most}`);
      input.value = `${step}`;
      track.style.setProperty(
        "--fill",
        `${most > low ? (Number(input.value) - low) / (most - low) : 1}`,
      );
      setAttribute(input, "aria-valuetext", words);
      setText(label, words);
    },
  };
}

/** @param {(key: string) => void} press Hears the arrow key that does the same. */
export const stepButtons = (press) => [
  button("‹ Step", () => press("ArrowLeft")),
  button("Step ›", () => press("ArrowRight")),
];

// A slider that lies on a drawing, with a stop for each of its columns.
/** @param {string} name @param {(stop: number) => void} choose */
export function stopSlider(name, choose) {
  const input = html("input", { type: "range", min: 0, step: 1, "aria-label": name });
  input.addEventListener("input", () => choose(Number(input.value)));
  const node = html("span", { class: "slider", style: "--fill:0" }, input);
  return {
    node,
    input,
    /** @param {number} stop @param {number} last @param {string} words @param {{left: number, right: number}} scale */
    show(stop, last, words, { left, right }) {
      input.max = `${last}`;
      input.value = `${stop}`;
      setAttribute(input, "aria-valuetext", words);
      Object.assign(node.style, { left: `${left - 8}px`, width: `${right - left + 16}px` });
    },
  };
}
