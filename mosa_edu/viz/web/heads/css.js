/**
 * The look of the head browser's twin; colours come from the palette.
 * @module
 */

import { cividis, LIGHT } from "../lib/palette.js";

/** Height of a head's row, in pixels. */
export const ROW = 16;

// The scale is the same in both themes, and so are the marks on it.
const SCALE = Array.from({ length: 9 }, (_, i) => `rgb(${cividis(i / 8)})`).join();

export const HEADS_CSS = `
:host{display:block}
.mosa{font:14px/20px var(--mosa-sans);color:var(--mosa-ink);background:var(--mosa-ground)}
.mosa{border:1px solid var(--mosa-rule);border-radius:8px;padding:16px}
.mosa{text-align:left;font-variant-numeric:tabular-nums;color-scheme:light}
.mosa[data-theme=dark]{color-scheme:dark}
.mosa *{box-sizing:border-box}
.mosa p{margin:0 0 12px}
.said{font-size:17px;font-weight:600;min-height:20px}
.note{font-size:12px;line-height:16px;color:var(--mosa-ink2);min-height:16px}
.controls{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:4px 16px}
.controls{margin-bottom:12px}
label{font-size:13px;color:var(--mosa-ink2)}
label b{color:var(--mosa-ink)}
select{background:var(--mosa-ground);border:1px solid var(--mosa-rule);border-radius:6px;padding:0 8px}
select,input{display:block;width:100%;height:44px;margin:0;font:inherit;color:var(--mosa-ink)}
input{accent-color:var(--mosa-pick)}
:focus-visible{outline:2px solid var(--mosa-ink);outline-offset:2px}
.words{font-family:var(--mosa-mono);white-space:pre-wrap;overflow-wrap:anywhere;line-height:26px}
.words mark{background:var(--mosa-pick);color:var(--mosa-pick-ink);border-radius:4px;padding:2px}
.map{display:grid;grid-template-columns:52px 1fr}
.map{font-size:11px;line-height:${ROW}px;color:var(--mosa-ink2)}
.map b{color:var(--mosa-ink)}
.cells{position:relative}
canvas,.cells svg{display:block;width:100%;height:100%;image-rendering:pixelated}
.cells svg{position:absolute;inset:0;overflow:visible}
.cells svg *{vector-effect:non-scaling-stroke;paint-order:stroke;stroke-width:2}
.frame{fill:none;stroke:${LIGHT.ground}}
.cells .edge{fill:none;stroke:${LIGHT.ink};stroke-width:5}
.kept{fill:${LIGHT.ground};stroke:${LIGHT.ink}}
.own{fill:${LIGHT.pick};stroke:${LIGHT.ground}}
.scale{display:inline-block;width:64px;height:8px;margin:0 4px}
.scale{background:linear-gradient(90deg,${SCALE})}
.masks{display:flex;flex-wrap:wrap;gap:12px 24px;margin:4px 0 12px}
.masks figure{flex:1 1 130px;max-width:240px;margin:0}
.masks svg{display:block;width:100%;border:1px solid var(--mosa-rule)}
.scroll{max-height:320px;overflow:auto;margin-top:8px}
table{border-collapse:collapse;font-size:12px}
th,td{padding:2px 12px 2px 0;text-align:right}
summary{min-height:44px;line-height:44px;cursor:pointer}
@media print{.controls,details{display:none}.mosa{border:0;print-color-adjust:exact}}
`;
