/**
 * What the reader asks of the live model: their own text, a switch, a link to either.
 * @module
 */

import { TEXT_LEVEL } from "./levels.js";
import { complaint } from "../lib/card.js";

export class Requests {
  /** @param {import("./controller.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    this.turn = 0; // of what was asked for; what comes late for an earlier question is dropped
  }

  /** Open or close the box for the reader's own text; opening it brings the model. */
  ownText() {
    const { own } = this.explorer.nodes;
    const open = own.node.hidden;
    if (open) {
      own.open(this.explorer.state.text ?? this.explorer.routing.texts.join(""));
      own.box.focus();
      own.box.select();
      if (!this.explorer.session.obstacle()) this.load();
    } else own.close();
    this.explorer.report();
  }

  /** Close the box: what is shown from now on is not the reader's own. */
  leaveOwnText() {
    if (!this.explorer.nodes.own.node.hidden) this.ownText();
  }

  load() {
    void this.explorer.session.load();
  }

  /** @param {string} name Of a stored example. */
  async example(name) {
    const { explorer } = this;
    this.leaveOwnText();
    const turn = ++this.turn;
    const failure = await explorer.examples.fetch(name);
    if (turn !== this.turn) return;
    if (failure) {
      explorer.say(failure);
      explorer.invalidate(TEXT_LEVEL); // the list shows the old one again
    } else explorer.change({ example: name, text: null });
  }

  /** @param {string} text The reader's own. */
  route(text) {
    const { explorer } = this;
    this.turn++;
    if (text === explorer.state.text) return;
    explorer.change({ text });
  }

  /**
   * Change the model itself, which only the live one can.
   * @param {Partial<import("./link.js").LinkState>} changes
   */
  ask(changes) {
    this.explorer.change(changes);
    if (!this.explorer.live.isLive) this.load();
  }

  /**
   * Show what a link says.
   * @param {import("./link.js").LinkState} state
   * @param {string[]} complaints About what the link asks for and cannot have.
   */
  async follow(state, complaints) {
    const { explorer } = this;
    const { own } = explorer.nodes;
    const turn = ++this.turn;
    if (!explorer.examples.find(state.example).trace) {
      const failure = await explorer.examples.fetch(state.example);
      if (turn !== this.turn) return;
      if (failure) return explorer.say(failure);
    }
    const asked = { ...state };
    const { T } = explorer.examples.trace(state.example);
    if (state.text === null && state.k !== null && (state.k < Math.min(2, T) || state.k > T)) {
      complaints.push(`no k ${state.k}`);
      state.k = null;
    }
    explorer.state = { ...state, token: -1 };
    explorer.pointed = null;
    explorer.live.refresh(true);
    if (state.text === null && asked.token >= T) complaints.push(`no token ${asked.token}`);
    explorer.state.token = state.text === null ? explorer.validToken(asked.token) : asked.token;
    if (state.text !== null) own.open(state.text);
    const isLive = state.live && state.k !== null;
    if (state.text !== null || state.off.length || state.first !== null || isLive) this.load();
    if (complaints.length) explorer.say(complaint(complaints));
  }
}
