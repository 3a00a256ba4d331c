/**
 * The look of texts whose tokens are chips, of the line that reads one out, of boxes to write in,
 * of sliders that lie on drawings.
 * @module
 */

export const TEXT_CSS = `
.own-button { white-space: nowrap; }
.own { padding-top: 12px; padding-bottom: 4px; }
.own textarea {
  display: block; width: 100%; margin: 4px 0 8px; padding: 8px 12px;
  font: 14px/22px var(--mosa-mono); color: var(--mosa-ink); background: var(--mosa-ground);
  border: 1px solid var(--mosa-quiet); border-radius: 6px; resize: vertical;
}
.text-block { padding-top: 12px; padding-bottom: 8px; }
.text {
  font: 14px/28px var(--mosa-mono); white-space: pre-wrap; overflow-wrap: anywhere; padding: 0 3px 4px; margin: 0 -3px;
}
.tok {
  position: relative; border-radius: 4px; padding: 2px; margin: 0 -2px; cursor: pointer;
  color: var(--mosa-ink);
}
.tok.sign { color: var(--mosa-ink2); }
@media (hover: hover) {
  .tok:hover { background: var(--mosa-wash); }
}
.mosa .tok.in { background: var(--mosa-pick); color: var(--mosa-pick-ink); font-weight: 400; }
.mosa .tok.at, .tok:focus-visible {
  outline: 2px solid var(--mosa-cursor); outline-offset: 1px; z-index: 1;
}
.readout {
  contain: content; position: sticky; top: var(--mosa-sticky-top, 0); z-index: 2; display: flex;
  align-items: center; gap: 16px; min-height: 40px; padding: 4px 16px 4px 12px;
  border: solid var(--mosa-rule); border-width: 1px 0; border-left: 4px solid var(--mosa-cursor);
  background: var(--mosa-ground);
}
.readout code { font-weight: 600; white-space: pre; }
.why { padding-top: 16px; }
.narrow .text { line-height: 30px; }
.narrow .readout {
  flex-direction: column; align-items: flex-start; gap: 0; min-height: 64px;
  padding: 4px 12px 4px 8px; justify-content: center;
}
.stops { position: relative; }
.stops svg { display: block; }
.stops .slider { position: absolute; }
.stops .slider input::-webkit-slider-thumb { border-color: var(--mosa-cursor); }
.stops .slider input::-moz-range-thumb { border-color: var(--mosa-cursor); }
.marks { display: flex; flex-wrap: wrap; gap: 4px 16px; padding-bottom: 12px; }
.marks i { font-style: normal; font-weight: 700; }
@media (forced-colors: active) {
  .tok.in { outline: 2px solid; }
  .mosa .tok.at { outline: 5px double; }
  .dot, .marks i { forced-color-adjust: none; }
}
@media print {
  .own, .banner, .stops .slider { display: none !important; }
  .readout { position: static; }
  .card { border: 0; }
}
`;
