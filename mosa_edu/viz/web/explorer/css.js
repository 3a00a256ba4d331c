// The look of the routing explorer's own parts: charts, masks, bars and the tour.

export const EXPLORER_CSS = `
.text, .detail, .finding { contain: content; }
.snug:not(.narrow) .controls {
  grid-template-columns: minmax(150px, 1fr) auto auto minmax(100px, 128px); }
.body.dim { opacity: .6; }
.example { margin-bottom: 4px !important; }
.text { max-height: 336px; overflow-y: auto; --above: 0px; --below: 0px;
  mask-image: linear-gradient(transparent, black var(--above), black calc(100% - var(--below)), transparent); }
.text.more-above { --above: 24px; }
.text.more-below { --below: 24px; }
.tok.none { text-decoration: underline dotted 2px var(--mosa-quiet); text-underline-offset: 5px;
  text-decoration-skip-ink: none; }
.tok.lit { background: var(--mosa-cursor-wash); color: var(--mosa-ink); }
.mosa .tok.in.lit { box-shadow: 0 0 0 2px var(--mosa-ink); }
.tok.att::after { content: ""; position: absolute; left: 2px; bottom: -7px; width: var(--w);
  height: 4px; border-radius: 1px; background: var(--mosa-cursor); }
.stems.fades { animation: appear .12s ease-out; }
.cut.fades { transition: transform .16s ease-out; }
@keyframes appear { from { opacity: 0; } }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 4px !important; }
.key .tok { cursor: default; margin: 0 2px 0 0; padding: 1px 4px; font-weight: 400; font-size: 11px;
  background: none; }
.key .hint { margin-left: auto; }
.snug .key .hint, .narrow .step { display: none; }
.key .bar { display: inline-block; width: 16px; height: 4px; margin: 0 2px 3px 0;
  border-radius: 1px; background: var(--mosa-cursor); }
.facts { display: flex; flex-wrap: wrap; overflow: hidden; margin-left: -9px;
  clip-path: inset(0 0 0 9px); }
.fact { margin-left: -1px; padding-right: 9px; }
.fact::before { content: ""; display: inline-block; height: 12px; margin: 0 8px -1px 0;
  border-left: 1px solid var(--mosa-rule); }
.everyone { padding-top: 8px; padding-bottom: 12px; }
.line { flex-wrap: wrap; gap: 2px 12px; min-height: 20px; }
.chart { display: block; overflow: visible; margin-top: 4px; }
.chart, .overview { cursor: crosshair; }
.overview { display: block; margin: 8px 0 4px; }
.legend { display: inline-flex; align-items: center; gap: 4px; }
.legend i { width: 64px; height: 8px; border-radius: 2px; }
.word { min-height: 0; padding: 0; border: 0; border-radius: 2px; background: none; font: inherit;
  color: inherit; }
.word:hover { text-decoration: underline; }
.mosa .word code { font-weight: 400; color: var(--mosa-ink2); }
.mosa .word b { font-weight: 700; color: var(--mosa-ink); }
.ring { display: inline-block; width: 8px; height: 8px; border: 1.5px solid var(--mosa-ink);
  border-radius: 50%; }
.right { padding-bottom: 16px; }
.columns { display: grid; grid-template-columns: 28.1% 28.1% 1fr; gap: 20px 25px;
  padding-top: 16px; }
.left + .right > .columns:first-child { border-top: 1px solid var(--mosa-rule); }
.col { min-width: 0; display: grid; grid-template-rows: subgrid; grid-row: span 3;
  align-content: start; row-gap: 0; }
.col canvas { display: block; margin-top: 8px; }
.col canvas.framed { outline: 1px solid var(--mosa-rule); outline-offset: -1px; }
.cur { color: var(--mosa-cursor-text); font-weight: 600; white-space: pre; }
.bars { list-style: none; margin: 8px 0 0; padding: 0; display: grid;
  grid-template-columns: max-content 1fr max-content; gap: 8px; align-items: center; }
.bar-row { display: contents; }
.bar-word small { margin-left: 4px; font-family: var(--mosa-sans); font-size: 11px;
  font-weight: 400; color: var(--mosa-ink2); }
.bar-row .word:disabled { opacity: 1; font-family: var(--mosa-sans); text-decoration: none; }
.bar-word { font: 13px/20px var(--mosa-mono); text-align: right; max-width: 88px; overflow: hidden;
  text-overflow: ellipsis; white-space: pre; }
.bar-track { height: 10px; }
.bar-track i { display: block; height: 100%; min-width: 1.5px; background: var(--mosa-quiet); }
.track .bar-track { background: color-mix(in srgb, var(--mosa-rule) 45%, transparent); }
.cursor .bar-track i { background: var(--mosa-cursor); }
.truth .bar-track i { background: var(--mosa-ink); }
.truth, .truth > * { font-weight: 700; }
.bar-number { font-size: 12px; color: var(--mosa-ink2); text-align: right; }
.truth .bar-number { color: var(--mosa-ink); }
.swatch { display: inline-block; width: 10px; height: 10px; background: var(--mosa-dense);
  vertical-align: -1px; }
.costs { display: grid; gap: 12px; margin-top: 8px; }
.cost-line { display: flex; justify-content: space-between; align-items: baseline; }
.cost-line b { font-size: 17px; line-height: 20px; }
.share { height: 8px; margin: 2px 0; background: var(--mosa-dense); }
.share i { display: block; height: 100%; background: var(--mosa-pick); }
.tour { position: sticky; bottom: 0; z-index: 3; display: flex; flex-wrap: wrap; gap: 8px 24px;
  align-items: center; padding: 12px 16px; background: var(--mosa-ground);
  border-top: 2px solid var(--mosa-ink); }
.tour [role=status] { flex: 1 1 320px; min-height: 60px; }
.step { min-width: 28px; padding: 5px 8px; font-size: 12px; text-align: center; }
.mosa .step { text-decoration: none; }
.step[aria-current] { border-radius: 6px; background: var(--mosa-ink); }
.mosa .step[aria-current] { color: var(--mosa-ground); }
.toured { outline: 2px solid var(--mosa-ink); outline-offset: -4px; }
.col.toured { outline-offset: 6px; }
.ask { padding-top: 12px; padding-bottom: 12px; border-top: 1px solid var(--mosa-rule); }
.ask .row { margin: 8px 0; }
.result { font-size: 13px; min-height: 20px; }
.paper { display: none; }
.still .note { min-height: 32px; }
.still .cost .note, .still p.note { min-height: 16px; }
.still .col > div:last-child { height: 188px; contain: strict; }
.still .chips { max-height: 172px; overflow-y: auto; align-content: flex-start; }
.two .body { display: grid; grid-template-columns: 758px 1fr; }
.two .left { border-right: 1px solid var(--mosa-rule); }
.two .left + .right > .columns { border: 0; grid-template-columns: 1fr 1fr; }
.two .right .columns > :nth-child(3) { grid-column: 1/-1; }
.two .still .col:nth-child(3) > div:last-child { height: auto; contain: content; }
.two .costs { grid-template-columns: 1fr 1fr 1fr; gap: 16px; }
.two .own, .two .banner { max-width: 758px; }
.narrow .chips.wrap .chip { border-radius: 6px; }
.narrow .text { max-height: 364px; }
.narrow .text-field, .narrow .k-field { grid-column: 1/-1; }
.narrow .tour { padding: 8px 12px; gap: 4px; }
.narrow .col.toured { outline-offset: 4px; }
.narrow .columns { grid-template-columns: 1fr 1fr; }
.narrow .still .col > div:last-child { height: auto; min-height: 124px; contain: content; }
.narrow .still .col:first-child > div:last-child { min-height: 272px; }
.narrow .columns > :nth-child(3), .narrow .columns + .columns > * { grid-column: 1/-1; }
.narrow .bar-word { max-width: 112px; }
.narrow .bars .word { text-align: right; }
.narrow .costs { grid-template-columns: repeat(3, 1fr); gap: 0 12px; }
.narrow .still .col:last-child > div:last-child { min-height: 0; }
.narrow .cost-line, .narrow .cost-line b { display: block; }
.narrow .bars { gap: 0 8px; }
.narrow p .word { min-height: 24px; min-width: 0; padding: 0 2px; }
@media (forced-colors: active) {
  .step[aria-current] { outline: 2px solid; outline-offset: -2px; }
  .bar, .bar-track, .share, .swatch, .tok.att::after, .legend i { forced-color-adjust: none; }
}
@media print {
  .ask, .tools, .plain, .tour, .key .hint, .table-view { display: none !important; }
  .paper { display: block; padding: 0 16px 12px; }
  .toured { outline: 0; }
  .text { max-height: none; mask-image: none; }
}
`;
