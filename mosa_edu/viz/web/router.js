/**
 * Be the router: pick the tokens of one head by hand and see what the model's loss does.
 * @module
 */

import { defineElement, drawnBy } from "./lib/host.js";
import { RouterGame } from "./router/controller.js";

const router = drawnBy(RouterGame);

defineElement("mosa-router", router);

export default router;
