/**
 * The look of the mask zoo beside the card's.
 * @module
 */

export const ZOO_CSS = `
.zoo .controls { display: flex; flex-wrap: wrap; gap: 12px 16px; }
.zoo .field:first-child { flex: 1 1 160px; }
.zoo .field:nth-child(5) { flex: 3 1 260px; }
.ahead { flex: 2 1 240px; align-self: end; min-height: 32px; }
.body { padding-top: 12px; padding-bottom: 16px; }
.text { font: 14px/28px var(--mosa-mono); overflow-wrap: anywhere; padding-bottom: 12px; }
.tok { position: relative; padding: 2px; margin: 0 -2px; border-radius: 4px; cursor: pointer; }
.mosa .tok.in { background: var(--mosa-pick); color: var(--mosa-pick-ink); }
.tok.att { box-shadow: 0 6px 0 -2px var(--mosa-cursor); }
.mosa .tok.at, .tok:focus-visible { outline: 2px solid var(--mosa-cursor); outline-offset: 1px; z-index: 1; }
.tok.after { opacity: .45; cursor: default; text-decoration: line-through; }
.squares { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px 16px; }
.narrow .squares { grid-template-columns: 1fr 1fr; gap: 16px 12px; }
.square .line { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 8px; }
.square button { min-height: 28px; padding: 2px 10px; font-weight: 600; }
.narrow .square .line { flex-direction: column; align-items: flex-start; }
.narrow .square button { min-height: 44px; padding: 2px 8px; }
.square svg { display: block; width: 100%; margin: 6px 0; cursor: crosshair; }
.square .note b { font-weight: 600; }
.square .reads { color: var(--mosa-cursor-text); font-weight: 600; }
@media (forced-colors: active) { .tok.in { outline: 1px solid; } }
`;
