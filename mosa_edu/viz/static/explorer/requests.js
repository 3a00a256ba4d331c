/**
 * What the reader asks of the live model: their own text, a switch, a link to either.
 * @module
 */

import { complaint } from "../card.js";
import { TEXT_LEVEL } from "./levels.js";

export class Requests {
  /** @param {import("./controller.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
  }

  /** Open or close the box for the reader's own text; opening it brings the model. */
  ownText() {
    const { own, ownButton } = this.explorer.nodes;
    const open = own.node.hidden;
    if (open) {
      own.open(this.explorer.routing.texts.join(""));
      own.box.focus();
      own.box.select();
      if (!this.explorer.session.obstacle()) this.load();
    } else own.close();
    ownButton.setAttribute("aria-expanded", `${open}`);
    this.explorer.report();
  }

  load() {
    void this.explorer.session.load();
  }

  /** @param {string} name Of a stored example. */
  async example(name) {
    const { explorer } = this;
    const failure = await explorer.examples.fetch(name);
    if (failure) {
      explorer.say(failure);
      explorer.invalidate(TEXT_LEVEL); // the list shows the old one again
    } else explorer.change({ example: name, text: null });
  }

  /** @param {string} text The reader's own. */
  route(text) {
    const { explorer } = this;
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
    if (!explorer.examples.find(state.example).trace) {
      const failure = await explorer.examples.fetch(state.example);
      if (failure) return explorer.say(failure);
    }
    const asked = { ...state };
    explorer.state = { ...state, token: -1 };
    explorer.pointed = null;
    explorer.live.refresh(true);
    const { T } = explorer.routing;
    if (state.text === null) {
      if (asked.token >= T) complaints.push(`no token ${asked.token}`);
      if (asked.k !== null && (asked.k < 1 || asked.k > T)) complaints.push(`no k ${asked.k}`);
    }
    explorer.state.token = state.text === null ? explorer.validToken(asked.token) : asked.token;
    if (state.text !== null) own.open(state.text);
    if (state.text !== null || state.off.length || state.first !== null) this.load();
    if (complaints.length) explorer.say(complaint(complaints));
  }
}
