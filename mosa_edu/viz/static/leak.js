/**
 * Leak probe: give a text another future and see which picks and predictions before the cut move.
 * @module
 */

import { defineElement, drawnBy } from "./host.js";
import { LeakProbe } from "./leak/controller.js";

const leakProbe = drawnBy(LeakProbe);

defineElement("mosa-leak", leakProbe);

export default leakProbe;
