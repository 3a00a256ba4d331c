/**
 * Mask zoo: six answers to who may look at whom, on one text.
 * @module
 */

import { defineElement } from "./host.js";
import { MaskZoo } from "./mask_zoo/controller.js";

const maskZoo = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new MaskZoo(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-mask-zoo", maskZoo);

export default maskZoo;
