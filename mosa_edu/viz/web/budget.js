/**
 * Budget explorer: what heads cost, and how many a budget buys.
 * @module
 */

import { BudgetExplorer } from "./budget/controller.js";
import { defineElement, drawnBy } from "./lib/host.js";

const budget = drawnBy(BudgetExplorer);

defineElement("mosa-budget", budget);

export default budget;
