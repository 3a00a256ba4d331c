/**
 * Leak probe: give a text another future and see which picks and predictions before the cut move.
 * @module
 */

import { LeakProbe } from "./leak/controller.js";
import { defineElement, drawnBy } from "./lib/host.js";

const leakProbe = drawnBy(LeakProbe);

defineElement("mosa-leak", leakProbe);

export default leakProbe;
