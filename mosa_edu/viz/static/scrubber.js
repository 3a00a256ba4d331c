/**
 * Training scrubber: how the picks of a head changed while the model trained.
 * @module
 */

import { defineElement } from "./host.js";
import { TrainingScrubber } from "./scrubber/controller.js";

const scrubber = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new TrainingScrubber(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-scrubber", scrubber);

export default scrubber;
