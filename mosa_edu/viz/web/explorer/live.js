/**
 * Runs the live model for an explorer: what to run, what to show meanwhile, what it says of the loss.
 * @module
 */

import { withKept } from "./routing_view.js";
import { Runs } from "./runs.js";
import { rowName } from "../lib/format.js";

const DIM_AFTER = 400;

export class Live {
  /** @param {import("./controller.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
    /** Whether what is shown was computed for the present k and switches. */
    this.settled = true;
    /** Whether the text that is shown is the one that was asked for. */
    this.arrived = true;
    /** @type {{key: string, losses: Float32Array} | null} of the text in the model as trained */
    this.usual = null;
    this.facts = { obstacle: "", tokens: -1, left: 0, k: 0 };
    this.begun = false;
    this.runs = new Runs(explorer.session);
    this.turn = 0; // of what was asked for; answers to earlier questions are dropped
  }

  /** @returns {boolean} */
  get isLive() {
    return this.explorer.session.engine !== null;
  }

  /** @returns {string} Over a text that is not the one asked for. */
  exampleLabel() {
    const { state, examples, routing } = this.explorer;
    const isExample = routing.tokens === examples.trace(state.example).tokens;
    const comesSoon = this.isLive && this.facts.tokens >= 2;
    if (state.text === null || this.arrived || !isExample || comesSoon) return "";
    return `Stored example: ${examples.find(state.example).title}`;
  }

  /** @returns {string} */
  whatIf() {
    const { state, routing } = this.explorer;
    if (state.k === null || this.settled || this.isLive) return "";
    const traced = this.explorer.usualKept();
    return `What if k were ${Math.min(state.k, routing.T)}: scores held as traced at k = ${traced}.`;
  }

  /** @returns {string} What was changed about the model, for the pill. */
  variant() {
    const { state, routing } = this.explorer;
    const name = (/** @type {number} */ row) => rowName(row, routing.heads);
    const n = state.off.length;
    const parts = n > 2 ? [`${n} heads off`] : n ? [`${state.off.map(name).join(", ")} off`] : [];
    if (state.first !== null) parts.push(state.first ? "token 0 kept" : "no seat for token 0");
    return parts.map((words) => `, ${words}`).join("");
  }

  /**
   * Show what can be shown at once, and run the rest.
   * @param {boolean} otherText
   */
  refresh(otherText) {
    const { explorer } = this;
    const { state, examples } = explorer;
    const clamp = (/** @type {number} */ T) => {
      if (state.k !== null) state.k = Math.max(1, Math.min(state.k, T));
    };
    if (otherText) this.arrived = state.text === null;
    if (state.text === null) {
      const { T, k } = examples.trace(state.example);
      clamp(T);
      this.settled = state.k === null || state.k === k;
      explorer.setSource(examples.source(state.example, state.k));
    } else if (this.arrived) {
      const { T, source } = explorer.routing;
      clamp(T);
      explorer.setSource(withKept(source, state.k ?? explorer.usualKept()));
      this.settled = false;
    }
    explorer.report();
    if (this.isLive) void this.run();
  }

  /** Run the model on what the state asks for. */
  async run() {
    const { explorer } = this;
    const { state, session, examples } = explorer;
    const turn = ++this.turn;
    const { tokens, left } =
      state.text === null
        ? { tokens: examples.source(state.example, null).tokens, left: 0 }
        : session.tokens(state.text);
    const { obstacle } = this.facts;
    this.facts = { obstacle, tokens: tokens.length, left, k: explorer.usualKept(tokens.length) };
    explorer.nodes.reportText(session.status, this.facts);
    if (tokens.length < 2) return this.runs.stop();
    const dim = setTimeout(() => explorer.frame.body.classList.add("dim"), DIM_AFTER);
    const k = state.k === null ? null : Math.min(state.k, tokens.length);
    const result = await this.runs.run(tokens, { ...state, k });
    clearTimeout(dim);
    if (!result || turn !== this.turn) return;
    explorer.frame.body.classList.remove("dim");
    this.settled = this.arrived = true;
    explorer.setSource(result.source);
    await this.measure(result.run, tokens, turn);
    session.test();
  }

  /**
   * Find out how the loss of the text moved.
   * @param {import("../engine/engine.js").Run} run
   * @param {import("./routing_view.js").TextToken[]} tokens
   * @param {number} turn
   */
  async measure(run, tokens, turn) {
    const key = tokens.map(({ id }) => id).join();
    const changed = this.changes();
    if (this.usual?.key !== key) this.usual = null;
    this.showLoss(null);
    if (!this.usual) {
      const losses = changed ? await this.runs.usualLosses(tokens) : await this.runs.losses(run);
      if (!losses) return;
      this.usual = { key, losses };
    }
    if (changed) this.showLoss(null);
    const now = changed ? await this.runs.losses(run) : this.usual.losses;
    if (now && turn === this.turn) this.showLoss(now);
  }

  /** @returns {string} What differs from the model as trained, in words. */
  changes() {
    const { state } = this.explorer;
    const k = state.k === null ? "" : `at k = ${state.k}`;
    return [k, this.variant().replace(/^, /, "with ")].filter(Boolean).join(", ");
  }

  /** @param {Float32Array | null} now */
  showLoss(now) {
    const { explorer } = this;
    const stored = explorer.session.engine ? null : this.storedLosses();
    const hint = this.isLive
      ? "Switch a head off to see what it is worth."
      : this.facts.obstacle || "A switch loads the live model.";
    explorer.nodes.reportLoss({
      usual: this.usual?.losses ?? stored,
      now,
      changed: this.isLive ? this.changes() : "",
      hint,
    });
  }

  /** @returns {Float32Array | null} */
  storedLosses() {
    const { routing } = this.explorer;
    const losses = Array.from(
      { length: routing.T - 1 },
      (_, t) => routing.source.truth(t)?.loss ?? NaN,
    );
    return losses.some(Number.isNaN) || !losses.length ? null : Float32Array.from(losses);
  }

  /**
   * React to news of the model.
   * @param {import("../lib/session.js").Status} status
   */
  follow(status) {
    const { explorer } = this;
    this.facts.obstacle = this.isLive ? "" : explorer.session.obstacle();
    explorer.nodes.reportText(status, this.facts);
    if (!this.isLive) this.showLoss(null);
    // A switch that no model stands behind must not look as if it were on.
    const { off, first } = explorer.state;
    const switched = off.length > 0 || first !== null;
    if (status.name === "error" && switched) explorer.change({ off: [], first: null });
    if (status.name !== "live" || this.begun) return;
    this.begun = true;
    void this.run();
  }
}
