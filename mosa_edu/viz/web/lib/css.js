// The look of the card that all figures are: its head, controls, chips, tables and foot.
//
// Colours come from the palette.

export const CARD_CSS = `
:host { display: block; min-width: 0; }
:host(.widened) { position: fixed; inset: 0; z-index: 9999; overflow: auto; width: 100%;
  height: 100%; max-width: none; max-height: none; margin: 0; padding: 0; border: 0;
  background: none; }
.mosa { font: 14px/20px var(--mosa-sans); color: var(--mosa-ink);
  font-variant-numeric: tabular-nums; text-align: left; color-scheme: light; }
.mosa[data-theme=dark] { color-scheme: dark; }
.mosa.full { --mosa-sticky-top: 0px !important; min-height: 100%; padding: 16px;
  box-sizing: border-box; background: var(--mosa-ground); }
.mosa * { box-sizing: border-box; }
.mosa [hidden] { display: none !important; }
.mosa p { margin: 0; }
.mosa code { font: inherit; font-family: var(--mosa-mono); font-size: .96em; unicode-bidi: isolate; }
.mosa b { font-weight: 600; }
.mosa a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.card { max-width: 1400px; margin: 0 auto; border: 1px solid var(--mosa-rule); border-radius: 8px;
  background: var(--mosa-ground); overflow: clip; }
.pad { padding: 0 16px; }
.row, .line, .top, .chips { display: flex; align-items: center; gap: 8px; }
.wrap { flex-wrap: wrap; }
.note, .label { font-size: 12px; line-height: 16px; color: var(--mosa-ink2); }
.note b { color: var(--mosa-ink); }
.note code { color: var(--mosa-ink); font-weight: 600; }
.h { font-weight: 600; }
.label b { color: var(--mosa-ink); white-space: nowrap; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
button, select { font: 13px/18px var(--mosa-sans); font-variant-numeric: tabular-nums;
  color: var(--mosa-ink); background: var(--mosa-ground); border: 1px solid var(--mosa-rule);
  border-radius: 6px; padding: 6px 12px; min-height: 32px; margin: 0; cursor: pointer; }
button:hover:not(:disabled), select:hover { border-color: var(--mosa-quiet); }
button:disabled { opacity: .55; cursor: default; }
button[aria-pressed=true], button[aria-checked=true], button[aria-expanded=true] {
  background: var(--mosa-ink); border-color: var(--mosa-ink); color: var(--mosa-ground); }
:focus-visible { outline: 2px solid var(--mosa-ink); outline-offset: 2px; }
.top { min-height: 40px; padding: 8px 16px 0; }
.name { flex: 1; font-size: 12px; font-weight: 600; color: var(--mosa-ink2); }
.pill { display: inline-flex; align-items: center; gap: 6px; min-height: 24px; padding: 2px 10px;
  border: 1px solid var(--mosa-rule); border-radius: 12px; font-size: 12px; line-height: 16px;
  color: var(--mosa-ink2); }
.pill.error, .badge.failed { color: var(--mosa-cursor-text); font-weight: 600; }
.dot { width: 8px; height: 8px; border-radius: 50%; border: 2px solid var(--mosa-ink2); }
.dot.loading { border-color: var(--mosa-pick); }
.dot.live { border-color: var(--mosa-ok); background: var(--mosa-ok); }
.progress { width: 64px; height: 4px; border-radius: 2px; background: var(--mosa-rule); }
.progress i { display: block; height: 100%; border-radius: 2px; background: var(--mosa-pick); }
.plain { border-color: transparent; padding: 4px 8px; min-height: 28px; font-size: 12px; }
.finding { font-size: 21px; line-height: 28px; font-weight: 600; letter-spacing: -.01em;
  min-height: 28px; text-wrap: balance; }
.keeps { color: var(--mosa-pick); }
.mosa .detail { color: var(--mosa-ink2); min-height: 20px; margin: 2px 0 12px; }
.detail code { color: var(--mosa-ink); }
.detail b { color: var(--mosa-cursor-text); }
header .chips { margin: -4px 0 12px; overflow-x: auto; scrollbar-width: none; }
.chips > * { flex-shrink: 0; }
.chips .lead { font-size: 12px; color: var(--mosa-ink2); white-space: nowrap; }
.chip { border-radius: 14px; padding: 3px 10px; min-height: 28px; font-size: 12px;
  white-space: nowrap; }
.chip small { font-size: 11px; color: var(--mosa-ink2); }
.chips.wrap { gap: 6px; margin-top: 8px; }
.chips.wrap .chip { border-radius: 6px; padding: 3px 8px; }
.controls { display: grid; grid-template-columns: minmax(200px, 1fr) auto auto minmax(120px, 200px);
  gap: 16px; padding: 12px 16px; background: var(--mosa-wash); border: solid var(--mosa-rule);
  border-width: 1px 0; }
.field { display: flex; flex-direction: column; gap: 4px; min-width: 0; }
.card:not(.narrow, .leak) .field:has(> .segments) { min-width: max-content; }
.field select { flex: 1; min-width: 0; width: 100%; }
.segments { display: inline-flex; flex-wrap: wrap; row-gap: 4px; }
.segments > * { border-radius: 0; margin-left: -1px; min-width: 32px; padding: 6px 8px;
  position: relative; }
.segments > :first-child { border-radius: 6px 0 0 6px; margin-left: 0; }
.segments > :last-child { border-radius: 0 6px 6px 0; }
.segments :focus-visible { z-index: 1; }
.segments output { border: 1px solid var(--mosa-rule); background: var(--mosa-ground);
  font-size: 13px; line-height: 18px; font-weight: 600; text-align: center; }
.slider { position: relative; display: block; height: 32px; }
.slider input { appearance: none; width: 100%; height: 32px; margin: 0; background: none;
  cursor: pointer; }
.slider input::-webkit-slider-runnable-track { height: 4px; border-radius: 2px;
  background: linear-gradient(90deg, var(--mosa-pick) calc(var(--fill) * 100%), var(--mosa-rule) 0); }
.slider input::-moz-range-track { height: 4px; border-radius: 2px;
  background: linear-gradient(90deg, var(--mosa-pick) calc(var(--fill) * 100%), var(--mosa-rule) 0); }
.slider input::-webkit-slider-thumb { appearance: none; width: 16px; height: 16px; margin-top: -6px;
  border-radius: 50%; border: 2px solid var(--mosa-pick); background: var(--mosa-ground); }
.slider input::-moz-range-thumb { width: 12px; height: 12px; border-radius: 50%;
  border: 2px solid var(--mosa-pick); background: var(--mosa-ground); }
.notch { position: absolute; left: calc(8px + (100% - 16px) * var(--notch) - 1px); bottom: 3px;
  width: 2px; height: 6px; background: var(--mosa-ink2); pointer-events: none; }
.banner { display: flex; gap: 12px; align-items: center; padding: 12px 16px;
  background: var(--mosa-cursor-wash); }
.banner p { flex: 1; }
.banner .sign { font-size: 18px; color: var(--mosa-cursor-text); }
.banner button { white-space: nowrap; }
.tools { display: flex; gap: 8px; margin-left: auto; }
.tools button, .small { min-height: 28px; padding: 3px 10px; font-size: 12px; }
footer { padding: 12px 16px; background: var(--mosa-wash); border-top: 1px solid var(--mosa-rule); }
footer .note { margin-top: 8px !important; }
footer .told { margin: 0 !important; flex: 1; min-width: 80px; }
.badge { font-size: 12px; color: var(--mosa-ink2); }
.badge.passed { color: var(--mosa-ok); font-weight: 600; }
.table-view { padding-top: 16px; padding-bottom: 16px; }
.table-scroll { max-height: 480px; overflow: auto; border: 1px solid var(--mosa-rule);
  border-radius: 6px; }
.mosa table { width: 100%; border-collapse: collapse; font-size: 12px; line-height: 16px; }
.mosa caption { padding: 8px 12px; text-align: left; font-weight: 600; caption-side: top;
  color: inherit; }
.mosa th, .mosa td { padding: 4px 12px; text-align: right; border: 0;
  border-bottom: 1px solid var(--mosa-rule); background: none; white-space: nowrap; }
.mosa thead th { position: sticky; top: 0; background: var(--mosa-wash); font-weight: 600;
  z-index: 1; }
.mosa .word-cell { text-align: left; }
.mosa td code { white-space: pre; }
.mosa tr.kept td { background: var(--mosa-pick-wash); }
.mosa tr.last td { border-bottom: 2px solid var(--mosa-ink); }
.mosa tr.at td { background: var(--mosa-cursor-wash); font-weight: 600; }
tbody tr { cursor: pointer; }
.narrow .pad, .narrow .top, .narrow footer, .narrow .controls, .narrow .banner {
  padding-left: 12px; padding-right: 12px; }
.narrow .wide-button { display: none; }
.narrow .top { gap: 4px; }
.narrow .plain { padding: 4px 6px; }
.narrow .finding { font-size: 18px; line-height: 24px; min-height: 48px; }
.narrow button, .narrow select { min-height: 44px; min-width: 44px; }
.narrow .chip { border-radius: 22px; padding: 3px 14px; }
.narrow .controls { grid-template-columns: 1fr auto; gap: 12px; }
.narrow .segments output { line-height: 30px; min-width: 28px; }
.narrow .slider, .narrow .slider input { height: 44px; }
.narrow .notch { bottom: 9px; }
.narrow .mosa th, .narrow th, .narrow td { padding: 4px 8px !important; }
@media (pointer: coarse) {
  .card button:not(.word), .card select { min-height: 44px; }
  .slider, .slider input { height: 44px; }
}
@media (forced-colors: active) {
  button[aria-pressed=true], button[aria-checked=true], button[aria-expanded=true] {
    forced-color-adjust: none; background: Highlight; border-color: Highlight;
    color: HighlightText; }
  .slider input::-webkit-slider-runnable-track { border: 1px solid; }
  .slider input::-moz-range-track { border: 1px solid; }
}
@media print {
  .controls, footer .row { display: none !important; }
  .mosa { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@media (prefers-reduced-motion: reduce) {
  .mosa * { transition: none !important; animation: none !important; }
}
`;

export const TEXT_CSS = `
.own-button { white-space: nowrap; }
.own { padding-top: 12px; padding-bottom: 4px; }
.own textarea { display: block; width: 100%; margin: 4px 0 8px; padding: 8px 12px;
  font: 14px/22px var(--mosa-mono); color: var(--mosa-ink); background: var(--mosa-ground);
  border: 1px solid var(--mosa-quiet); border-radius: 6px; resize: vertical; }
.text-block { padding-top: 12px; padding-bottom: 8px; }
.text { font: 14px/28px var(--mosa-mono); white-space: pre-wrap; overflow-wrap: anywhere;
  padding: 0 3px 4px; margin: 0 -3px; }
.tok { position: relative; border-radius: 4px; padding: 2px; margin: 0 -2px; cursor: pointer;
  color: var(--mosa-ink); }
.tok.sign { color: var(--mosa-ink2); }
@media (hover: hover) { .tok:hover { background: var(--mosa-wash); } }
.mosa .tok.in { background: var(--mosa-pick); color: var(--mosa-pick-ink); font-weight: 400; }
.mosa .tok.at, .tok:focus-visible { outline: 2px solid var(--mosa-cursor); outline-offset: 1px;
  z-index: 1; }
.readout { contain: content; position: sticky; top: var(--mosa-sticky-top, 0); z-index: 2;
  display: flex; align-items: center; gap: 16px; min-height: 40px; padding: 4px 16px 4px 12px;
  border: solid var(--mosa-rule); border-width: 1px 0; border-left: 4px solid var(--mosa-cursor);
  background: var(--mosa-ground); }
.readout code { font-weight: 600; white-space: pre; }
.why { padding-top: 16px; }
.narrow .text { line-height: 30px; }
.narrow .readout { flex-direction: column; align-items: flex-start; gap: 0; min-height: 64px;
  padding: 4px 12px 4px 8px; justify-content: center; }
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
