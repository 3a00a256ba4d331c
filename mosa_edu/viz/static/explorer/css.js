/**
 * The look of the explorer; colours come from the palette.
 * @module
 */

export const EXPLORER_CSS = `
:host{display:block;min-width:0}
:host(.widened){position:fixed;inset:0;z-index:9999;overflow:auto;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;background:none}
.mosa{font:14px/20px var(--mosa-sans);color:var(--mosa-ink);font-variant-numeric:tabular-nums;text-align:left;color-scheme:light}
.mosa[data-theme=dark]{color-scheme:dark}
.mosa.full{--mosa-sticky-top:0px!important;min-height:100%;padding:16px;box-sizing:border-box;background:var(--mosa-ground)}
.mosa *{box-sizing:border-box}
.mosa [hidden]{display:none!important}
.mosa p{margin:0}
.mosa code{font:inherit;font-family:var(--mosa-mono);font-size:.96em}
.mosa b{font-weight:600}
.mosa a{color:inherit;text-decoration:underline;text-underline-offset:2px}
.text,.line,.top,.detail,.finding{contain:content}
.card{max-width:1400px;margin:0 auto;border:1px solid var(--mosa-rule);border-radius:8px;background:var(--mosa-ground);overflow:clip}
.pad{padding:0 16px}
.row,.line,.top,.chips{display:flex;align-items:center;gap:8px}
.wrap{flex-wrap:wrap}
.note{font-size:12px;line-height:16px;color:var(--mosa-ink2)}
.note b{color:var(--mosa-ink)}
.note code{color:var(--mosa-ink);font-weight:600}
.h{font-weight:600}
.label{font-size:12px;line-height:16px;color:var(--mosa-ink2)}
.label b{color:var(--mosa-ink)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
button,select{font:13px/18px var(--mosa-sans);font-variant-numeric:tabular-nums;color:var(--mosa-ink);background:var(--mosa-ground);border:1px solid var(--mosa-rule);border-radius:6px;padding:6px 12px;min-height:32px;margin:0;cursor:pointer}
button:hover:not(:disabled),select:hover{border-color:var(--mosa-quiet)}
button:disabled{opacity:.55;cursor:default}
button[aria-pressed=true],button[aria-checked=true],button[aria-expanded=true]{background:var(--mosa-ink);border-color:var(--mosa-ink);color:var(--mosa-ground)}
:focus-visible{outline:2px solid var(--mosa-ink);outline-offset:2px}
.top{min-height:40px;padding:8px 16px 0}
.name{flex:1;font-size:12px;font-weight:600;color:var(--mosa-ink2)}
.pill{display:inline-flex;align-items:center;gap:6px;min-height:24px;padding:2px 10px;border:1px solid var(--mosa-rule);border-radius:12px;font-size:12px;line-height:16px;color:var(--mosa-ink2)}
.pill.error{color:var(--mosa-cursor-text);font-weight:600}
.dot{width:8px;height:8px;border-radius:50%;border:2px solid var(--mosa-ink2)}
.dot.loading{border-color:var(--mosa-pick)}
.dot.live{border-color:var(--mosa-ok);background:var(--mosa-ok)}
.progress{width:64px;height:4px;border-radius:2px;background:var(--mosa-rule)}
.progress i{display:block;height:100%;border-radius:2px;background:var(--mosa-pick)}
.plain{border-color:transparent;padding:4px 8px;min-height:28px;font-size:12px}
.finding{font-size:21px;line-height:28px;font-weight:600;letter-spacing:-.01em;min-height:28px;text-wrap:balance}
.keeps{color:var(--mosa-pick)}
.detail{color:var(--mosa-ink2);min-height:20px;margin-top:2px!important}
.detail code{color:var(--mosa-ink)}
.detail b{color:var(--mosa-cursor-text)}
header .chips{margin:8px 0 12px;overflow-x:auto;scrollbar-width:none}
.chips>*{flex-shrink:0}
.chips .lead{font-size:12px;color:var(--mosa-ink2);white-space:nowrap}
.chip{border-radius:14px;padding:3px 10px;min-height:28px;font-size:12px;white-space:nowrap}
.chip small{font-size:11px;color:var(--mosa-ink2)}
.chips.wrap{gap:6px;margin-top:8px}
.chips.wrap .chip{border-radius:6px;padding:3px 8px}
.controls{display:grid;grid-template-columns:1fr auto auto 200px;gap:16px;padding:12px 16px;background:var(--mosa-wash);border:solid var(--mosa-rule);border-width:1px 0}
.field{display:flex;flex-direction:column;gap:4px;min-width:0}
.field select{flex:1;min-width:0;width:100%}
.own-button{white-space:nowrap}
.segments{display:inline-flex}
.segments>*{border-radius:0;margin-left:-1px;min-width:32px;padding:6px 8px;position:relative}
.segments>:first-child{border-radius:6px 0 0 6px;margin-left:0}
.segments>:last-child{border-radius:0 6px 6px 0}
.segments :focus-visible{z-index:1}
.segments output{border:1px solid var(--mosa-rule);background:var(--mosa-ground);font-size:13px;line-height:18px;font-weight:600;text-align:center}
.slider{position:relative;display:block;height:32px}
.slider input{appearance:none;width:100%;height:32px;margin:0;background:none;cursor:pointer}
.slider input::-webkit-slider-runnable-track{height:4px;border-radius:2px;background:linear-gradient(90deg,var(--mosa-pick) calc(var(--fill)*100%),var(--mosa-rule) 0)}
.slider input::-moz-range-track{height:4px;border-radius:2px;background:linear-gradient(90deg,var(--mosa-pick) calc(var(--fill)*100%),var(--mosa-rule) 0)}
.slider input::-webkit-slider-thumb{appearance:none;width:16px;height:16px;margin-top:-6px;border-radius:50%;border:2px solid var(--mosa-pick);background:var(--mosa-ground)}
.slider input::-moz-range-thumb{width:12px;height:12px;border-radius:50%;border:2px solid var(--mosa-pick);background:var(--mosa-ground)}
.notch{position:absolute;left:calc(8px + (100% - 16px)*var(--notch) - 1px);bottom:3px;width:2px;height:6px;background:var(--mosa-ink2);pointer-events:none}
.banner{display:flex;gap:12px;align-items:center;padding:12px 16px;background:var(--mosa-cursor-wash)}
.banner p{flex:1}
.banner .sign{font-size:18px;color:var(--mosa-cursor-text)}
.banner button{white-space:nowrap}
.own{padding-top:12px;padding-bottom:4px}
.own textarea{display:block;width:100%;margin:4px 0 8px;padding:8px 12px;font:14px/22px var(--mosa-mono);color:var(--mosa-ink);background:var(--mosa-ground);border:1px solid var(--mosa-quiet);border-radius:6px;resize:vertical}
.body.dim{opacity:.6}
.text-block{padding-top:12px;padding-bottom:8px}
.example{margin-bottom:4px!important}
.text{font:14px/28px var(--mosa-mono);max-height:336px;overflow-y:auto;white-space:pre-wrap;overflow-wrap:anywhere;padding:0 3px 4px;margin:0 -3px}
.text{--above:0px;--below:0px;mask-image:linear-gradient(transparent,#000 var(--above),#000 calc(100% - var(--below)),transparent)}
.text.more-above{--above:24px}
.text.more-below{--below:24px}
.tok{position:relative;border-radius:4px;padding:2px;margin:0 -2px;cursor:pointer;color:var(--mosa-ink)}
.tok.sign{color:var(--mosa-ink2)}
@media (hover:hover){.tok:hover{background:var(--mosa-wash)}}
.tok.none{text-decoration:underline dotted 2px var(--mosa-quiet);text-underline-offset:5px;text-decoration-skip-ink:none}
.mosa .tok.in{background:var(--mosa-pick);color:var(--mosa-pick-ink);font-weight:400}
.tok.lit{background:var(--mosa-cursor-wash);color:var(--mosa-ink)}
.mosa .tok.in.lit{box-shadow:0 0 0 2px var(--mosa-ink)}
.mosa .tok.at,.tok:focus-visible{outline:2px solid var(--mosa-cursor);outline-offset:1px;z-index:1}
.tok.att::after{content:"";position:absolute;left:2px;bottom:-7px;width:var(--w);height:4px;border-radius:1px;background:var(--mosa-cursor)}
.settling .tok{transition:background-color .12s ease-out,color .12s ease-out}
.settling .stems{animation:appear .12s ease-out}
.settling .cut{transition:transform .16s ease-out}
@keyframes appear{from{opacity:0}}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:4px!important}
.key .tok{cursor:default;margin:0 2px 0 0;padding:1px 4px;font-weight:400;font-size:11px;background:none}
.key .hint{margin-left:auto}
.key .bar{display:inline-block;width:16px;height:4px;margin:0 2px 3px 0;border-radius:1px;background:var(--mosa-cursor)}
.readout{contain:content;position:sticky;top:var(--mosa-sticky-top,0);z-index:2;display:flex;align-items:center;gap:16px;min-height:40px;padding:4px 16px 4px 12px;border:solid var(--mosa-rule);border-width:1px 0;border-left:4px solid var(--mosa-cursor);background:var(--mosa-ground)}
.readout code{font-weight:600;white-space:pre}
.facts{display:flex;flex-wrap:wrap;overflow:hidden}
.fact{margin-left:-1px;padding-right:9px}
.fact::before{content:"";display:inline-block;height:12px;margin:0 8px -1px 0;border-left:1px solid var(--mosa-rule)}
.facts{margin-left:-9px;clip-path:inset(0 0 0 9px)}
.why{padding-top:16px}
.everyone{padding-top:8px;padding-bottom:12px}
.line{flex-wrap:wrap;gap:2px 12px;min-height:20px}
.chart{display:block;overflow:visible;margin-top:4px}
.chart,.overview{cursor:crosshair}
.overview{display:block;margin:8px 0 4px}
.tools{display:flex;gap:8px;margin-left:auto}
.tools button,.small{min-height:28px;padding:3px 10px;font-size:12px}
.legend{display:inline-flex;align-items:center;gap:4px}
.legend i{width:64px;height:8px;border-radius:2px}
.word{min-height:0;padding:0;border:0;border-radius:2px;background:none;font:inherit;color:inherit}
.word:hover{text-decoration:underline}
.mosa .word code{font-weight:400;color:var(--mosa-ink2)}
.mosa .word b{font-weight:700;color:var(--mosa-ink)}
.ring{display:inline-block;width:8px;height:8px;border:1.5px solid var(--mosa-ink);border-radius:50%}
.right{padding-bottom:16px}
.columns{display:grid;grid-template-columns:28.1% 28.1% 1fr;gap:20px 25px;padding-top:16px}
.left+.right>.columns:first-child{border-top:1px solid var(--mosa-rule)}
.col{min-width:0;display:grid;grid-template-rows:subgrid;grid-row:span 3;align-content:start;row-gap:0}
.col canvas{display:block;margin-top:8px}
.col canvas.framed{outline:1px solid var(--mosa-rule);outline-offset:-1px}
.cur{color:var(--mosa-cursor-text);font-weight:600;white-space:pre}
.bars{list-style:none;margin:8px 0 0;padding:0;display:grid;grid-template-columns:max-content 1fr max-content;gap:8px;align-items:center}
.bar-row{display:contents}
.bar-row .word:disabled{opacity:1;font-family:var(--mosa-sans);text-decoration:none}
.bar-word{font:13px/20px var(--mosa-mono);text-align:right;max-width:88px;overflow:hidden;text-overflow:ellipsis;white-space:pre}
.bar-track{height:10px}
.bar-track i{display:block;height:100%;min-width:1.5px;background:var(--mosa-quiet)}
.track .bar-track{background:color-mix(in srgb,var(--mosa-rule) 45%,transparent)}
.cursor .bar-track i{background:var(--mosa-cursor)}
.truth .bar-track i{background:var(--mosa-ink)}
.truth{font-weight:700}
.truth>*{font-weight:700}
.bar-number{font-size:12px;color:var(--mosa-ink2);text-align:right}
.truth .bar-number{color:var(--mosa-ink)}
.swatch{display:inline-block;width:10px;height:10px;background:var(--mosa-dense);vertical-align:-1px}
.costs{display:grid;gap:12px;margin-top:8px}
.cost-line{display:flex;justify-content:space-between;align-items:baseline}
.cost-line b{font-size:17px;line-height:20px}
.share{height:8px;margin:2px 0;background:var(--mosa-dense)}
.share i{display:block;height:100%;background:var(--mosa-pick)}
.ask{padding-top:12px;padding-bottom:12px;border-top:1px solid var(--mosa-rule)}
.ask .row{margin:8px 0}
.result{font-size:13px;min-height:20px}
footer{padding:12px 16px;background:var(--mosa-wash);border-top:1px solid var(--mosa-rule)}
footer .note{margin-top:8px!important}
footer .told{margin:0!important;flex:1;min-width:80px}
.badge{font-size:12px;color:var(--mosa-ink2)}
.badge.passed{color:var(--mosa-ok);font-weight:600}
.badge.failed{color:var(--mosa-cursor-text);font-weight:600}
.table-view{padding-top:16px;padding-bottom:16px}
.table-scroll{max-height:480px;overflow:auto;border:1px solid var(--mosa-rule);border-radius:6px}
.mosa table{width:100%;border-collapse:collapse;font-size:12px;line-height:16px}
.mosa caption{padding:8px 12px;text-align:left;font-weight:600;caption-side:top;color:inherit}
.mosa th,.mosa td{padding:4px 12px;text-align:right;border:0;border-bottom:1px solid var(--mosa-rule);background:none;white-space:nowrap}
.mosa thead th{position:sticky;top:0;background:var(--mosa-wash);font-weight:600;z-index:1}
.mosa .word-cell{text-align:left}
.mosa td code{white-space:pre}
.mosa tr.kept td{background:var(--mosa-pick-wash)}
.mosa tr.last td{border-bottom:2px solid var(--mosa-ink)}
.mosa tr.at td{background:var(--mosa-cursor-wash);font-weight:600}
tbody tr{cursor:pointer}
.paper{display:none}
.still .note{min-height:32px}
.still .cost .note,.still p.note{min-height:16px}
.still .col>div:last-child{height:188px;contain:strict}
.still .chips{max-height:172px;overflow-y:auto;align-content:flex-start}
.two .body{display:grid;grid-template-columns:758px 1fr}
.two .left{border-right:1px solid var(--mosa-rule)}
.two .right>.columns{border:0;grid-template-columns:1fr 1fr}
.two .right .columns>:nth-child(3){grid-column:1/-1}
.two .still .col:nth-child(3)>div:last-child{height:auto;contain:content}
.two .costs{grid-template-columns:1fr 1fr 1fr;gap:16px}
.two .own,.two .banner{max-width:758px}
.narrow .pad{padding-left:12px;padding-right:12px}
.narrow .top,.narrow footer,.narrow .controls,.narrow .banner{padding-left:12px;padding-right:12px}
.narrow .wide-button{display:none}
.narrow .finding{font-size:18px;line-height:24px;min-height:48px}
.narrow button,.narrow select{min-height:44px;min-width:44px}
.narrow .word{min-height:28px;min-width:0;padding:0 2px}
.narrow .chip{border-radius:22px;padding:3px 14px}
.narrow .chips.wrap .chip{border-radius:6px}
.narrow .text{line-height:30px;max-height:364px}
.narrow .key .hint{display:none}
.narrow .controls{grid-template-columns:1fr auto;gap:12px}
.narrow .text-field,.narrow .k-field{grid-column:1/-1}
.narrow .segments output{line-height:30px;min-width:44px}
.narrow .slider,.narrow .slider input{height:44px}
.narrow .notch{bottom:9px}
.narrow .readout{flex-direction:column;align-items:flex-start;gap:0;min-height:64px;padding:4px 12px 4px 8px;justify-content:center}
.narrow .columns{grid-template-columns:1fr 1fr}
.narrow .still .col>div:last-child{height:auto;min-height:172px;contain:content}
.narrow .columns>:nth-child(3),.narrow .columns+.columns>*{grid-column:1/-1}
.narrow .bar-word{max-width:112px}
.narrow .mosa th,.narrow th,.narrow td{padding:4px 8px!important}
@media (pointer:coarse){.card button:not(.word),.card select{min-height:44px}.slider,.slider input{height:44px}}
@media (prefers-reduced-motion:reduce){.mosa *{transition:none!important;animation:none!important}}
@media (forced-colors:active){.tok.in{outline:2px solid}.dot,.bar-track i,.share i{forced-color-adjust:none}}
@media print{
.controls,.own,.banner,.ask,.tools,.wide-button,footer .row,.key .hint,.table-view{display:none!important}
.paper{display:block;padding:0 16px 12px}
.readout{position:static}
.text{max-height:none;mask-image:none}
.card{border:0}
.mosa{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;
