"use strict";

// The page at / of the admin server: asks for /v1/status again and again, follows /v1/events, and sends what an operator
// has confirmed. Whatever the server says is text and goes through textContent, never through HTML: names of backends and
// words of checks come from others. Elements are made once and changed in place, so that focus, scrolling and a thousand
// backends stay calm.

const INTERVAL = 2000; // of polls, in milliseconds
const HIDDEN_INTERVAL = 10_000; // while nobody sees the page
const PATIENCE = 10_000; // with an answer
const SILENCE = 40_000; // of the events, which have a comment every 15 s
const LONGEST_WAIT = 15_000; // between attempts when the connection is lost
const WINDOW = 300_000; // that charts show, when the page has been open for so long
const FEW = 30; // rows of a pool before "show all"
const MOST_EVENTS = 300;

const $ = id => document.getElementById(id);

// MARK: Words

const DASH = "–";
// Worst first. The sign says it again to whoever does not see colours.
const STATES = {
  down: { sign: "✕", tone: "bad", rank: 0, words: "down" },
  ejected: { sign: "▲", tone: "warn", rank: 1, words: "ejected" },
  held: { sign: "▲", tone: "warn", rank: 2, words: "held down" },
  full: { sign: "◆", tone: "warn", rank: 3, words: "full" },
  checking: { sign: "…", tone: "quiet", rank: 4, words: "checking" },
  drained: { sign: "‖", tone: "own", rank: 5, words: "drained" },
  disabled: { sign: "○", tone: "own", rank: 6, words: "disabled" },
  panic: { sign: "▲", tone: "bad", rank: 1, words: "panic" },
  degraded: { sign: "▲", tone: "warn", rank: 2, words: "degraded" },
  up: { sign: "●", tone: "good", rank: 9, words: "up" },
};
const stateOf = name => STATES[name] ?? { sign: "?", tone: "warn", rank: 3, words: String(name) };

const isNumber = value => typeof value === "number" && Number.isFinite(value);
const count = value => isNumber(value)
  ? value < 10_000 ? value.toLocaleString("en") : scaled(value, ["", "k", "M", "G", "T"]) : DASH;
const rate = value => isNumber(value) ? value === 0 ? "0" : value < 10 ? value.toFixed(1) : count(Math.round(value)) : DASH;
const bytes = value => isNumber(value) ? scaled(value, [" B", " kB", " MB", " GB", " TB", " PB"]) : DASH;
const percent = value => isNumber(value) ? `${Math.round(value)}%` : DASH;
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

function scaled(value, units) {
  let step = 0;
  while (value >= 1000 && step < units.length - 1) { value /= 1000; step++; }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1).replace(".0", "")}${units[step]}`;
}

/** A measured time: 0.4 ms, 12 ms, 1.24 s. */
function time(seconds) {
  if (!isNumber(seconds)) return DASH;
  if (seconds >= 60) return duration(seconds);
  if (seconds >= 1) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const milliseconds = seconds * 1000;
  return `${milliseconds.toFixed(milliseconds < 1 ? 2 : milliseconds < 10 ? 1 : 0)} ms`;
}

/** How long something has lasted, as the log has it: 12s, 3m12s, 3h12m, 2d4h. */
function duration(seconds) {
  if (!isNumber(seconds)) return DASH;
  const whole = Math.max(0, Math.floor(seconds));
  const [d, h, m, s] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d) return h ? `${d}d${h}h` : `${d}d`;
  if (h) return m ? `${h}h${m}m` : `${h}h`;
  return m ? s ? `${m}m${s}s` : `${m}m` : `${s}s`;
}

/** The middle and the worst hundredth, in a line each. */
const pair = times => isNumber(times?.p50) ? `${time(times.p50)}\n${time(times.p99)}` : DASH;
/** 2026-11-28T00:30:00.000Z as 2026-11-28 00:30:00. */
const moment = text => String(text ?? DASH).replace("T", " ").replace(/(\.\d+)?Z$/, "");
/** The server's clock, which need not be ours. */
const now = status => Date.parse(status.startedAt) + status.uptime * 1000;
const ago = (status, text) => duration((now(status) - Date.parse(text)) / 1000);

// MARK: Elements

function make(tag, content, className) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (content !== undefined) element.append(...[content].flat());
  return element;
}

/** A copy of a template: its element, and the parts that have a `data-is`, by that name. */
function copy(id) {
  const element = $(id).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of element.querySelectorAll("[data-is]")) parts[part.dataset.is] = part;
  return { element, parts };
}

function write(element, text) {
  text = String(text);
  // Each text is one node, whose change makes neither a new one nor a selection vanish.
  if (element.firstChild?.nodeType === Node.TEXT_NODE && !element.firstChild.nextSibling) {
    if (element.firstChild.data !== text) element.firstChild.data = text;
  } else if (element.textContent !== text || element.firstElementChild) {
    element.textContent = text;
  }
}

function set(element, name, value) {
  if (value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, value);
  }
}

function writeState(element, name) {
  const { sign, tone, words } = stateOf(name);
  write(element, words);
  set(element, "data-sign", sign);
  set(element, "data-tone", tone);
}

/** Puts the children in this order with as few moves as may be, takes away others, and keeps the focus where it was. */
function arrange(parent, children, first = null) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) {
    if (!wanted.has(child) && (!first || first.compareDocumentPosition(child) & Node.DOCUMENT_POSITION_FOLLOWING)) child.remove();
  }
  const focused = document.activeElement;
  let place = first ? first.nextElementSibling : parent.firstElementChild;
  for (const child of children) {
    if (child === place) { place = place.nextElementSibling; continue; }
    parent.insertBefore(child, place);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** A list of texts, one element each. */
function list(parent, texts, tag = "li") {
  while (parent.children.length > texts.length) parent.lastElementChild.remove();
  while (parent.children.length < texts.length) parent.append(make(tag));
  texts.forEach((text, index) => {
    write(parent.children[index], text.words ?? text);
    set(parent.children[index], "data-tone", text.tone ?? null);
  });
}

// Tables that are laid out as cards are tables still.
const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
function keepTable(element) {
  for (const each of [element, ...element.querySelectorAll("table, thead, tbody, tr, td, th")]) {
    const role = each.tagName === "TH" ? (each.scope === "col" ? "columnheader" : "rowheader") : ROLES[each.tagName];
    if (role) each.setAttribute("role", role);
  }
}

// MARK: The server

class Refusal extends Error {}
class TokenNeeded extends Error {}

let token = sessionStorage.getItem("balancer-token") ?? "";

function headers(more = {}) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    headers: headers(method === "GET" ? {} : { "Content-Type": "application/json" }),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 401) throw new TokenNeeded();
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(content?.error?.message ?? `status ${answer.status} ${answer.statusText}`);
  if (content === null) throw new Refusal("an answer that is no JSON");
  return content;
}

/** Waits, unless somebody calls `wake` meanwhile. */
class Pause {
  wait(milliseconds) {
    return new Promise(resolve => {
      this.wake = () => { clearTimeout(timer); resolve(); };
      const timer = setTimeout(resolve, milliseconds);
    });
  }
  wake = () => {};
}

// MARK: Charts

/** What a backend, pool or listener was, for as long as the charts go back. */
class History {
  times = [];
  values = [];
  errors = [];
  before = null;

  /** `value` is drawn as it is, or, where it is null, what `sessions` has grown by in a second. */
  add(at, value, sessions, errors) {
    const { before } = this;
    this.before = { at, sessions, errors };
    if (!before || at <= before.at) return;
    const grown = (to, from) => isNumber(to) && isNumber(from) ? Math.max(0, to - from) : 0;
    this.rate = grown(sessions, before.sessions) * 1000 / (at - before.at);
    this.errorRate = grown(errors, before.errors) * 1000 / (at - before.at);
    this.times.push(at);
    this.values.push(value ?? this.rate);
    this.errors.push(grown(errors, before.errors));
    while (this.times[0] < at - WINDOW) { this.times.shift(); this.values.shift(); this.errors.shift(); }
  }
}

/** What charts show now: all there is, in whole minutes. */
const span = () => Math.min(WINDOW, Math.max(1, Math.ceil((lastPoll - firstPoll) / 60_000)) * 60_000);

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 150;
const HEIGHT = 30;

/** A line for sessions, bars from below for errors; `highest` is the same for all that are to be compared. */
function draw(svg, history, at, highest, what) {
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    for (const name of ["area", "line", "errors"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      svg.append(path);
    }
  }
  const [area, line, bars] = svg.children;
  const { times, values, errors } = history;
  const last = times.length - 1;
  const x = index => (WIDTH - 1 + (times[index] - at) / span() * (WIDTH - 2)).toFixed(1);
  const y = index => (HEIGHT - 2 - values[index] / highest * (HEIGHT - 5)).toFixed(1);
  const most = Math.max(1, ...errors);
  let outline = "", filled = "", failed = "", open = false;
  for (let index = 0; index <= last; index++) {
    // Where nobody has asked for long nothing is known.
    const follows = open && times[index] - times[index - 1] < 30_000;
    if (!follows && open) filled += `V${HEIGHT}Z`;
    outline += `${follows ? "L" : "M"}${x(index)} ${y(index)}`;
    filled += follows ? `L${x(index)} ${y(index)}` : `M${x(index)} ${HEIGHT}V${y(index)}`;
    open = true;
    if (errors[index]) failed += `M${x(index)} ${HEIGHT}v-${(6 + errors[index] / most * (HEIGHT - 10)).toFixed(1)}`;
  }
  if (open) filled += `V${HEIGHT}Z`;
  set(area, "d", filled);
  set(line, "d", outline);
  set(bars, "d", failed);
  const sum = errors.reduce((all, each) => all + each, 0);
  set(svg, "aria-label", last < 0 ? "nothing measured yet" : `${what}: now ${rate(values[last])}, `
    + `highest ${rate(Math.max(...values))}; ${plural(sum, "error")} in the last ${duration((at - times[0]) / 1000)}`);
}

/** Of a listener or pool: histories by the name of what they are of. */
class Histories extends Map {
  of(name) {
    if (!this.has(name)) this.set(name, new History());
    return this.get(name);
  }
}

// MARK: Backends

const filter = { words: [], problems: false };

/** A row, which is there as long as its backend is shown. */
class BackendRow {
  constructor(pool, name) {
    this.pool = pool;
    this.name = name;
    const { element, parts } = copy("backend-template");
    Object.assign(this, { element, parts });
    keepTable(element);
    element.row = this;
    // What is pressed is what the button says: a state that changes meanwhile changes the button first.
    for (const part of ["first", "second", "weight"]) {
      parts[part].addEventListener("click", () => change.ask(parts[part].dataset.action, pool.name, name));
    }
    parts.open.addEventListener("click", () => this.toggle());
  }

  update(status, backend) {
    this.backend = backend;
    const { parts } = this;
    const history = this.pool.histories.of(backend.name);
    const full = `${this.pool.name}/${backend.name}`;
    writeState(parts.state, backend.state);
    set(this.element, "data-tone", stateOf(backend.state).tone);
    write(parts.since, `for ${ago(status, backend.since)}`);
    set(parts.since, "title", `since ${moment(backend.since)} UTC`);
    write(parts.name, backend.name);
    write(parts.address, backend.address === null ? "no address yet" : backend.address === backend.name ? "" : backend.address);
    const labels = Object.entries(backend.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    if (backend.backup) labels.unshift("backup");
    list(parts.labels, labels, "span");
    write(parts.why, reason(backend));
    set(parts.why, "data-tone", stateOf(backend.state).tone === "bad" ? "bad" : null);

    write(parts.sessions, backend.limit === null ? count(backend.sessions) : `${count(backend.sessions)} / ${count(backend.limit)}`);
    parts.gauge.hidden = !backend.limit;
    if (backend.limit) parts.fill.style.width = percent(Math.min(100, backend.sessions / backend.limit * 100));
    write(parts.rate, rate(this.pool.rateOf(backend.rates) ?? history.rate));
    set(parts.rate, "data-label", this.pool.rateName);
    writeErrors(parts.errors, backend.rates?.errors ?? history.errorRate);
    for (const kind of ["connect", "firstByte", "session"]) write(parts[kind], pair(backend[kind]));

    write(parts.weight, count(backend.weight));
    action(parts.weight, "weight", null, `Weight of ${full}: ${backend.weight}. Change it`);
    write(parts.fileWeight, backend.weight === backend.configuredWeight ? "" : `file: ${backend.configuredWeight}`);
    const [first, second] = { drained: ["enable", "disable"], disabled: ["enable", "drain"] }[backend.state] ?? ["drain", "disable"];
    action(parts.first, first, ACTIONS[first].verb, `${ACTIONS[first].verb} ${full}`);
    action(parts.second, second, ACTIONS[second].verb, `${ACTIONS[second].verb} ${full}`);
    if (this.detail) this.updateDetail(status);
    if (this.isVisible) this.draw();
  }

  draw() {
    draw(this.parts.chart, this.pool.histories.of(this.name), lastPoll, this.pool.highest, this.pool.chartName);
  }

  toggle() {
    if (this.detail) {
      this.detail.element.remove();
      this.detail = null;
    } else {
      this.detail = copy("detail-template");
      keepTable(this.detail.element);
      this.element.append(this.detail.element);
      this.updateDetail(status);
    }
    set(this.parts.open, "aria-expanded", this.detail !== null);
  }

  updateDetail(status) {
    const { backend, detail: { element, parts } } = this;
    // A cell across columns that are hidden would make others.
    const columns = [...this.pool.parts.table.tHead.rows[0].cells].filter(cell => cell.getClientRects().length);
    set(element.firstElementChild, "colspan", columns.length || null);
    const rows = [["Connect", backend.connect], ["First byte", backend.firstByte], ["Session", backend.session]];
    while (parts.percentiles.children.length < rows.length) {
      const row = make("tr", [make("th"), ...Array.from({ length: 5 }, () => make("td"))]);
      row.firstChild.scope = "row";
      parts.percentiles.append(row);
    }
    rows.forEach(([name, times], index) => {
      const words = [name, count(times?.count), ...["p50", "p90", "p99", "p999"].map(key => time(times?.[key]))];
      words.forEach((text, column) => write(parts.percentiles.children[index].children[column], text));
    });
    const { check, override, totals = {} } = backend;
    const facts = [
      ["Address", backend.address ?? "not resolved yet"],
      ["State", `${stateOf(backend.state).words} since ${moment(backend.since)} UTC`],
      ["Last check", check ? `${check.type} ${check.result}: ${check.words || "no words"}` : "none"],
      ["Checked", check ? `${ago(status, check.at)} ago, took ${time(check.took)}, ${check.streak}/${check.needed} in a row` : DASH],
      ["Changes", `${plural(backend.changes ?? 0, "change")} of its verdict since the start`],
      ["Override", override ? [override.state, isNumber(override.weight) ? `weight ${override.weight}` : null]
        .filter(Boolean).join(", ") + `, since ${moment(override.since)} UTC` : "none"],
      ["Weight", `${backend.weight}, in the file ${backend.configuredWeight}`],
      ["Since the start", `${this.pool.isHTTP ? plural(totals.requests || totals.sessions, "request") : plural(totals.sessions, "session")}, `
        + `${plural(totals.errors, "error")}, ${plural(totals.connectFailures, "failed connect")}`],
      ["Bytes", `${bytes(totals.bytesToBackend)} sent, ${bytes(totals.bytesFromBackend)} got`],
      ["Bytes a second", `${bytes(backend.rates?.bytesToBackend)} sent, ${bytes(backend.rates?.bytesFromBackend)} got`],
    ];
    while (parts.facts.children.length < facts.length) parts.facts.append(make("div", [make("dt"), make("dd")]));
    facts.forEach(([name, text], index) => {
      write(parts.facts.children[index].firstChild, name);
      write(parts.facts.children[index].lastChild, text);
    });
  }
}

function action(button, name, verb, label) {
  if (verb) write(button, verb);
  set(button, "data-action", name);
  set(button, "aria-label", label);
}

function writeErrors(element, value) {
  write(element, rate(value));
  set(element, "data-tone", value > 0 ? "bad" : null);
}

/** Why it is what it is, and what its last check said, where that is something else. */
function reason({ why, check }) {
  if (!check) return why ?? "";
  const { type, result, words, took, streak, needed } = check;
  const isNew = words && words !== why && words !== result;
  const told = `${type} check ${result}${isNew ? `: ${words}` : ""}${why === words ? streak > needed ? ` ${streak} times` : ` ${streak}/${needed}` : ""}, took ${time(took)}`;
  return why ? `${why} · ${told}` : told;
}

function matches(pool, backend) {
  if (filter.problems && backend.state === "up") return false;
  if (!filter.words.length) return true;
  const labels = Object.entries(backend.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const text = [pool.name, backend.name, backend.address, stateOf(backend.state).words, backend.why, backend.check?.words, ...labels]
    .join("\n").toLowerCase();
  return filter.words.every(word => text.includes(word));
}

// MARK: Pools

const seen = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    target.row.isVisible = isIntersecting;
    if (isIntersecting) target.row.draw();
  }
}, { rootMargin: "100px" });

class PoolPanel {
  rows = new Map();
  histories = new Histories();
  history = new History();
  isOpen = false;

  constructor(name) {
    this.name = name;
    const { element, parts } = copy("pool-template");
    Object.assign(this, { element, parts });
    keepTable(parts.table);
    const id = `pool-${PoolPanel.number++}`;
    write(parts.name, name);
    parts.name.parentElement.id = id;
    set(element, "aria-labelledby", id);
    set(parts.table, "aria-labelledby", id);
    parts.moreButton.addEventListener("click", () => { this.isOpen = !this.isOpen; render(); });
  }

  static number = 0;

  /** Once for each poll. */
  remember(at, pool, isHTTP) {
    this.isHTTP = isHTTP;
    this.rateName = isHTTP ? "Requests/s" : "New/s";
    this.chartName = isHTTP ? "Requests a second" : "Sessions";
    const add = (history, { sessions, totals = {} }) =>
      history.add(at, isHTTP ? null : sessions, (isHTTP && totals.requests) || totals.sessions, totals.errors);
    add(this.history, pool);
    const names = new Set();
    this.highest = 1;
    for (const backend of pool.backends) {
      names.add(backend.name);
      const history = this.histories.of(backend.name);
      add(history, backend);
      for (const value of history.values) this.highest = Math.max(this.highest, value);
    }
    for (const name of this.histories.keys()) if (!names.has(name)) this.histories.delete(name);
  }

  rateOf(rates) {
    return (this.isHTTP && rates?.requests) || rates?.sessions;
  }

  /** How many of its backends match the filter. */
  update(status, pool) {
    const { parts, history } = this;
    writeState(parts.state, pool.state);
    set(this.element, "data-tone", stateOf(pool.state).tone);
    write(parts.standing, `${pool.eligible} of ${pool.total} eligible, ${percent(pool.weightLeft)} of weight · ${tally(pool.backends)} · ${pool.scheduler}`);
    write(parts.sessions, count(pool.sessions));
    write(parts.waiting, pool.queueLimit ? `${count(pool.waiting)} / ${count(pool.queueLimit)}` : count(pool.waiting));
    set(parts.waiting, "data-tone", pool.waiting > 0 ? "warn" : null);
    write(parts.rateName, this.rateName);
    write(parts.rate, rate(this.rateOf(pool.rates) ?? history.rate));
    const errors = pool.rates?.errors ?? history.errorRate;
    write(parts.errors, isNumber(errors) ? `${rate(errors)}/s` : DASH);
    set(parts.errors, "data-tone", errors > 0 ? "bad" : null);
    write(parts.retries, count(pool.totals?.retries));
    write(parts.bytes, isNumber(pool.rates?.bytesToBackends)
      ? `${bytes(pool.rates.bytesToBackends)}/s · ${bytes(pool.rates.bytesFromBackends)}/s`
      : `${bytes(pool.totals?.bytesToBackends)} · ${bytes(pool.totals?.bytesFromBackends)}`);
    write(parts.queue, pair(pool.queue).replace("\n", " · "));
    write(parts.chartName, `Last ${span() / 60_000} min`);
    write(parts.rateHead, this.rateName);
    set(parts.table, "data-mode", this.isHTTP ? "http" : "tcp");
    draw(parts.chart, history, lastPoll, Math.max(1, ...history.values), this.chartName);
    return this.updateRows(status, pool);
  }

  updateRows(status, pool) {
    const found = pool.backends.filter(backend => matches(pool, backend));
    // Sorting is stable: among equals the file's order stays.
    found.sort((one, other) => stateOf(one.state).rank - stateOf(other.state).rank);
    const shown = this.isOpen ? found : found.slice(0, FEW);
    const names = new Set(shown.map(backend => backend.name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) { seen.unobserve(row.element); row.element.remove(); this.rows.delete(name); }
    }
    for (const backend of shown) {
      let row = this.rows.get(backend.name);
      if (!row) {
        row = new BackendRow(this, backend.name);
        this.rows.set(backend.name, row);
        seen.observe(row.element);
      }
      row.update(status, backend);
    }
    // Nothing moves away under a pointer that is about to press it.
    if (Date.now() - lastPointer > 1500 || this.rows.size !== this.parts.table.tBodies.length) {
      arrange(this.parts.table, shown.map(backend => this.rows.get(backend.name).element), this.parts.table.tHead);
    }
    const rest = found.slice(shown.length);
    this.parts.more.hidden = found.length <= FEW;
    write(this.parts.moreWords, rest.length ? `${count(rest.length)} more: ${tally(rest)}.` : "");
    write(this.parts.moreButton, this.isOpen ? `Show only ${FEW}` : `Show all ${count(found.length)}`);
    set(this.parts.moreButton, "aria-label", `${this.parts.moreButton.textContent} backends of ${this.name}`);
    this.element.hidden = !found.length && (filter.words.length > 0 || filter.problems);
    return found.length;
  }
}

/** 2 down, 1 drained, 997 up. */
function tally(backends) {
  const numbers = new Map();
  for (const { state } of backends) numbers.set(state, (numbers.get(state) ?? 0) + 1);
  return [...numbers].sort(([one], [other]) => stateOf(one).rank - stateOf(other).rank)
    .map(([state, number]) => `${count(number)} ${stateOf(state).words}`).join(", ") || "no backends";
}

// MARK: The page

let status = null;
let lastPoll = 0; // performance.now() of the status that is shown
let firstPoll = 0; // of this process
let lastPointer = 0;
const pools = new Map();
const listenerHistories = new Histories();

/** A status that has just come. */
function take(next) {
  // Another process: its counts and events begin anew.
  if (status && status.startedAt !== next.startedAt) {
    pools.forEach(panel => panel.element.remove());
    pools.clear();
    listenerHistories.clear();
    firstPoll = 0;
    log.restart("balancer has been started again");
  }
  status = next;
  const sinceLast = performance.now() - lastPoll;
  lastPoll = performance.now();
  firstPoll ||= lastPoll;
  const names = new Set(next.pools.map(pool => pool.name));
  for (const [name, panel] of pools) if (!names.has(name)) { panel.element.remove(); pools.delete(name); }
  for (const pool of next.pools) {
    if (!pools.has(pool.name)) pools.set(pool.name, new PoolPanel(pool.name));
    const modes = next.listeners.filter(listener => listener.pools.includes(pool.name)).map(listener => listener.mode);
    const panel = pools.get(pool.name);
    // A poll that an event has asked for is too close to the one before to be a point of a chart.
    if (sinceLast > INTERVAL * 0.6 || !panel.history.before) {
      panel.remember(lastPoll, pool, modes.length > 0 && modes.every(mode => mode === "http"));
    }
  }
  for (const listener of next.listeners) {
    const { totals = {} } = listener;
    const isHTTP = listener.mode === "http";
    listenerHistories.of(listener.name).add(lastPoll, isHTTP ? null : listener.sessions,
      (isHTTP && totals.requests) || totals.sessions, totals.errors);
  }
  render();
}

function render() {
  if (!status) return;
  renderHeader();
  renderOverview();
  const order = status.pools.toSorted((one, other) => stateOf(one.state).rank - stateOf(other.state).rank);
  let shown = 0, all = 0;
  for (const pool of order) {
    shown += pools.get(pool.name).update(status, pool);
    all += pool.backends.length;
  }
  if (Date.now() - lastPointer > 1500 || $("pool-list").children.length !== order.length) {
    arrange($("pool-list"), order.map(pool => pools.get(pool.name).element));
  }
  write($("matches"), filter.words.length || filter.problems ? `${count(shown)} of ${plural(all, "backend")}` : plural(all, "backend"));
  renderListeners();
  change.update();
}

function renderHeader() {
  const { connections, configuration } = status;
  write($("version"), status.version);
  write($("state"), status.state);
  set($("state"), "data-tone", status.state === "running" ? "good" : "warn");
  write($("uptime"), duration(status.uptime));
  set($("uptime"), "title", `process ${status.pid}, since ${moment(status.startedAt)} UTC`);
  write($("connections"), connections ? `${count(connections.open)} / ${count(connections.limit)}` : DASH);
  const last = configuration?.lastReload;
  write($("reload"), last ? `${last.result} ${ago(status, last.at)} ago` : "none yet");
  set($("reload"), "data-tone", last?.result === "refused" ? "bad" : null);
  set($("reload"), "title", configuration ? `${configuration.file}, loaded ${moment(configuration.loadedAt)} UTC` : null);
}

function renderOverview() {
  const backends = status.pools.flatMap(pool => pool.backends);
  const down = status.pools.filter(pool => pool.state === "down" || pool.state === "panic");
  const worst = Math.min(9, ...backends.map(backend => stateOf(backend.state).rank));
  const out = backends.filter(backend => backend.state !== "up");
  const words = [];
  if (down.length) words.push(`${plural(down.length, "pool")} ${down.every(pool => pool.state === "down") ? "down" : "in trouble"}`);
  if (out.length) words.push(`${tally(out)} of ${plural(backends.length, "backend")}`);
  const sentence = words.join(" · ") || (backends.length ? `All ${plural(backends.length, "backend")} up` : "No backends");
  const tone = down.length || worst === 0 ? "bad" : worst < 5 ? "warn" : worst < 9 ? "own" : "good";
  write($("headline"), sentence);
  set($("overview"), "data-tone", tone);
  document.title = `${words.join(" · ") || "all up"} – balancer ${location.host}`;
  showIcon(tone);
  list($("notices"), notices());
}

/** What is wrong beside the backends, which the tables below begin with. */
function notices() {
  const found = [];
  const say = (tone, words) => found.push({ tone, words });
  const { connections, configuration } = status;
  if (status.state !== "running") say("warn", `balancer is ${status.state}: it takes no new sessions and ends when the open ones have.`);
  for (const pool of status.pools) {
    if (pool.state === "down") say("bad", `Pool ${pool.name} has no eligible backend: its new sessions fail.`);
    if (pool.state === "panic") say("bad", `Pool ${pool.name} is in panic: so few are healthy that all its backends get sessions.`);
    if (pool.waiting > 0) say("warn", `${plural(pool.waiting, "session waits", "sessions wait")} for a backend of pool ${pool.name} (at most ${count(pool.queueLimit)}).`);
  }
  const last = configuration?.lastReload;
  if (last?.result === "refused") {
    say("bad", `The last reload was refused ${ago(status, last.at)} ago, the configuration before it stays: ${last.errors.slice(0, 3).join(" · ")}`
      + (last.errors.length > 3 ? ` · and ${last.errors.length - 3} more` : ""));
  }
  for (const listener of status.listeners) {
    if (listener.limit && listener.sessions >= listener.limit) say("warn", `Listener ${listener.name} is full: more clients wait in its backlog.`);
  }
  if (connections?.limit && connections.open >= connections.limit * 0.9) {
    say("warn", `${count(connections.open)} of ${count(connections.limit)} connections are in use.`);
  }
  for (const { file, daysLeft } of status.certificates ?? []) {
    if (daysLeft < 0) say("bad", `The certificate in ${file} has expired.`);
    else if (daysLeft < 14) say("warn", `The certificate in ${file} expires in ${plural(Math.floor(daysLeft), "day")}.`);
  }
  return found;
}

function showIcon(tone) {
  const colour = { good: "#1a8a4c", warn: "#b7791f", bad: "#c8281e", own: "#5b4fc9", quiet: "#6b7684" }[tone];
  set($("icon"), "href", `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`)}`);
}

function renderListeners() {
  const body = $("listener-rows");
  const rows = new Map([...body.children].map(row => [row.name, row]));
  const shown = status.listeners.map(listener => {
    const row = rows.get(listener.name) ?? listenerRow(listener.name);
    const { parts } = row;
    const history = listenerHistories.of(listener.name);
    const isHTTP = listener.mode === "http";
    write(parts.mode, listener.tls ? `${listener.mode}, TLS` : listener.mode);
    list(parts.addresses, listener.listen, "bdi");
    write(parts.pools, listener.pools.join(", "));
    write(parts.sessions, listener.limit ? `${count(listener.sessions)} / ${count(listener.limit)}` : count(listener.sessions));
    write(parts.rate, `${rate(((isHTTP && listener.rates?.requests) || listener.rates?.sessions) ?? history.rate)} ${isHTTP ? "requests" : "sessions"}`);
    writeErrors(parts.errors, listener.rates?.errors ?? history.errorRate);
    write(parts.from, isNumber(listener.rates?.bytesFromClients) ? `${bytes(listener.rates.bytesFromClients)}/s` : bytes(listener.totals?.bytesFromClients));
    write(parts.to, isNumber(listener.rates?.bytesToClients) ? `${bytes(listener.rates.bytesToClients)}/s` : bytes(listener.totals?.bytesToClients));
    write(parts.session, pair(listener.session));
    draw(parts.chart, history, lastPoll, Math.max(1, ...history.values), isHTTP ? "Requests a second" : "Sessions");
    return row;
  });
  arrange(body, shown);
  write($("listeners-chart"), `Last ${span() / 60_000} min`);
  $("listeners").hidden = !shown.length;
}

function listenerRow(name) {
  const { element, parts } = copy("listener-template");
  keepTable(element);
  write(parts.name, name);
  return Object.assign(element, { name, parts });
}

// MARK: Polling

const poller = {
  pause: new Pause(),
  isBusy: false,
  isHasty: false,

  async run() {
    let failures = 0;
    for (;;) {
      const begun = performance.now();
      try {
        this.isBusy = true;
        this.isHasty = false;
        const next = await ask("GET", "v1/status");
        take(next);
        if (failures) log.pause.wake();
        failures = 0;
        showLink("good", "live");
        $("lost").hidden = true;
        document.body.classList.remove("stale");
      } catch (error) {
        if (error instanceof TokenNeeded) {
          showLink("warn", "token needed");
          await tokenDialog.ask(token ? "That token is not the one." : "");
          log.pause.wake();
          continue;
        }
        failures++;
        showLost(error, failures);
      } finally {
        this.isBusy = false;
      }
      // A server with thousands of backends is not kept busy by those who look at it.
      const took = performance.now() - begun;
      const interval = Math.max(document.hidden ? HIDDEN_INTERVAL : INTERVAL, took * 10);
      if (failures) await this.pause.wait(Math.min(LONGEST_WAIT, 500 * 2 ** failures));
      else if (!this.isHasty) await this.pause.wait(interval);
    }
  },

  /** Something has happened: what it has made of the backends is wanted at once. */
  hasten() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.isBusy) this.isHasty = true;
      else this.pause.wake();
    }, 100);
  },
};

function showLink(tone, words) {
  write($("link"), words);
  set($("link"), "data-tone", tone);
}

function showLost(error, failures) {
  const why = error instanceof Refusal ? `it answers: ${error.message}`
    : error.name === "TimeoutError" ? `no answer within ${PATIENCE / 1000} s` : "it cannot be reached";
  // One failure may be a hiccup of a reload, and says so only at the top.
  showLink("bad", "connection lost");
  write($("lost-words"), `The connection to balancer is lost: ${why}. `
    + (status ? `What is below was so at ${moment(new Date(now(status)).toISOString())} UTC. ` : "") + "It is tried again and again.");
  write($("retry"), "Try now");
  $("lost").hidden = false;
  document.body.classList.toggle("stale", status !== null);
  document.title = `connection lost – balancer ${location.host}`;
  showIcon("quiet");
}

// MARK: Events

const log = {
  pause: new Pause(),
  last: 0, // the id of the last event
  controller: new AbortController(),

  async run() {
    let wait = 1000;
    for (;;) {
      try {
        await this.follow(() => { wait = 1000; });
        this.show("lost, trying again");
      } catch (error) {
        if (error.name !== "AbortError") this.show(error instanceof TokenNeeded ? "token needed" : "lost, trying again");
      }
      await this.pause.wait(wait * (0.75 + Math.random() / 2));
      wait = Math.min(LONGEST_WAIT, wait * 2);
    }
  },

  /** Reads the stream until it ends. EventSource would be shorter, but sends no token. */
  async follow(opened) {
    const controller = this.controller = new AbortController();
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(new Error("silence")), SILENCE);
    };
    try {
      heard();
      const answer = await fetch("v1/events", {
        cache: "no-store", signal: controller.signal,
        headers: headers({ Accept: "text/event-stream", "Last-Event-ID": String(this.last) }),
      });
      if (answer.status === 401) throw new TokenNeeded();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      opened();
      this.show("live");
      // What has been before is not read out, what comes is.
      setTimeout(() => $("log").setAttribute("aria-live", "polite"), 1500);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return;
        heard();
        const blocks = (rest + value).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        if (rest.length > 1 << 20) throw new Error("an event without an end");
        const events = blocks.map(parseEvent).filter(Boolean);
        if (events.length) this.add(events);
      }
    } finally {
      clearTimeout(silence);
    }
  },

  add(events) {
    const fresh = events.filter(event => !(event.id <= this.last));
    for (const { id } of fresh) if (isNumber(id)) this.last = id;
    $("log").prepend(...fresh.map(eventLine).reverse());
    while ($("log").children.length > MOST_EVENTS) $("log").lastElementChild.remove();
    if (fresh.length) poller.hasten();
  },

  restart(words) {
    this.last = 0;
    this.controller.abort();
    this.pause.wake();
    $("log").prepend(eventLine({ data: { time: status.startedAt, level: "notice", message: words } }));
  },

  show(words) {
    write($("events-link"), words);
    set($("events-link"), "data-tone", words === "live" ? "good" : "warn");
  },
};

/** One event of a stream, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it; null for a comment. */
function parseEvent(block) {
  const event = { kind: "message", id: NaN, data: [] };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.kind = value;
    if (field === "id") event.id = Number(value);
    if (field === "data") event.data.push(value);
  }
  if (!event.data.length) return null;
  try {
    return { ...event, data: JSON.parse(event.data.join("\n")) };
  } catch {
    return { ...event, data: { level: "warning", message: `an event that is no JSON: ${event.data.join(" ")}` } };
  }
}

function eventLine({ kind, data }) {
  const level = String(data.level ?? "info");
  const when = make("time", moment(data.time).slice(5));
  when.dateTime = data.time ?? "";
  const item = make("li", [when, " ", make("b", level), " ", make("span", make("bdi", String(data.message ?? kind)))]);
  item.dataset.tone = data.to === "up" ? "good" : { critical: "bad", error: "bad", warning: "warn", notice: "own" }[level] ?? "quiet";
  return item;
}

// MARK: Changes

const ACTIONS = {
  drain: { verb: "Drain", doing: "Draining …", done: "is drained" },
  disable: { verb: "Disable", doing: "Disabling …", done: "is disabled" },
  enable: { verb: "Enable", doing: "Enabling …", done: "is enabled" },
  weight: { verb: "Set weight", doing: "Setting …", done: "has its new weight" },
};

/** The dialog that every change goes through: it says what will come of it. */
const change = {
  dialog: $("change"),

  ask(kind, pool, name) {
    Object.assign(this, { kind, pool, name, onRemove: null });
    const isWeight = kind === "weight";
    $("change-weight").hidden = !isWeight;
    $("weight").disabled = !isWeight;
    write($("change-error"), "");
    write($("change-title"), isWeight ? `Set the weight of ${pool}/${name}` : `${ACTIONS[kind].verb} ${pool}/${name}?`);
    this.setBusy(false);
    this.update();
    $("weight").value = this.backend().weight;
    $("change-reset").hidden = !isWeight || !isNumber(this.backend().override?.weight);
    write($("change-reset"), `Back to the file's ${this.backend().configuredWeight}`);
    this.dialog.showModal();
    // Not on the button that does it: a key held down a little longer would be a confirmation.
    (isWeight ? $("weight") : $("change-cancel")).focus();
    if (isWeight) $("weight").select();
    if (kind === "disable") this.lookUpRemoval();
  },

  backend() {
    return status.pools.find(pool => pool.name === this.pool)?.backends.find(backend => backend.name === this.name);
  },

  /** What comes of it, as things are now. */
  update() {
    if (!this.kind) return;
    const backend = this.backend();
    if (!backend) { list($("change-effects"), ["This backend is no longer there."]); return; }
    list($("change-effects"), this.effects(backend));
  },

  effects(backend) {
    const pool = status.pools.find(pool => pool.name === this.pool);
    const open = plural(backend.sessions, "open session");
    const found = [];
    switch (this.kind) {
      case "drain":
        found.push("It gets no new sessions.", `Its ${open} ${backend.sessions === 1 ? "stays" : "stay"} until ${backend.sessions === 1 ? "it ends by itself" : "they end by themselves"}.`,
          "Its checks go on.");
        break;
      case "disable":
        found.push("It gets no new sessions and is no longer checked.", `Its ${open}: ${this.onRemove ?? "what onRemove of the pool says"}.`);
        break;
      case "enable":
        found.push(backend.state === "disabled" ? "It is checked again, and gets sessions as soon as it is up." : "It gets new sessions again if it is up.");
        if (backend.check?.result === "failed") found.push({ tone: "warn", words: `Its last check failed: ${backend.check.words}` });
        break;
      default:
        found.push(`Its share of the pool's new sessions changes; with 0 it gets none. The file says ${backend.configuredWeight}.`,
          `Its ${open} ${backend.sessions === 1 ? "stays" : "stay"}.`);
    }
    if (this.kind !== "enable" && this.kind !== "weight" && pool.eligible === 1 && backend.state === "up") {
      found.push({ tone: "bad", words: `It is the last eligible backend of pool ${pool.name}: new sessions will fail.` });
    }
    found.push(this.kind === "enable" ? "This takes back what was changed here, not its weight."
      : `This outlasts reloads, until ${this.kind === "weight" ? "the file's weight is taken again" : "it is enabled"} or balancer ends.`);
    return found;
  },

  async lookUpRemoval() {
    const { pool } = this;
    try {
      const { configuration } = await ask("GET", "v1/config");
      const { onRemove = "keep" } = configuration.pools?.[pool] ?? {};
      this.onRemove = onRemove === "keep" ? "kept until the end (onRemove of the pool)"
        : onRemove === "close" ? "closed at once (onRemove of the pool)" : `closed after ${onRemove.close} (onRemove of the pool)`;
    } catch { /* The words without it are true as well. */ }
    this.update();
  },

  setBusy(isBusy) {
    for (const id of ["change-do", "change-reset"]) $(id).disabled = isBusy;
    if (this.kind) write($("change-do"), isBusy ? ACTIONS[this.kind].doing : ACTIONS[this.kind].verb);
  },

  async send(isReset) {
    const { kind, pool, name } = this;
    const path = `v1/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(name)}/${kind}`;
    this.setBusy(true);
    write($("change-error"), "");
    try {
      const backend = await (kind !== "weight" ? ask("POST", path)
        : isReset ? ask("DELETE", path) : ask("PUT", path, { weight: $("weight").valueAsNumber }));
      this.put(backend);
      this.dialog.close();
      write($("said"), `${pool}/${name} ${ACTIONS[kind].done}.`);
      poller.hasten();
    } catch (error) {
      write($("change-error"), error instanceof TokenNeeded ? "The token is no longer accepted."
        : error instanceof Refusal ? `balancer refused: ${error.message}`
        : "balancer did not answer. Whether it was done is not known: look at the state when the connection is back.");
      if (error instanceof TokenNeeded) poller.hasten();
    } finally {
      this.setBusy(false);
    }
  },

  /** The answer has the backend as it is now. */
  put(backend) {
    const pool = status.pools.find(pool => pool.name === this.pool);
    const index = pool?.backends.findIndex(each => each.name === this.name) ?? -1;
    if (index >= 0 && backend?.name === this.name) pool.backends[index] = backend;
    render();
  },
};

$("change").querySelector("form").addEventListener("submit", event => { event.preventDefault(); change.send(false); });
$("change-reset").addEventListener("click", () => change.send(true));
$("change-cancel").addEventListener("click", () => change.dialog.close());
// The event comes a little later: it may have been opened again.
change.dialog.addEventListener("close", () => { if (!change.dialog.open) change.kind = null; });

// MARK: The token

const tokenDialog = {
  dialog: $("token"),

  /** Resolves when there is another token to try. */
  ask(complaint) {
    change.dialog.close();
    write($("token-error"), complaint);
    $("token-text").value = "";
    if (!this.dialog.open) this.dialog.showModal();
    $("token-text").focus();
    return new Promise(resolve => { this.resolve = resolve; });
  },
};

$("token").querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  const text = $("token-text").value.trim();
  // What a header cannot carry is no token.
  if (!/^[\x21-\x7E]+$/.test(text)) { write($("token-error"), "A token has no spaces and only characters of ASCII."); return; }
  token = text;
  sessionStorage.setItem("balancer-token", token);
  showLink("quiet", "connecting");
  tokenDialog.dialog.close();
  tokenDialog.resolve();
});
$("token-cancel").addEventListener("click", () => tokenDialog.dialog.close());
tokenDialog.dialog.addEventListener("close", () => {
  if ($("link").textContent !== "token needed") return;
  write($("lost-words"), "This admin server wants its token before it says anything.");
  write($("retry"), "Enter the token");
  $("lost").hidden = false;
});

// MARK: Begin

$("filter").addEventListener("input", event => {
  filter.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  lastPointer = 0;
  render();
});
$("problems").addEventListener("change", event => { filter.problems = event.target.checked; lastPointer = 0; render(); });
$("retry").addEventListener("click", () => {
  if ($("link").textContent === "token needed") tokenDialog.dialog.showModal();
  else { poller.pause.wake(); log.pause.wake(); }
});
$("pool-list").addEventListener("pointermove", () => { lastPointer = Date.now(); });
document.addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input")) return;
  event.preventDefault();
  $("filter").focus();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) poller.hasten(); });
addEventListener("online", () => { poller.hasten(); log.pause.wake(); });

write($("host"), location.host);
// A phone's first screen is for what is wrong.
if (matchMedia("(max-width: 45rem)").matches) $("events-fold").open = false;
for (const table of document.querySelectorAll("table")) keepTable(table);
poller.run();
log.run();
