/**
 * Routing explorer: which tokens each head keeps, why those, and what it saves.
 * @module
 */

import { Explorer } from "./explorer/controller.js";
import { defineElement } from "./host.js";

const explorer = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new Explorer(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-explorer", explorer);

export default explorer;
