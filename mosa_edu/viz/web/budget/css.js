/**
 * The look of the budget explorer beside the card's.
 * @module
 */

export const BUDGET_CSS = `
.budget .controls { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.body { padding-top: 16px; padding-bottom: 16px; }
.body svg { display: block; }
.narrow.budget .controls { grid-template-columns: 1fr; }
.narrow.budget .segments > * { flex: 1; }
`;
