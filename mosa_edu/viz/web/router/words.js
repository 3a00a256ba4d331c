/**
 * The look of the game, and what it says: in words, as a table, as a cell of Python.
 * @module
 */

import { pythonString } from "../lib/export.js";
import { fraction, signed } from "../lib/format.js";
import { rivalsOf } from "./drawing.js";

export const GAME_CSS = `
.router .controls{grid-template-columns:minmax(96px,1fr) auto auto}
.tok.missed{box-shadow:inset 0 0 0 1.5px var(--mosa-pick)}
.seats{gap:8px 12px;padding-bottom:12px}
.seats output{font-weight:600;min-width:88px}
.rivals{display:block;margin:12px 0}
.narrow.router .controls{display:flex;flex-wrap:wrap}
.narrow.router .controls>:first-child{width:100%}
.narrow.router .finding{min-height:72px}
.narrow.router .detail{min-height:60px}
.narrow.router .readout{min-height:60px}
@media print{.seats{display:none}}
`;

/**
 * What the reader's picks are worth, in words; `mosa_edu.viz.be_the_router` says the same of the first.
 * @param {import("./arena.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @returns {{who: string, keeps: string, what: string}}
 */
export function routerFinding({ trained, trainedLoss }, picks, yours) {
  const [n, k] = [picks.length, trained.length];
  const of = n === k ? `${k}` : `${n} of ${k}`;
  if (picks.join() === trained.join()) return { who: "These are the router's own ", keeps: `${k} picks`, what: `: ${trainedLoss.toFixed(3)} nats a token.` };
  if (yours === null) return { who: "You hold ", keeps: `${n} of ${k} seats`, what: "." };
  const by = Math.abs(yours - trainedLoss);
  const level = by < 0.0005;
  const keeps = level ? "are level with the router's" : `${yours < trainedLoss ? "beat" : "lose to"} the router's by ${fraction(by)} nats`;
  return { who: `Your ${of} picks `, keeps, what: level ? "." : " a token." };
}

/**
 * @param {import("./arena.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @param {string[]} labels
 * @returns {string[][]} Headings, and a row a rival.
 */
export const rivalRows = (arena, picks, yours, labels) =>
  rivalCells(arena, picks, yours, (loss, more) => [loss.toFixed(4), signed(more, 4)], (t) => labels[t]);

/**
 * @param {import("./arena.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @returns {(string | number)[][]} Headings, and a row a rival: full numbers, and positions.
 */
export const rivalNumbers = (arena, picks, yours) =>
  rivalCells(arena, picks, yours, (loss, more) => [loss, more], String);

/**
 * @template {string | number} Cell
 * @param {import("./arena.js").Arena} arena
 * @param {number[]} picks
 * @param {number | null} yours
 * @param {(loss: number, more: number) => Cell[]} written A loss, and by how much it is above the router's.
 * @param {(t: number) => string} named
 * @returns {(string | Cell)[][]}
 */
function rivalCells(arena, picks, yours, written, named) {
  const { trained, trainedLoss, found } = arena;
  const own = { you: picks, trained, random: [], off: [], found: found.picks };
  const rows = rivalsOf(arena, yours).map(({ name, loss, mark }) => {
    const losses = loss === null ? ["", ""] : written(loss, loss - trainedLoss);
    return [name, ...losses, own[mark].map((t) => named(t)).join(" ")];
  });
  return [["Who picks", "Nats a token", "Against the router", "Picks"], ...rows];
}

/**
 * A cell that gives the losses of the picture.
 * @param {import("./arena.js").Arena} arena
 * @param {number[]} picks
 * @param {string} name Of the model.
 * @returns {string}
 */
export function gamePython({ tokens, layer, head }, picks, name) {
  const lines = [
    "import mosa_edu",
    "from mosa_edu.probes.hand_picks import loss_with_picks",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${pythonString(name)})`,
    `text = ${pythonString(tokens.map((own) => own.text).join(""))}`,
    "ids = tokenizer.encode(text)",
    `mine = loss_with_picks(model, ids, ${layer}, ${head}, [${picks.join(", ")}])`,
    `trained = loss_with_picks(model, ids, ${layer}, ${head}, None)`,
    'print(f"{mine:.3f} with these picks, {trained:.3f} with the router\'s")',
  ];
  return `${lines.join("\n")}\n`;
}
