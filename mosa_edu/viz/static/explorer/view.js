/**
 * What every panel is handed to draw, and what it may ask for.
 * @module
 */

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
 * @property {string[]} labels Tokens as written in the picture.
 * @property {(t: number) => {before: string, piece: string, after: string}} word The word round a token.
 * @property {(id: number) => string} entry A vocabulary entry as written in the picture.
 * @property {import("./axis.js").Axis} axis
 * @property {boolean} axisMoved Whether other tokens are in view than before.
 * @property {import("../palette.js").Palette} palette
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
export {};
