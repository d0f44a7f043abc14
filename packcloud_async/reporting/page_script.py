"""What the page of a report does. Every text in it comes from ``textContent``: nothing that is shown is ever markup."""

from typing import Final

SCRIPT: Final = """\
'use strict';
(() => {
  const read = id => JSON.parse(document.getElementById(id).textContent);
  const byId = id => document.getElementById(id);
  const {states, failures, kinds, bands, strips, texts, jobs: packed} = read('jobs');
  const jobs = packed.map(([integration, began, ended, took, state, kinds, reason, message]) =>
    ({integration, began, ended, took, state, kinds, reason, message}));
  const figures = read('figures');
  const config = {displayModeBar: false, responsive: true, showTips: false};
  const seconds = value => value === null ? 'unknown' : value.toFixed(value < 1 ? 3 : 1) + ' s';
  const number = count => count.toLocaleString('en-US');
  const place = job => job.integration === null ? job.organization : job.organization + '/' + job.integration;

  for (const [first, end, organization] of bands) {
    for (let number = first; number < end; number++) jobs[number].organization = texts[organization];
  }

  function kindText([kind, state, ended, delay, reason]) {
    let told = kinds[kind] + ' ' + states[state];
    if (ended !== null) told += ' after ' + seconds(ended);
    if (delay !== null) told += ' (news delay ' + seconds(delay) + ')';
    return reason === null ? told : told + ': ' + texts[reason];
  }

  function jobText(job) {
    const told = job.kinds.map(kindText);
    if (job.reason !== null) told.push(texts[job.reason]);
    const from = 'from ' + seconds(job.began) + (job.ended === null ? '' : ' to ' + seconds(job.ended));
    return [place(job), from, ...told].join(' \\u00b7 ');
  }

  /* The timeline: a window of rows, because thousands of them are no picture. */
  const rows = strips.jobs.length, most = 200;
  const starts = [], ends = [];
  for (const [first, end] of bands) {
    let from = starts.length ? ends[ends.length - 1] : 0, to = from;
    while (to < rows && strips.jobs[to] < end) to++;
    starts.push(from); ends.push(to);
  }
  let seen = [0, Math.min(rows, most)], at = -1, drawn = null;

  /* Plotly reads a few tags of HTML, and formulas between dollars. */
  const escapes = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '$': '&#36;'};
  const plain = text => text.replace(/[&<>$]/g, found => escapes[found]);
  const cut = (text, most) => plain(text.length > most ? text.slice(0, most - 1) + '\u2026' : text);

  function* named(from, to) {
    /* What there is room to name: every strip, every job, or every organization. */
    const room = (to - from) / 44;
    if (strips.kinds && room <= 1) {
      for (let row = Math.ceil(from); row < Math.min(to, rows); row++) {
        const job = jobs[strips.jobs[row]], kind = strips.kinds[row];
        const isFirst = row === 0 || strips.jobs[row - 1] !== strips.jobs[row];
        const of = isFirst ? cut(place(job), 32) + '  ' : '';
        yield [row, row + 1, of + (kind === null ? '' : kinds[job.kinds[kind][0]])];
      }
    } else if (rows / jobs.length >= room) {
      for (let row = 0, next; row < rows; row = next) {
        next = row + 1;
        while (next < rows && strips.jobs[next] === strips.jobs[row]) next++;
        yield [row, next, cut(place(jobs[strips.jobs[row]]), 40)];
      }
    } else {
      for (const [band, [, , name]] of bands.entries()) yield [starts[band], ends[band], cut(texts[name], 32)];
    }
  }

  function ticks([from, to]) {
    const vals = [], names = [];
    let last = -Infinity;
    for (const [first, end, name] of named(from, to)) {
      if (end <= from || first >= to) continue;
      const middle = (Math.max(first, from) + Math.min(end, to)) / 2;
      if (middle - last < (to - from) / 44) continue;
      last = middle;
      vals.push(middle - 0.05);
      names.push(name + '  ');
    }
    return {'yaxis.tickvals': vals, 'yaxis.ticktext': names};
  }

  function tellWindow() {
    const [from, to] = seen;
    byId('window').textContent = `Rows ${number(Math.floor(from) + 1)} to ${number(Math.ceil(to))} of ${number(rows)}.`;
    byId('earlier').disabled = from <= 0;
    byId('later').disabled = to >= rows;
    byId('all').disabled = from <= 0 && to >= rows;
    byId('rows').hidden = rows <= most;
  }

  function show(from, to) {
    const length = Math.min(to - from, rows);
    from = Math.max(0, Math.min(from, rows - length));
    seen = [from, from + length];
    tellWindow();
    if (drawn) Plotly.relayout(drawn, {'yaxis.range': [seen[1], seen[0]], ...ticks(seen)});
  }

  function tell(row) {
    if (row < 0 || row >= rows) return;
    at = row;
    const job = jobs[strips.jobs[row]];
    const kind = strips.kinds ? strips.kinds[row] : null;
    const told = kind === null ? jobText(job)
      : [place(job), 'from ' + seconds(job.began), kindText(job.kinds[kind])].join(' \\u00b7 ');
    byId('told').textContent = told;
    if (drawn) Plotly.relayout(drawn, {shapes: [{type: 'rect', xref: 'paper', x0: 0, x1: 1, y0: row - 0.05,
      y1: row + 0.95, fillcolor: 'rgba(127,127,127,0.25)', line: {width: 0}, layer: 'below'}]});
  }

  function prepareTimeline(figure) {
    figure.layout.yaxis.range = [seen[1], seen[0]];
    const shown = ticks(seen);
    figure.layout.yaxis.tickvals = shown['yaxis.tickvals'];
    figure.layout.yaxis.ticktext = shown['yaxis.ticktext'];
  }

  function startTimeline(picture) {
    drawn = picture;
    let wanted = -1;
    picture.on('plotly_hover', event => {
      const row = Math.floor(event.yvals[0]);
      if (row === at || row === wanted) return;
      const isIdle = wanted < 0;
      wanted = row;
      if (isIdle) requestAnimationFrame(() => { const now = wanted; wanted = -1; tell(now); });
    });
    picture.on('plotly_relayout', change => {
      const range = picture.layout.yaxis.range;
      const isOurs = range[0] === seen[1] && range[1] === seen[0];
      if (isOurs || !Object.keys(change).some(name => name.startsWith('yaxis'))) return;
      if (change['yaxis.autorange']) return show(0, rows);
      seen = [Math.max(0, Math.min(...range)), Math.min(rows, Math.max(...range))];
      tellWindow();
      Plotly.relayout(picture, ticks(seen));
    });
    picture.addEventListener('keydown', event => {
      const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10};
      let row = steps[event.key] === undefined ? null : at < 0 ? seen[0] : at + steps[event.key];
      if (event.key === 'Home') row = 0;
      if (event.key === 'End') row = rows - 1;
      if (row === null) return;
      event.preventDefault();
      row = Math.max(0, Math.min(rows - 1, Math.floor(row)));
      if (row < seen[0] || row >= seen[1]) show(row - (seen[1] - seen[0]) / 2, row + (seen[1] - seen[0]) / 2);
      tell(row);
    });
  }

  if (rows) {
    byId('earlier').addEventListener('click', () => show(seen[0] - (seen[1] - seen[0]), seen[0]));
    byId('later').addEventListener('click', () => show(seen[1], seen[1] + (seen[1] - seen[0])));
    byId('all').addEventListener('click', () => show(0, rows));
    byId('find').addEventListener('submit', event => {
      event.preventDefault();
      const wanted = byId('organization').value.trim().toLowerCase();
      const names = bands.map(band => texts[band[2]].toLowerCase());
      let band = names.indexOf(wanted);
      if (band < 0) band = names.findIndex(name => name.includes(wanted));
      if (wanted === '' || band < 0) { byId('told').textContent = 'No organization is called so.'; return; }
      const room = Math.max(Math.min(most, seen[1] - seen[0]), ends[band] - starts[band]);
      show(starts[band], starts[band] + room);
      tell(starts[band]);
    });
    tellWindow();
  }

  /* All jobs, by state and text. */
  let shown = 0, found = [];
  function matches(job, state, words) {
    if (state === 'failed' && !failures.includes(job.state)) return false;
    if (state !== 'failed' && state !== 'any' && job.state !== Number(state)
      && !job.kinds.some(kind => kind[1] === Number(state))) return false;
    if (!words.length) return true;
    job.text ??= [jobText(job), job.message === null ? '' : texts[job.message],
      ...job.kinds.map(kind => kind[5] === null ? '' : texts[kind[5]])].join(' ').toLowerCase();
    return words.every(word => job.text.includes(word));
  }
  function cell(row, text, name) {
    const made = row.insertCell();
    made.textContent = text;
    if (name) made.className = name;
  }
  function more() {
    const body = byId('found');
    for (const job of found.slice(shown, shown + 200)) {
      const row = body.insertRow();
      cell(row, job.organization);
      cell(row, job.integration ?? '');
      cell(row, job.kinds.map(kindText).join('\\n') || states[job.state], 'lines');
      cell(row, [...new Set([job.message, ...job.kinds.map(kind => kind[5])])]
        .filter(text => text !== null).map(text => texts[text]).join(' \\u00b7 ') || (texts[job.reason] ?? ''));
      cell(row, seconds(job.took), 'number');
    }
    shown = Math.min(found.length, shown + 200);
    const fit = `${number(shown)} of ${number(found.length)} that fit, of ${number(jobs.length)}.`;
    byId('count').textContent = shown < found.length ? `The first ${fit}` : fit;
    byId('more').disabled = shown >= found.length;
  }
  function filter() {
    const words = byId('text').value.toLowerCase().split(/\\s+/).filter(Boolean);
    found = jobs.filter(job => matches(job, byId('state').value, words));
    shown = 0;
    byId('found').replaceChildren();
    more();
  }
  if (jobs.length) {
    byId('filter').addEventListener('submit', event => { event.preventDefault(); filter(); });
    byId('text').addEventListener('input', () => {
      clearTimeout(filter.later);
      filter.later = setTimeout(filter, 150);
    });
    byId('state').addEventListener('change', filter);
    byId('more').addEventListener('click', more);
    for (const button of document.querySelectorAll('button[data-state]')) {
      button.addEventListener('click', () => {
        byId('state').value = button.dataset.state;
        byId('text').value = button.dataset.text;
        filter();
        byId('text').focus();
        byId('filter').scrollIntoView({block: 'start'});
      });
    }
    filter();
  }

  /* Pictures last, and one after the other: the text is there before them. */
  async function draw() {
    for (const [name, figure] of Object.entries(figures)) {
      const picture = byId(name);
      /* Or it would shrink to nothing when the window, or the paper, has another size. */
      picture.style.height = figure.layout.height + 'px';
      if (name === 'timeline') prepareTimeline(figure);
      await Plotly.newPlot(picture, figure.data, figure.layout, config);
      if (name === 'timeline') startTimeline(picture);
      await new Promise(done => setTimeout(done));
    }
    document.documentElement.dataset.seconds = performance.now() / 1000;
    document.documentElement.dataset.drawn = 'all';
  }
  draw();
})();
"""
