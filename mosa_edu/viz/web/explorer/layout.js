/**
 * Puts the panels into the card: one column, two when there is room, another order on a phone.
 * @module
 */

import { html } from "../lib/dom.js";

const NARROW = 560;
const SNUG = 740;
const WIDE = 1100;
const COLUMN_GAP = 25;
const LEFT_COLUMN = 758;

/** @typedef {Record<string, HTMLElement>} Nodes */

/**
 * @param {HTMLElement} root
 * @param {Nodes} nodes By name: header, controls, banner, own, text, readout, scores, overview, table,
 *   masks (three), bars (three), ask, footer, status, paper.
 * @param {string} labelledBy
 */
export function assemble(root, nodes, labelledBy) {
  const masks = html("div", { class: "columns" }, nodes.dense, nodes.sparse, nodes.gathered);
  const bars = html("div", { class: "columns still" }, nodes.attention, nodes.next, nodes.cost);
  const left = html(
    "div",
    { class: "left" },
    nodes.text,
    nodes.readout,
    nodes.scores,
    nodes.overview,
    nodes.table,
  );
  const right = html("div", { class: "right pad" }, masks, bars);
  const body = html("div", { class: "body" }, left, right);
  const card = html(
    "div",
    { class: "card", role: "group", "aria-labelledby": labelledBy },
    nodes.header,
    nodes.controls,
    nodes.banner,
    nodes.own,
    body,
    nodes.ask,
    nodes.footer,
    nodes.tour,
    nodes.paper,
    nodes.status,
  );
  root.replaceChildren(card);
  return { card, left, body };
}

/**
 * Arrange the card for a width.
 * @param {{card: HTMLElement, left: HTMLElement, body: HTMLElement}} frame
 * @param {Nodes} nodes
 * @param {number} width Of the card, border included.
 */
export function arrange({ card, body, left }, nodes, width) {
  const [narrow, wide] = [width < NARROW, width >= WIDE];
  card.classList.toggle("narrow", narrow);
  card.classList.toggle("two", wide);
  card.classList.toggle("snug", width < SNUG);
  // On a phone the text comes before the controls, also for the keyboard.
  if (narrow && nodes.controls.parentElement !== left)
    nodes.text.after(nodes.banner, nodes.controls, nodes.own);
  if (!narrow && nodes.controls.parentElement === left)
    body.before(nodes.controls, nodes.banner, nodes.own);
  const inner = width - 2 - (narrow ? 24 : 32);
  const leftInner = wide ? LEFT_COLUMN - 32 : inner;
  const rightInner = wide ? width - 2 - LEFT_COLUMN - 33 : inner;
  const square = narrow
    ? Math.floor((inner - COLUMN_GAP) / 2)
    : wide
      ? Math.min(204, Math.floor((rightInner - COLUMN_GAP) / 2))
      : Math.floor((204 * inner) / 726);
  const gathered = narrow || wide ? rightInner : inner - 2 * (square + COLUMN_GAP);
  return { narrow, wide, axisWidth: leftInner, squareSize: square, gatheredWidth: gathered };
}
