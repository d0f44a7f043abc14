"""What the page of a report looks like: dark or light as the system is, and on paper."""

from typing import Final

STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --line: #d5dae1; --paper: #fff; --box: #f5f7f9;
  --good: #1f7a50; --bad: #b3312e; --focus: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adba; --line: #3a424e; --paper: #14181e;
  --box: #1c222b; --good: #5cc796; --bad: #ff8a80; --focus: #7fb0ff; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #333; --line: #bbb; --paper: #fff; --box: #fff;
  --good: #1f7a50; --bad: #b3312e; } .tool, .hint, .finder, .find { display: none !important; }
  .box { max-height: none !important; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .3rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p { margin: .3rem 0; max-width: 60rem; } .soft, .hint { color: var(--soft); }
.lead { font-size: 1.1rem; } .good { color: var(--good); } .bad { color: var(--bad); }
.mark { display: inline-block; border: 1px solid currentcolor; border-radius: .3rem; padding: 0 .5rem; font-size: .9rem;
  margin-left: .6rem; vertical-align: middle; font-weight: 600; }
figure { margin: .6rem 0 0; }
.box { overflow: auto; max-height: 34rem; border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; min-width: 46rem; font-size: .9rem; }
th, td { min-width: 4.5rem; text-align: left; padding: .3rem .7rem; vertical-align: top;
  border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { background: var(--box); position: sticky; top: 0; white-space: nowrap; overflow-wrap: normal; }
tbody tr:last-child > * { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.state, td.word, button { white-space: nowrap; } tr { scroll-margin-top: 2.5rem; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: .15em;
  margin-right: .4em; background: currentcolor; }
td.lines { white-space: pre-line; }
[hidden] { display: none !important; } details > summary { cursor: pointer; white-space: nowrap; }
ol { margin: .3rem 0; padding-left: 1.2rem; }
.tool { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin: .6rem 0; }
label { display: inline-flex; flex-direction: column; font-size: .85rem; color: var(--soft); }
input, select, button { font: inherit; color: var(--ink); background: var(--box); border: 1px solid var(--line);
  border-radius: .3rem; padding: .25rem .6rem; }
button { cursor: pointer; } button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.told { display: block; min-height: 3.2em; padding: .3rem .7rem; border-left: 3px solid var(--line); font-size: .9rem;
  overflow-wrap: anywhere; }
.js-plotly-plot text { fill: var(--ink) !important; }
.js-plotly-plot .hoverlayer text { fill: #fff !important; }
.js-plotly-plot .hoverlayer path { fill: #39424f !important; stroke: #39424f !important; }
.js-plotly-plot .crisp:is(.xgrid, .ygrid), .js-plotly-plot .gridlayer path, .js-plotly-plot .zerolinelayer path {
  stroke: var(--line) !important; }
"""
