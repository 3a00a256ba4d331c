/**
 * Decode theatre: a text is read token by token, and the caches of the heads fill.
 * @module
 */

import { defineElement } from "./host.js";
import { DecodeTheatre } from "./theatre/controller.js";

const theatre = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new DecodeTheatre(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-theatre", theatre);

export default theatre;
