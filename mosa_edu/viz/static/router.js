/**
 * Be the router: pick the tokens of one head by hand and see what the model's loss does.
 * @module
 */

import { defineElement } from "./host.js";
import { RouterGame } from "./router/controller.js";

const router = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new RouterGame(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-router", router);

export default router;
