/**
 * Leak probe: give a text another future and see which picks and predictions before the cut move.
 * @module
 */

import { defineElement } from "./host.js";
import { LeakProbe } from "./leak/controller.js";

const leakProbe = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new LeakProbe(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-leak", leakProbe);

export default leakProbe;
