/**
 * Budget explorer: what heads cost, and how many a budget buys.
 * @module
 */

import { BudgetExplorer } from "./budget/controller.js";
import { defineElement } from "./host.js";

const budget = {
  /** @param {{model: import("./host.js").Model, el: HTMLElement}} host */
  render({ model, el }) {
    const own = new BudgetExplorer(model, el);
    return () => own.dispose();
  },
};

defineElement("mosa-budget", budget);

export default budget;
