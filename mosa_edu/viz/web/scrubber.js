/**
 * Training scrubber: how the picks of a head changed while the model trained.
 * @module
 */

import { defineElement, drawnBy } from "./lib/host.js";
import { TrainingScrubber } from "./scrubber/controller.js";

const scrubber = drawnBy(TrainingScrubber);

defineElement("mosa-scrubber", scrubber);

export default scrubber;
