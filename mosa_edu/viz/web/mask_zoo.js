/**
 * Mask zoo: six answers to who may look at whom, on one text.
 * @module
 */

import { defineElement, drawnBy } from "./lib/host.js";
import { MaskZoo } from "./mask_zoo/controller.js";

const maskZoo = drawnBy(MaskZoo);

defineElement("mosa-mask-zoo", maskZoo);

export default maskZoo;
