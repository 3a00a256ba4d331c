/**
 * What the leak probe adds to the look of the explorer.
 * @module
 */

export const LEAK_CSS = `
.leak .finding{min-height:56px;text-wrap:wrap}
.leak .finding :last-child{display:inline-block}
.leak .detail{min-height:40px}
.leak .controls{grid-template-columns:minmax(96px,1fr) auto}
.leak .controls>:last-child{grid-column:1/-1}
.leak .tok.thin{text-decoration:underline dotted 2px var(--mosa-cursor);text-underline-offset:5px}
.leak .tok.thick{text-decoration:underline 3px var(--mosa-cursor);text-underline-offset:5px;text-decoration-skip-ink:none}
.leak .tok.after{margin:0 1px 0 0;padding:2px 0;color:var(--mosa-ink2);background:repeating-linear-gradient(135deg,var(--mosa-rule) 0 1.5px,var(--mosa-wash) 0 6px)}
.bar{touch-action:none}
.text .bar{display:inline-block;position:relative;width:3px;height:20px;margin:0 4px;border-radius:1px;vertical-align:-4px;background:var(--mosa-ink);cursor:col-resize}
.text .bar::after{content:"";position:absolute;inset:-8px -12px}
.plot{position:relative;margin:8px 0 4px;touch-action:pan-y}
.plot svg{display:block;cursor:crosshair}
.plot .bar{position:absolute;top:0;width:44px;margin-left:-22px;cursor:col-resize;border-radius:6px}
.plot .bar::before{content:"";position:absolute;left:20.5px;top:0;bottom:11px;width:3px;background:var(--mosa-ink)}
.plot .bar::after{content:"";position:absolute;left:14px;bottom:3px;width:12px;height:12px;border:2px solid var(--mosa-ink);border-radius:50%;background:var(--mosa-ground)}
.plot .at{position:absolute;font-size:11px;line-height:16px;bottom:2px;white-space:nowrap;pointer-events:none;color:var(--mosa-ink)}
.plot.dim{opacity:.6}
.marks .new{color:var(--mosa-pick)}
.marks .lost{color:var(--mosa-cursor-text)}
.marks .kept,.marks .thin,.marks .thick{display:inline-block;width:14px;height:3px;margin:0 3px 3px 0;background:var(--mosa-quiet)}
.marks .thin,.marks .thick{background:var(--mosa-cursor)}
.marks .thin{height:0;border-top:2px dotted var(--mosa-cursor);background:none}
.narrow.leak .controls{grid-template-columns:1fr}
.narrow.leak .segments{display:flex}
.narrow.leak .segments>*{flex:1 1 auto;padding:6px 4px;font-size:12px}
.narrow.leak .finding{min-height:72px}
.narrow.leak .detail{min-height:80px}
.narrow.leak .readout{min-height:80px}
@media print{.plot .bar::after,.plot .at{display:none}}
`;
