/**
 * Answers what is asked of a leak probe: brings the model that is asked, or says why it cannot.
 * @module
 */

import { LeakRunner, storedView } from "./runner.js";
import { ASKS } from "./state.js";
import { plural } from "../lib/format.js";

const DIM_LATE = 400;

/** @typedef {import("./state.js").LeakState} LeakState */

export class Witness {
  /** @param {import("./controller.js").LeakProbe} probe */
  constructor(probe) {
    this.probe = probe;
    this.runner = new LeakRunner(probe.data, probe.model, () => probe.report());
    /** What a failed load kept from being shown. */
    this.wanted = probe.firstFrame();
    /** Tokens of an edited future that found no place. */
    this.left = 0;
  }

  /** The model that is asked. */
  get session() {
    return this.runner.session(this.probe.state ?? this.wanted);
  }

  /** @returns {import("../lib/session.js").Status} Of the model that failed, else of the one that is asked. */
  get status() {
    const failed = this.runner.session(this.wanted);
    return (failed.status.name === "error" ? failed : this.session).status;
  }

  /** @param {LeakState} before Have the model answer a state that asks otherwise. */
  ask(before) {
    const { state } = this.probe;
    if (ASKS.some((name) => state[name] !== before[name])) void this.refresh();
  }

  /** @returns {boolean} Whether the stored example is what is asked for. */
  isStored() {
    const { state } = this.probe;
    const usual = this.probe.firstFrame();
    return ASKS.every((name) => name === "edit" || state[name] === usual[name]);
  }

  /**
   * Compute what is asked for, or show the stored example, or say why neither can be.
   * @returns {Promise<void>}
   */
  async refresh() {
    const { probe, session } = this;
    if (!session.engine) {
      this.runner.work.stop(); // the other model's answer is not asked for any more
      if (this.isStored()) return probe.show(storedView(probe.data, probe.state), false);
      const obstacle = session.obstacle();
      if (obstacle) return this.goBack(obstacle);
      if (session.status.name === "loading") return; // whoever asked first goes on with what is asked for by then
      await session.load();
      if (session !== this.session) return this.refresh(); // another model is asked by now
      if (!session.engine) return this.goBack("");
      probe.change({}); // the cut is checked now that the text can be cut
    }
    await this.compute();
  }

  /** Bring the model, for whatever is asked for by the time it is here. */
  async bring() {
    const { probe, session } = this;
    if (session.obstacle() || session.engine || session.status.name === "loading") return;
    await session.load();
    if (session.engine && probe.state.own !== null) probe.change({ own: probe.state.own });
    if (session.engine) void this.refresh();
  }

  async compute() {
    const { probe, runner } = this;
    const { plot, state } = probe;
    if ((runner.tokensOf(state)?.length ?? 0) < 2) return; // the figure before stays
    const late = setTimeout(() => plot.node.classList.add("dim"), DIM_LATE);
    const result = await runner.run(state);
    clearTimeout(late);
    if (!result) return;
    this.wanted = state;
    const { view, left } = result;
    if (left || this.left) {
      probe.frame.tell(left ? `The last ${plural(left, "token")} of your future left out: the model reads ${probe.data.config.max_seq_len}.` : "");
    }
    this.left = left;
    probe.show(view, true);
  }

  /** @param {string} why What is shown stays, and the switches say what that is. */
  goBack(why) {
    const { probe } = this;
    const { view } = probe.state;
    this.wanted = probe.state;
    probe.adopt({ ...probe.answer.state, view });
    probe.report();
    probe.frame.tell(why);
  }
}
