"""The page as a browser gets it. Every text in it comes from ``textContent``: nothing that is shown is ever markup."""

from typing import Final

HTML: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Emulated Pack.cloud</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/_emulator/page.css">
<script src="/_emulator/page.js" defer></script>
</head>
<body>
<header>
<h1>Emulated Pack.cloud</h1>
<p id="status">Asking the emulator...</p>
<noscript><p>This page needs JavaScript. It shows what is in <a href="/_emulator/now.json">now.json</a>.</p></noscript>
</header>
<main>
<section>
<h2>Running syncs</h2>
<div class="box" tabindex="0">
<table id="running">
<thead>
<tr><th>organization<th>integration<th>kind<th class="number">since second<th class="number">ends in<th>progress
<tbody>
</table>
</div>
</section>
<section>
<h2>Requests</h2>
<p class="note">The latest first. Queries, headers and bodies are not kept.</p>
<div class="box" tabindex="0">
<table id="requests">
<thead>
<tr><th class="number">number<th class="number">second<th>method<th>path<th>answer<th>fault<th class="number">took
<tbody>
</table>
</div>
</section>
<section>
<h2>Organizations</h2>
<form>
<label>Only the organization <input name="organization" autocomplete="off"></label>
<button>Show</button>
</form>
<div class="box" tabindex="0">
<table id="organizations">
<thead>
<tbody>
</table>
</div>
</section>
</main>
</body>
</html>
"""

STYLE: Final = """\
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 0.4rem; }
header p, .note { margin: 0.3rem 0; color: GrayText; }
.lost { color: #c00; font-weight: bold; }
.box { max-height: 24rem; overflow: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #8883; }
th { font-weight: normal; color: GrayText; position: sticky; top: 0; background: Canvas; }
td { overflow-wrap: anywhere; max-width: 30rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.mark { min-width: 12rem; }
.bad { color: #c00; }
@media (prefers-color-scheme: dark) { .bad, .lost { color: #f77; } }
progress { width: 8rem; }
form { margin: 0.4rem 0; }
"""

SCRIPT: Final = """\
"use strict";

const EVERY = 1000;
const shownBefore = new Map();

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...[content].flat());
  return made;
}

// A name from anywhere keeps its direction to itself.
function name(text) {
  const made = document.createElement("bdi");
  made.textContent = text === null ? "null" : String(text);
  return made;
}

function cell(text, className) {
  return element("td", name(text), className);
}

function row(cells) {
  return element("tr", cells);
}

function note(text, columns) {
  const made = element("td", text, "note");
  made.colSpan = columns;
  return row([made]);
}

// What has not changed stays as it is, so that it can be selected and copied.
function show(id, part, values, make) {
  const text = JSON.stringify(values);
  if (shownBefore.get(id + part) === text) return;
  shownBefore.set(id + part, text);
  document.querySelector(`#${id} ${part}`).replaceChildren(...make());
}

function seconds(value) {
  return value.toFixed(1);
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function status(now) {
  const faults = Object.entries(now.faults).map(([fault, count]) => `${fault} ${counted(count, "time")}`);
  return [
    `second ${seconds(now.now)}, called ${now.called}`,
    counted(now.requests_ever, "request"),
    `${counted(now.accepted_ever, "sync")} accepted (${now.duplicate_posts} of them again)`,
    faults.length ? `faults: ${faults.join(", ")}` : "no faults",
  ].join("; ");
}

function running(now) {
  const rows = now.running.map((sync) => {
    const bar = document.createElement("progress");
    bar.max = sync.ends_at - sync.accepted_at;
    bar.value = now.now - sync.accepted_at;
    return row([
      cell(sync.organization), cell(sync.integration), cell(sync.kind), cell(seconds(sync.accepted_at), "number"),
      cell(`${seconds(sync.ends_at - now.now)} s`, "number"), element("td", bar),
    ]);
  });
  if (now.more_running) rows.push(note("and more", 6));
  return rows.length ? rows : [note("none", 6)];
}

function requests(now) {
  const rows = now.requests.map((one) => row([
    cell(one.number, "number"), cell(seconds(one.at), "number"), cell(one.method), cell(one.path),
    cell(one.status === null ? "none" : one.status, one.status === null || one.status >= 400 ? "bad" : ""),
    cell(one.fault === null ? "" : one.fault, "bad"), cell(`${one.takes.toFixed(2)} s`, "number"),
  ]));
  return rows.length ? rows : [note("none yet", 7)];
}

function head(now) {
  const titles = ["organization", "integration", "name", "category", ...now.kinds];
  return [row(titles.map((title) => element("th", name(title))))];
}

function organizations(now) {
  const columns = 4 + now.kinds.length;
  const rows = now.organizations.flatMap((organization) => [
    ...organization.integrations.map((one) => row([
      cell(organization.id), cell(one.id), cell(one.name), cell(one.category),
      ...now.kinds.map((kind) => cell(one.watermarks[kind], "mark")),
    ])),
    ...(organization.integrations.length ? [] : [row([cell(organization.id), element("td", "no integrations")])]),
    ...(organization.more_integrations ? [note(`and ${organization.more_integrations} more`, columns)] : []),
  ]);
  if (now.more_organizations) rows.push(note(`and ${counted(now.more_organizations, "more organization")}`, columns));
  return rows.length ? rows : [note("none", columns)];
}

function tell(text, isLost) {
  const place = document.getElementById("status");
  place.textContent = text;
  place.className = isLost ? "lost" : "";
}

async function ask() {
  try {
    const answer = await fetch(`/_emulator/now.json${location.search}`);
    const now = await answer.json();
    tell(status(now), false);
    show("running", "tbody", [now.running, now.running.length ? now.now : 0, now.more_running], () => running(now));
    show("requests", "tbody", now.requests, () => requests(now));
    show("organizations", "thead", now.kinds, () => head(now));
    show("organizations", "tbody", [now.organizations, now.more_organizations], () => organizations(now));
  } catch {
    tell("The emulator does not answer.", true);
  }
  setTimeout(ask, EVERY);
}

document.querySelector("input").value = new URLSearchParams(location.search).get("organization") || "";
ask();
"""
