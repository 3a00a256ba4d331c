/**
 * Decode theatre: a text is read token by token, and the caches of the heads fill.
 * @module
 */

import { defineElement, drawnBy } from "./lib/host.js";
import { DecodeTheatre } from "./theatre/controller.js";

const theatre = drawnBy(DecodeTheatre);

defineElement("mosa-theatre", theatre);

export default theatre;
