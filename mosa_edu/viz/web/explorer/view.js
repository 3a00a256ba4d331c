/**
 * What every panel is handed to draw, and what it may ask for.
 * @module
 */

import { Axis } from "./axis.js";
import { headOf, tokenLabels, wordAround } from "../lib/format.js";

/**
 * Where the reader points: parts that are left out stay as they are.
 * @typedef {{row?: number, token?: number, other?: number}} Target
 */

/**
 * What panels may ask the explorer for.
 * @typedef {Object} Actions
 * @property {(target: Target) => void} preview
 * @property {(target: Target) => void} lock
 * @property {() => void} leave End a preview.
 * @property {(changes: Partial<import("./link.js").LinkState>) => void} change
 */

/**
 * The picture of one moment.
 * @typedef {Object} View
 * @property {import("./routing_view.js").Routing} routing
 * @property {number} row Head, counted through all layers.
 * @property {number} layer
 * @property {number} head
 * @property {number} token Position of the token under study.
 * @property {number} other A second token that is lit; -1 for none.
 * @property {boolean} isPreview
 * @property {boolean} settles Whether this is the first frame of a change that is kept.
 * @property {string[]} labels Tokens as written in the picture.
 * @property {(t: number) => {before: string, piece: string, after: string}} word The word round a token.
 * @property {(id: number) => string} entry A vocabulary entry as written in the picture.
 * @property {import("./axis.js").Axis} axis
 * @property {boolean} axisMoved Whether other tokens are in view than before.
 * @property {import("../lib/palette.js").Palette} palette
 * @property {string} exampleLabel Shown over the text while it is not what the reader asked for.
 * @property {import("./link.js").LinkState} state
 * @property {import("../engine/model.js").Config} config
 * @property {Set<number>} off Rows whose output is left out.
 * @property {number} usualKept Tokens that a head keeps of this text by itself.
 * @property {boolean} narrow On a phone.
 * @property {boolean} wide In two columns.
 * @property {number} squareSize Side of the masks.
 * @property {number} gatheredWidth
 * @property {string} whatIf Says that k was moved without the model; empty otherwise.
 */

/**
 * @param {import("./controller.js").Explorer} explorer
 * @returns {View}
 */
export function viewOf(explorer) {
  const { routing, state, size, live, drawn, pointed, settles } = explorer;
  const { row = explorer.row, other = -1 } = pointed ?? {};
  const token = explorer.validToken(pointed?.token ?? state.token); // a link's text may be on its way
  const { axisWidth, ...sizes } = size;
  const fit = new Axis(axisWidth, routing.T, size.narrow, drawn.first);
  const first = pointed ? fit.first : fit.firstToShow(token);
  return {
    ...sizes,
    routing,
    row,
    ...headOf(row, routing.heads),
    token,
    other,
    isPreview: pointed !== null,
    settles,
    labels: explorer.labels,
    word: (t) => wordAround(routing.texts, t),
    entry: (id) => entryLabel(explorer, id),
    axis: new Axis(axisWidth, routing.T, size.narrow, first),
    axisMoved: first !== drawn.first,
    palette: explorer.stage.palette(),
    exampleLabel: live.exampleLabel(),
    state,
    config: explorer.data.config,
    off: new Set(state.off),
    usualKept: explorer.usualKept(),
    whatIf: live.whatIf(),
  };
}

/**
 * @param {import("./controller.js").Explorer} explorer
 * @param {number} id Of a vocabulary entry.
 * @returns {string}
 */
function entryLabel({ data, session }, id) {
  const piece = session.engine?.tokenizer.piece(id) ?? { text: `#${id}`, whole: true };
  const text = data.vocabulary[id] ?? (piece.whole ? piece.text : `<${piece.text}>`);
  return tokenLabels(["a", text])[1]; // as after a letter: what goes on with a word shows its dot
}
