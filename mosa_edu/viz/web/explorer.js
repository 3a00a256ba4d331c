/**
 * Routing explorer: which tokens each head keeps, why those, and what it saves.
 * @module
 */

import { Explorer } from "./explorer/controller.js";
import { defineElement, drawnBy } from "./lib/host.js";

const explorer = drawnBy(Explorer);

defineElement("mosa-explorer", explorer);

export default explorer;
