// Builds elements without a framework. Data only ever becomes text or an attribute, never markup.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** @typedef {Node | string} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Attributes */

/**
 * @template {Element} E @param {E} node
 * @param {Attributes} attributes Those named `on...` are listeners; null and false are left out.
 * @param {Child[]} children Strings become text. @returns {E}
 */
function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) {
      node.setAttribute(name, value === true ? "" : `${value}`);
    }
  }
  node.append(...children);
  return node;
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {Attributes} [attributes]
 * @param {...Child} children @returns {HTMLElementTagNameMap[K]}
 */
export function html(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** @param {string} tag @param {Attributes} [attributes] @param {...Child} children
 * @returns {SVGElement} */
export function svg(tag, attributes = {}, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS(SVG_NAMESPACE, tag));
  return furnish(node, attributes, children);
}

/** @param {keyof HTMLElementTagNameMap} tag @returns {(name: string, ...children: Child[]) => HTMLElement} */
const classed = (tag) => (name, ...children) => html(tag, { class: name }, ...children);

/** Elements of a class. */
export const div = classed("div");
export const span = classed("span");
export const paragraph = classed("p");

/** @param {...Child} children What stands in tokens' type. */
export const mono = (...children) => html("code", {}, ...children);

/** @param {...Child} children */
export const bold = (...children) => html("b", {}, ...children);

/** @param {Child} label @param {() => void} onPress @param {Attributes} [attributes]
 * @returns {HTMLButtonElement} */
export function button(label, onPress, attributes = {}) {
  return html("button", { type: "button", onclick: () => onPress(), ...attributes }, label);
}

// Change an attribute only if it differs: writing costs a style pass even when nothing changes.
/** @param {Element} node @param {string} name @param {string | null} value Null removes it. */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** Show whether a switch is on. @param {Element} node @param {boolean} on */
export const press = (node, on) => setAttribute(node, "aria-pressed", `${on}`);

/** Change a text only if it differs. @param {Element} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {string} text @param {(words: string) => void} tell @param {string} done What it is told then. */
export async function copy(text, tell, done) {
  try {
    await navigator.clipboard.writeText(text);
    tell(done);
  } catch {
    tell("The browser does not let this page copy.");
  }
}

/** Hand a file to the reader. @param {string} name @param {string} type @param {string} text */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Whether a key is a command to the browser. Some keyboards write brackets with Option, or with AltGr,
 * which Windows reports as Ctrl and Alt. @param {KeyboardEvent} event */
export const isCommand = (event) =>
  event.metaKey || (event.ctrlKey && !event.getModifierState("AltGraph"));

/** @param {string} text
 * @returns {string} With U+FFFD for lone surrogates, which no UTF-8 text can hold. */
export const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");
