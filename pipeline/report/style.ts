/** The page's style. Text and curves have the contrast that WCAG 2.2 AA asks for in both schemes. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1b1f24; --quiet: #535c66; --line: #d4d8dd; --panel: #f5f6f8; --accent: #0b5cad;
  --grid: #e6e8eb; --axis: #868e97;
  --series-0: #0b5cad; --series-1: #b8420c; --series-2: #08745c;
  --series-3: #8036a8; --series-4: #a11550; --series-5: #5c5f66;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e6e8eb; --quiet: #a8b0ba; --line: #383e46; --panel: #1e2227; --accent: #7db8f7;
    --grid: #2a2f36; --axis: #7b848e;
    --series-0: #6ab0f7; --series-1: #f79a5d; --series-2: #55cfa6;
    --series-3: #cf9bf2; --series-4: #f58bb5; --series-5: #b9bec6;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
footer { padding: 2rem 1rem; color: var(--quiet); font-size: .875rem; }
summary { color: var(--accent); }
button, summary { min-height: 24px; }
summary { cursor: pointer; padding: .2rem 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
main section > :is(h3, figure) { margin-top: 1.75rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.75rem 1.5rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figure > svg { display: block; width: 100%; height: auto; max-width: 32rem; }
figcaption, section > p { color: var(--quiet); font-size: .9rem; }
section > p { max-width: 44rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; padding: 0; list-style: none; font-size: .85rem; }
.legend svg { vertical-align: middle; }
.scrolling { overflow: auto; max-height: 26rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem; border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
thead th { background: var(--panel); position: sticky; top: 0; }
tbody th { font-weight: 500; }
.scrolling:has(.facts) { max-height: none; }
.facts td { min-width: 11rem; }
.facts tbody th { white-space: nowrap; color: var(--quiet); }
.prose { min-width: 18rem; }
.wide { min-width: 46rem; }
figure + .scrolling { margin-top: 1rem; }
.matrix td { background: color-mix(in srgb, var(--accent) var(--strength, 0%), transparent); }
.matrix th { font-weight: 500; }
pre { margin: 0; padding: .7rem; font: .8rem/1.45 ui-monospace, monospace; }
blockquote { margin: 0 0 .75rem; padding-left: .8rem; border-left: 3px solid var(--line); white-space: pre-wrap; max-width: 44rem; }
.token { font-family: ui-monospace, monospace; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 0 .3em; }
mark { background: var(--accent); color: var(--paper); border-radius: 3px; padding: 0 .15em; white-space: pre; }
.place { fill: transparent; }
.place:hover { fill: color-mix(in srgb, var(--ink) 10%, transparent); }
#hover {
  position: fixed; pointer-events: none; white-space: pre-line; z-index: 2; padding: .3rem .6rem; border-radius: 6px;
  background: var(--ink); color: var(--paper); font-size: .8rem; line-height: 1.35; font-variant-numeric: tabular-nums;
}
.live { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
.live p { margin: 0; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; flex-basis: 100%; }
.buttons:empty { display: none; }
button { font: inherit; color: var(--paper); background: var(--accent); border: 0; border-radius: 6px; padding: .35rem .9rem; cursor: pointer; }
@media print {
  :root {
    --paper: #fff; --ink: #000; --quiet: #444; --line: #bbb; --panel: #fff; --accent: #0b5cad; --grid: #e6e8eb; --axis: #868e97;
    --series-0: #0b5cad; --series-1: #b8420c; --series-2: #08745c;
    --series-3: #8036a8; --series-4: #a11550; --series-5: #5c5f66;
  }
  .live, #hover, details:not([open]) { display: none; }
  .figures { grid-template-columns: 1fr 1fr; }
  .scrolling { max-height: none; overflow: visible; border: 0; }
  thead th { position: static; }
}
`
