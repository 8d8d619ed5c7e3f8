/** The looks of a report: light and dark, on screens and on paper, from this text alone. */

import { ARM_COLOURS, INK } from "#report/charts/palette";

const onBlack = ({ onWhite, onBlack: colour }: (typeof ARM_COLOURS)[number]): string =>
  `.plot svg [fill="${onWhite}"] { fill: ${colour}; } .plot svg [stroke="${onWhite}"] { stroke: ${colour}; }`;

export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --text: #1b1f24; --muted: #59636e; --line: #d8dde3; --grid: #e4e7eb; --zero: #8a939d; --soft: #f5f7f9;
  --good: #1a7f37; --warning: #9a6700; --bad: #cf222e;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --text: #e8ebee; --muted: #a2abb5; --line: #343b43; --grid: #2a3037; --zero: #77818c; --soft: #1c2026;
    --good: #4ac26b; --warning: #d4a72c; --bad: #ff7b72;
  }
${ARM_COLOURS.map(onBlack).join("\n")}
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--paper); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.2rem; }
p { margin: .5rem 0; max-width: 48rem; }
.facts { color: var(--muted); max-width: none; }
.verdict { margin: 1.25rem 0; padding: .8rem 1rem; border: 1px solid var(--line); border-left: 5px solid; border-radius: 6px;
  background: var(--soft); max-width: none; }
.verdict strong { font-size: 1.1rem; }
.verdict ul { margin: .4rem 0 0; padding-left: 1.1rem; }
.good { border-left-color: var(--good); } .warning { border-left-color: var(--warning); } .bad { border-left-color: var(--bad); }
.counts { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 1rem 0; list-style: none; }
.counts li { padding: .3rem .75rem; border: 1px solid var(--line); border-radius: 6px; }
.counts b { font-variant-numeric: tabular-nums; font-size: 1.1rem; margin-right: .25rem; }
.counts .none { color: var(--muted); }
.limits { padding-left: 1.1rem; max-width: 60rem; } .limits li { margin: .2rem 0; }
.plot { margin: 0 0 2rem; overflow-x: auto; }
.plot svg { display: block; max-width: 100%; height: auto; }
.plot svg text { font-family: inherit; }
.plot svg [fill="${INK.paper}"] { fill: var(--paper); }
.plot svg [fill="${INK.text}"] { fill: var(--text); }
.plot svg [fill="${INK.muted}"] { fill: var(--muted); }
.plot svg [stroke="${INK.grid}"] { stroke: var(--grid); }
.plot svg [stroke="${INK.zero}"] { stroke: var(--zero); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--muted); font-weight: 600; border-bottom-width: 2px; vertical-align: bottom; }
td.number, th.number { text-align: right; } td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.key { font-weight: 600; } td.wide { overflow-wrap: anywhere; }
tr.replaced td { color: var(--muted); }
tr.differs td { background: var(--soft); } tr.differs td:first-child { font-weight: 600; }
.status { font-weight: 600; white-space: nowrap; }
.VALID { color: var(--good); } .SUSPECT { color: var(--warning); } .INVALID, .FAILED { color: var(--bad); } .CANCELLED { color: var(--muted); }
code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
pre { padding: .8rem 1rem; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; max-width: 60rem; } dt { font-weight: 600; } dd { margin: 0; }
@media print {
  :root { --paper: #fff; --text: #000; --muted: #444; --line: #bbb; --grid: #ddd; --zero: #777; --soft: #fff; }
  body { max-width: none; padding: 0; font-size: 11px; } table { font-size: 9px; }
  .plot, tr, .verdict { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
}
`;
