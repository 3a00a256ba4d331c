// What a reader may take along from a figure: a cell of Python, one picture, a table of numbers.

import { button, copy, download, svg } from "./dom.js";
import { writer } from "./drawing.js";
import { LIGHT } from "./palette.js";

export const PICTURE_MARGIN = 16;
const PICTURE_LINE = 16;
const PICTURE_LETTER = 5.7; // mean width of a character of 11 px

/** What no XML may hold, though a text may. */
const NO_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** Width of the drawing in a saved picture. */
export const PICTURE_WIDTH = 726;

/**
 * @typedef {Object} Exported What a figure gives away.
 * @property {string} name Of the files, without their endings.
 * @property {() => string} python A cell that gives the numbers of the figure; empty where nothing
 *   that Python could load has them.
 * @property {() => string} picture An SVG document.
 * @property {() => (string | number)[][]} rows Headings first.
 */

/** @param {() => Exported} what @param {(words: string) => void} tell */
export function exportButtons(what, tell) {
  const copyCell = () => {
    const cell = what().python();
    if (cell) void copy(cell, tell, "Python copied.");
    else tell("Python has no record of this figure to load.");
  };
  return [
    button("Copy as Python", copyCell),
    button("Save SVG", () => download(`${what().name}.svg`, "image/svg+xml", what().picture())),
    button("CSV", () => download(`${what().name}.csv`, "text/csv", csvText(what().rows()))),
  ];
}

/**
 * @param {(string | number)[][]} rows
 * @returns {string} As in RFC 4180; a text that begins like a formula is quoted for spreadsheets.
 */
export function csvText(rows) {
  const cell = (/** @type {string | number} */ value) => {
    if (typeof value === "number") return `${value}`;
    const safe = /^\s*[=+\-@]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join()}\r\n`).join("");
}

/** @param {...string} lines @returns {string} A cell of Python. */
export const pythonCell = (...lines) => lines.map((own) => `${own}\n`).join("");

/** @param {string} name @param {...string} imports @returns {string[]} Lines that load a model. */
export const pythonModel = (name, ...imports) => [
  "import mosa_edu",
  ...imports,
  "",
  `model, tokenizer = mosa_edu.load_pretrained(${pythonString(name)})`,
];

/** @param {string} name @returns {string} Reads the thresholds that come with a model. */
export const pythonThresholds = (name) =>
  `thresholds = json.loads(read_metadata(pretrained_path(${pythonString(name)}))["thresholds"])`;

// A text as a Python literal.
/** @param {string} text @returns {string} ASCII only, so that it survives any clipboard. */
export function pythonString(text) {
  const escaped = Array.from(text, (character) => {
    const point = /** @type {number} */ (character.codePointAt(0));
    if (character === "\n") return "\\n";
    if (character === '"' || character === "\\") return `\\${character}`;
    if (point >= 32 && point < 127) return character;
    return point > 0xffff
      ? `\\U${point.toString(16).padStart(8, "0")}`
      : `\\u${point.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped.join("")}"`;
}

/** @param {string} text @param {number} [letter] Mean width of a character.
 * @returns {string[]} Lines that fit into the picture. */
export function broken(text, letter = PICTURE_LETTER) {
  const most = Math.floor(PICTURE_WIDTH / letter);
  return text.match(new RegExp(`\\S.{0,${most - 1}}(?=\\s|$)|\\S{1,${most}}`, "g")) ?? [];
}

/** @param {string} title @param {number} height @param {Node[]} parts
 * @returns {string} An SVG document of the usual width, whatever its texts hold. */
export function pictureDocument(title, height, parts) {
  const box = { width: PICTURE_WIDTH + 2 * PICTURE_MARGIN, height };
  const ground = svg("rect", { ...box, fill: LIGHT.ground });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${box.width} ${height}`, ...box },
    svg("title", {}, title),
    ground,
    ...parts,
  );
  return new XMLSerializer().serializeToString(picture).replace(NO_XML, "\ufffd");
}

// One picture with its finding, caption and provenance, always light.
/** @param {string} finding @param {SVGElement[]} nodes The drawing, `PICTURE_WIDTH` wide.
 * @param {number} height Of the drawing. @param {string[]} caption Paragraphs under it.
 * @returns {string} An SVG document. */
export function cardPicture(finding, nodes, height, caption) {
  const say = writer(LIGHT);
  const style = { x: PICTURE_MARGIN, fill: LIGHT.ink };
  const lines = caption.flatMap((words) => broken(words));
  const top = 56;
  return pictureDocument(finding, top + height + PICTURE_LINE * lines.length + 24, [
    say(finding, {
      ...style,
      y: 34,
      "font-size": finding.length > 76 ? 13 : 16,
      "font-weight": 600,
    }),
    svg("g", { transform: `translate(${PICTURE_MARGIN} ${top})` }, ...nodes),
    ...lines.map((words, i) => say(words, { ...style, y: top + height + PICTURE_LINE * (i + 1) })),
  ]);
}
