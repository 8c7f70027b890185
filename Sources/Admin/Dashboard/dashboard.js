"use strict";

// The page at / of the admin server: asks for /v1/status again and again, follows /v1/events, and sends what an
// operator has confirmed. Whatever the server says goes through textContent and never through HTML: names of backends
// and words of checks come from others. Elements are made once and changed in place, so that focus, scrolling and a
// thousand backends stay calm.

const INTERVAL = 2000; // of polls, in milliseconds
const HIDDEN_INTERVAL = 10_000; // while nobody sees the page
const PATIENCE = 10_000; // with an answer
const SILENCE = 40_000; // of the events, which have a comment every 15 s
const LONGEST_WAIT = 15_000; // between attempts when the connection is lost
const WINDOW = 300_000; // of charts, when the page has been open for so long
const FEW = 30; // rows of a pool before "show all"
const MOST_EVENTS = 300;
const MOST_LINES = 20; // of an event
const LONGEST_EVENT = 1 << 20;

const $ = id => document.getElementById(id);

// MARK: Words

const DASH = "–";
// The sign says it again to whoever does not see colours; the lowest rank comes first.
const STATES = {
  down: { sign: "✕", tone: "bad", rank: 0, words: "down" },
  ejected: { sign: "▲", tone: "warn", rank: 1, words: "ejected" },
  panic: { sign: "▲", tone: "bad", rank: 1, words: "panic" },
  held: { sign: "▲", tone: "warn", rank: 2, words: "held down" },
  degraded: { sign: "▲", tone: "warn", rank: 2, words: "degraded" },
  full: { sign: "◆", tone: "warn", rank: 3, words: "full" },
  checking: { sign: "…", tone: "quiet", rank: 4, words: "checking" },
  drained: { sign: "‖", tone: "own", rank: 5, words: "drained" },
  disabled: { sign: "○", tone: "own", rank: 6, words: "disabled" },
  up: { sign: "●", tone: "good", rank: 9, words: "up" },
};
const stateOf = name => STATES[name] ?? { sign: "?", tone: "warn", rank: 3, words: String(name) };
const worstFirst = (one, other) => stateOf(one.state).rank - stateOf(other.state).rank;

const isNumber = value => typeof value === "number" && Number.isFinite(value);
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
const percent = value => isNumber(value) ? `${Math.round(value)}%` : DASH;
const bytes = value => isNumber(value) ? scaled(value, [" B", " kB", " MB", " GB", " TB", " PB"]) : DASH;

function count(value) {
  if (!isNumber(value)) return DASH;
  return value < 10_000 ? value.toLocaleString("en") : scaled(value, ["", "k", "M", "G", "T"]);
}

function rate(value) {
  return value > 0 && value < 10 ? value.toFixed(1) : count(isNumber(value) ? Math.round(value) : value);
}

function scaled(value, units) {
  let step = 0;
  for (; value >= 1000 && step < units.length - 1; step++) value /= 1000;
  return (step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1).replace(".0", "")) + units[step];
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
  let rest = Math.max(0, Math.floor(seconds));
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const number = Math.floor(rest / size);
    rest %= size;
    if (parts.length || number) parts.push(number ? `${number}${unit}` : "");
  }
  return parts.slice(0, 2).join("") || "0s";
}

/** The middle and the worst hundredth. */
const pair = (times, between = "\n") => isNumber(times?.p50) ? time(times.p50) + between + time(times.p99) : DASH;
/** Against its limit, where there is one. */
const against = (value, limit) => limit ? `${count(value)} / ${count(limit)}` : count(value);
/** 2026-11-28T00:30:00.000Z as 2026-11-28 00:30:00. */
const moment = text => String(text ?? DASH).replace("T", " ").replace(/(\.\d+)?Z$/, "");
/** The server's clock, which need not be ours. */
const serverTime = () => Date.parse(status.startedAt) + status.uptime * 1000;
const since = text => duration((serverTime() - Date.parse(text)) / 1000);
const labelsOf = backend => Object.entries(backend.labels ?? {}).map(([key, value]) => `${key}=${value}`);

/** 2 down, 1 drained, 997 up. */
function tally(backends) {
  const numbers = new Map();
  for (const { state } of backends.toSorted(worstFirst)) numbers.set(state, (numbers.get(state) ?? 0) + 1);
  return [...numbers].map(([state, number]) => `${count(number)} ${stateOf(state).words}`).join(", ") || "no backends";
}

// MARK: Elements

/** A copy of a template: its element, and the parts that have a `data-is`, by that name. */
function copy(id) {
  const element = $(id).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of element.querySelectorAll("[data-is]")) parts[part.dataset.is] = part;
  keepTables(element);
  return { element, parts };
}

function make(tag, ...content) {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}

/** Changes a text only where it is another. */
function write(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function set(element, name, value) {
  if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function writeState(element, name) {
  const { sign, tone, words } = stateOf(name);
  write(element, words);
  set(element, "data-sign", sign);
  set(element, "data-tone", tone);
}

function writeErrors(element, value, unit = "") {
  write(element, rate(value) + unit);
  set(element, "data-tone", value > 0 ? "bad" : null);
}

/** As many elements as there are texts; a text may have a tone. */
function list(parent, texts, tag = "li") {
  while (parent.children.length > texts.length) parent.lastElementChild.remove();
  while (parent.children.length < texts.length) parent.append(make(tag));
  texts.forEach((text, index) => {
    write(parent.children[index], text.words ?? text);
    set(parent.children[index], "data-tone", text.tone);
  });
}

/** Names and what belongs to them, in elements that are made at the first time. */
function describe(parent, pairs) {
  while (parent.children.length < pairs.length) parent.append(make("div", make("dt"), make("dd")));
  pairs.forEach(([name, text], index) => {
    write(parent.children[index].firstChild, name);
    write(parent.children[index].lastChild, text);
  });
}

/** Puts children in this order with few moves, and keeps the focus where it was. */
function arrange(parent, children) {
  const focused = document.activeElement;
  let place = parent.tHead ? parent.tHead.nextElementSibling : parent.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** Tables that a phone shows as cards are tables still. */
function keepTables(element) {
  const roles = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  for (const each of [element, ...element.querySelectorAll("table, thead, tbody, tr, td, th")]) {
    const role = each.tagName === "TH" ? (each.scope === "col" ? "columnheader" : "rowheader") : roles[each.tagName];
    if (role) each.setAttribute("role", role);
  }
}

// MARK: The server

class Refusal extends Error {}
class Unreachable extends Error {}
class TokenNeeded extends Error {}

let token = sessionStorage.getItem("balancer-token") ?? "";

const withToken = headers => token ? { ...headers, Authorization: `Bearer ${token}` } : headers;

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    headers: withToken(method === "GET" ? {} : { "Content-Type": "application/json" }),
    body: body && JSON.stringify(body),
  }).catch(({ name }) => {
    throw new Unreachable(name === "TimeoutError" ? `no answer within ${PATIENCE / 1000} s` : "it cannot be reached");
  });
  if (answer.status === 401) throw new TokenNeeded();
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(content?.error?.message ?? `status ${answer.status}`);
  if (content === null) throw new Unreachable("its answer broke off, or is no JSON");
  return content;
}

/** A wait that somebody may cut short. */
class Pause {
  wake = () => {};

  wait(milliseconds) {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}

// MARK: Charts

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 150;
const HEIGHT = 30;

/** What charts show now: all there is, in whole minutes. */
const span = () => Math.min(WINDOW, Math.max(1, Math.ceil((lastPoll - firstPoll) / 60_000)) * 60_000);
const spanWords = () => `Last ${span() / 60_000} min`;

/** What a backend, pool or listener was, for as long as charts go back. */
class History {
  points = []; // { at, value, errors }
  before = null;

  /** Once for each poll. With HTTP a session is a request, and those that began are drawn, not those that are open. */
  add(at, { sessions, totals = {} }, isHTTP) {
    const { before } = this;
    const begun = (isHTTP && totals.requests) || totals.sessions || 0;
    const failed = totals.errors || 0;
    this.before = { at, begun, failed };
    if (!before) return;
    const seconds = (at - before.at) / 1000;
    const errors = Math.max(0, failed - before.failed);
    this.rate = Math.max(0, begun - before.begun) / seconds;
    this.errorRate = errors / seconds;
    this.points.push({ at, value: isHTTP ? this.rate : sessions, errors });
    while (this.points[0].at < at - WINDOW) this.points.shift();
  }

  get highest() {
    return this.points.reduce((highest, { value }) => Math.max(highest, value), 1);
  }
}

/** The history of a name, which is begun where there is none. */
function historyOf(histories, name) {
  if (!histories.has(name)) histories.set(name, new History());
  return histories.get(name);
}

/** A line, and bars from below for errors; `highest` is the same for all that are to be compared. */
function draw(svg, { points }, highest, what) {
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    for (const name of ["area", "line", "errors"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      svg.append(path);
    }
  }
  const most = points.reduce((most, { errors }) => Math.max(most, errors), 1);
  let line = "", area = "", bars = "", all = 0, last = null;
  for (const { at, value, errors } of points) {
    const x = (WIDTH - 1 - (lastPoll - at) / span() * (WIDTH - 2)).toFixed(1);
    const y = (HEIGHT - 2 - value / highest * (HEIGHT - 5)).toFixed(1);
    // Where nobody has asked for long nothing is known.
    const isNext = last && at - last.at < 30_000;
    line += `${isNext ? "L" : "M"}${x} ${y}`;
    area += isNext ? `L${x} ${y}` : `${last ? `V${HEIGHT}Z` : ""}M${x} ${HEIGHT}V${y}`;
    if (errors) bars += `M${x} ${HEIGHT}v-${(6 + errors / most * (HEIGHT - 10)).toFixed(1)}`;
    all += errors;
    last = { at, value };
  }
  set(svg.children[0], "d", last ? `${area}V${HEIGHT}Z` : "");
  set(svg.children[1], "d", line);
  set(svg.children[2], "d", bars);
  set(svg, "aria-label", last
    ? `${what}: now ${rate(last.value)}, highest ${rate(Math.max(...points.map(each => each.value)))}; `
      + `${plural(all, "error")} in ${duration((lastPoll - points[0].at) / 1000)}`
    : "nothing measured yet");
}

// MARK: Backends

const filter = { words: [], problems: false };

function matches(pool, backend) {
  if (filter.problems && backend.state === "up") return false;
  const { name, address, state, why, check } = backend;
  const text = [pool.name, name, address, stateOf(state).words, why, check?.words, ...labelsOf(backend)].join("\n");
  return filter.words.every(word => text.toLowerCase().includes(word));
}

/** Why it is what it is, and what its last check said, where that is something else. */
function reason({ why, check }) {
  if (!check) return why ?? "";
  const { type, result, words, took, streak, needed } = check;
  let told = `${type} check ${result}`;
  if (why === words) told += streak > needed ? ` ${streak} times` : ` ${streak}/${needed}`;
  else if (words && words !== result) told += `: ${words}`;
  return `${why ? `${why} · ` : ""}${told}, took ${time(took)}`;
}

/** Numbers and charts are written for rows that are seen, or about to be; a state that changes, for all. */
const seen = new IntersectionObserver(entries => {
  for (const { target: { row }, isIntersecting } of entries) {
    row.isSeen = isIntersecting;
    if (isIntersecting) row.fill();
  }
}, { rootMargin: "200px" });

class BackendRow {
  detail = null;

  constructor(panel, name) {
    const { element, parts } = copy("backend-template");
    Object.assign(this, { panel, name, element, parts });
    element.row = this;
    for (const button of [parts.first, parts.second, parts.weight]) {
      button.addEventListener("click", () => change.ask(button.dataset.action, panel.name, name));
    }
    parts.open.addEventListener("click", () => this.toggle());
    seen.observe(element);
  }

  remove() {
    seen.unobserve(this.element);
    this.element.remove();
  }

  update(backend) {
    const { state, why, weight } = this.backend ?? {};
    this.backend = backend;
    if (this.isSeen || state !== backend.state || why !== backend.why || weight !== backend.weight) this.fill();
  }

  fill() {
    const { parts, panel, backend } = this;
    const { name, address, state, sessions, limit, weight, configuredWeight } = backend;
    const history = historyOf(panel.histories, name);
    const { tone } = stateOf(state);
    set(this.element, "data-tone", tone);
    writeState(parts.state, state);
    write(parts.since, `for ${since(backend.since)}`);
    set(parts.since, "title", `since ${moment(backend.since)} UTC`);
    write(parts.name, name);
    write(parts.address, address === null ? "no address yet" : address === name ? "" : address);
    list(parts.labels, [...backend.backup ? ["backup"] : [], ...labelsOf(backend)], "span");
    write(parts.why, reason(backend));
    set(parts.why, "data-tone", tone === "bad" ? tone : null);

    write(parts.sessions, against(sessions, limit));
    parts.gauge.hidden = !limit;
    if (limit) parts.fill.style.width = percent(Math.min(100, sessions / limit * 100));
    write(parts.rate, rate(panel.rateOf(backend) ?? history.rate));
    set(parts.rate, "data-label", panel.rateName);
    writeErrors(parts.errors, backend.rates?.errors ?? history.errorRate);
    for (const kind of ["connect", "firstByte", "session"]) write(parts[kind], pair(backend[kind]));

    const full = `${panel.name}/${name}`;
    write(parts.weight, count(weight));
    set(parts.weight, "aria-label", `Weight of ${full}: ${weight}. Change it`);
    write(parts.fileWeight, weight === configuredWeight ? "" : `file: ${configuredWeight}`);
    const actions = { drained: ["enable", "disable"], disabled: ["enable", "drain"] }[state] ?? ["drain", "disable"];
    [parts.first, parts.second].forEach((button, index) => {
      const { verb } = ACTIONS[actions[index]];
      write(button, verb);
      set(button, "data-action", actions[index]);
      set(button, "aria-label", `${verb} ${full}`);
    });
    if (this.detail) this.updateDetail();
    if (this.isSeen) draw(parts.chart, history, panel.highest, panel.chartName);
  }

  toggle() {
    if (this.detail) {
      this.detail.element.remove();
      this.detail = null;
    } else {
      this.detail = copy("detail-template");
      this.element.append(this.detail.element);
      this.updateDetail();
    }
    set(this.parts.open, "aria-expanded", this.detail !== null);
  }

  updateDetail() {
    const { backend, panel, detail: { element, parts } } = this;
    const { check, override, totals = {}, rates = {} } = backend;
    // A cell across columns that are hidden would make others.
    const columns = [...panel.parts.table.tHead.rows[0].cells].filter(cell => cell.getClientRects().length);
    set(element.firstElementChild, "colspan", columns.length || null);
    for (const kind of ["connect", "firstByte", "session"]) {
      const times = backend[kind] ?? {};
      const words = [count(times.count), ...[times.p50, times.p90, times.p99, times.p999].map(time)];
      words.forEach((text, index) => write(parts[kind].children[index + 1], text));
    }
    const changed = [override?.state, isNumber(override?.weight) && `weight ${override.weight}`].filter(Boolean);
    describe(parts.facts, [
      ["Address", backend.address ?? "not resolved yet"],
      ["State", `${stateOf(backend.state).words} since ${moment(backend.since)} UTC`],
      ["Last check", check ? `${check.type} ${check.result}: ${check.words || "no words"}` : "none"],
      ["Checked", check
        ? `${since(check.at)} ago, took ${time(check.took)}, ${check.streak} in a row, ${check.needed} needed` : DASH],
      ["Changes", `${plural(backend.changes ?? 0, "change")} of its verdict since the start`],
      ["Override", override ? `${changed.join(", ")} since ${moment(override.since)} UTC` : "none"],
      ["Weight", `${backend.weight}, in the file ${backend.configuredWeight}`],
      ["Since the start", `${plural(totals.sessions, panel.isHTTP ? "request" : "session")}, `
        + `${plural(totals.errors, "error")}, ${plural(totals.connectFailures, "failed connect")}`],
      ["Bytes", `${bytes(totals.bytesToBackend)} sent, ${bytes(totals.bytesFromBackend)} got`],
      ["Bytes a second", `${bytes(rates.bytesToBackend)} sent, ${bytes(rates.bytesFromBackend)} got`],
    ]);
  }
}

// MARK: Pools

class PoolPanel {
  static number = 0;
  rows = new Map();
  histories = new Map();
  history = new History();
  isOpen = false;

  constructor(name) {
    const { element, parts } = copy("pool-template");
    Object.assign(this, { name, element, parts });
    const id = `pool-${PoolPanel.number++}`;
    write(parts.name, name);
    parts.name.parentElement.id = id;
    set(element, "aria-labelledby", id);
    set(parts.table, "aria-labelledby", id);
    parts.moreButton.addEventListener("click", () => { this.isOpen = !this.isOpen; render(); });
  }

  /** Once for each poll. */
  remember(pool, isHTTP) {
    this.isHTTP = isHTTP;
    this.rateName = isHTTP ? "Requests/s" : "New/s";
    this.chartName = isHTTP ? "Requests a second" : "Sessions";
    this.history.add(lastPoll, pool, isHTTP);
    this.highest = 1;
    for (const backend of pool.backends) {
      const history = historyOf(this.histories, backend.name);
      history.add(lastPoll, backend, isHTTP);
      this.highest = Math.max(this.highest, history.highest);
    }
    const names = new Set(pool.backends.map(backend => backend.name));
    for (const name of this.histories.keys()) if (!names.has(name)) this.histories.delete(name);
  }

  rateOf({ rates }) {
    return (this.isHTTP && rates?.requests) || rates?.sessions;
  }

  /** How many of its backends match the filter. */
  update(pool) {
    const { parts, history } = this;
    const { eligible, total, weightLeft, backends, scheduler, totals = {}, rates = {} } = pool;
    set(this.element, "data-tone", stateOf(pool.state).tone);
    writeState(parts.state, pool.state);
    const standing = `${eligible} of ${total} eligible, ${percent(weightLeft)} of weight`;
    write(parts.standing, `${standing} · ${tally(backends)} · ${scheduler}`);
    write(parts.sessions, count(pool.sessions));
    write(parts.waiting, against(pool.waiting, pool.queueLimit));
    set(parts.waiting, "data-tone", pool.waiting > 0 ? "warn" : null);
    write(parts.rateName, this.rateName);
    write(parts.rate, rate(this.rateOf(pool) ?? history.rate));
    writeErrors(parts.errors, rates.errors ?? history.errorRate, "/s");
    write(parts.retries, count(totals.retries));
    write(parts.bytes, isNumber(rates.bytesToBackends)
      ? `${bytes(rates.bytesToBackends)}/s · ${bytes(rates.bytesFromBackends)}/s`
      : `${bytes(totals.bytesToBackends)} · ${bytes(totals.bytesFromBackends)}`);
    write(parts.queue, pair(pool.queue, " · "));
    write(parts.chartName, spanWords());
    write(parts.rateHead, this.rateName);
    draw(parts.chart, history, history.highest, this.chartName);
    return this.updateRows(pool);
  }

  updateRows(pool) {
    // Sorting is stable: among equals the file's order stays.
    const found = pool.backends.filter(backend => matches(pool, backend)).sort(worstFirst);
    const shown = this.isOpen ? found : found.slice(0, FEW);
    const names = new Set(shown.map(backend => backend.name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) { row.remove(); this.rows.delete(name); }
    }
    for (const backend of shown) {
      if (!this.rows.has(backend.name)) this.rows.set(backend.name, new BackendRow(this, backend.name));
      this.rows.get(backend.name).update(backend);
    }
    const { table, more, moreWords, moreButton } = this.parts;
    if (!isPointing() || table.tBodies.length !== shown.length) {
      arrange(table, shown.map(backend => this.rows.get(backend.name).element));
    }
    const rest = found.slice(shown.length);
    more.hidden = found.length <= FEW;
    write(moreWords, rest.length ? `${count(rest.length)} more: ${tally(rest)}.` : "");
    write(moreButton, this.isOpen ? `Show only ${FEW}` : `Show all ${count(found.length)}`);
    set(moreButton, "aria-label", `${moreButton.textContent} backends of ${this.name}`);
    this.element.hidden = !found.length && (filter.words.length > 0 || filter.problems);
    return found.length;
  }
}

// MARK: The page

let status = null;
let lastPoll = 0; // when the status came that is shown, by performance.now()
let firstPoll = 0; // of this process
let lastPointer = 0;
const pools = new Map();
const listeners = new Map();

/** Nothing moves away under a pointer that is about to press it. */
const isPointing = () => Date.now() - lastPointer < 1500;

/** A status that has just come. */
function take(next) {
  // Another process: its counts and events begin anew.
  if (status && status.startedAt !== next.startedAt) {
    for (const panel of pools.values()) panel.history = new History(), panel.histories.clear();
    for (const row of listeners.values()) row.history = new History();
    firstPoll = 0;
    log.restart(next.startedAt);
  }
  status = next;
  const at = performance.now();
  // A poll that an event has asked for is too close to the one before to be a point of a chart.
  const isPoint = !firstPoll || at - lastPoll > INTERVAL * 0.6;
  if (isPoint) lastPoll = at;
  firstPoll ||= at;
  keep(pools, next.pools, name => new PoolPanel(name));
  keep(listeners, next.listeners, name => {
    const row = { ...copy("listener-template"), history: new History() };
    write(row.parts.name, name);
    return row;
  });
  for (const pool of next.pools) {
    const users = next.listeners.filter(listener => listener.pools.includes(pool.name));
    const isHTTP = users.length > 0 && users.every(listener => listener.mode === "http");
    const panel = pools.get(pool.name);
    if (isPoint || !panel.rateName) panel.remember(pool, isHTTP);
  }
  if (isPoint) {
    for (const each of next.listeners) listeners.get(each.name).history.add(at, each, each.mode === "http");
  }
  render();
}

/** What is shown of each name: made for those that are new, removed with those that are gone. */
function keep(shown, those, begin) {
  const names = new Set(those.map(each => each.name));
  for (const [name, { element }] of shown) {
    if (!names.has(name)) { element.remove(); shown.delete(name); }
  }
  for (const name of names) if (!shown.has(name)) shown.set(name, begin(name));
}

function render() {
  if (!status) return;
  renderHeader();
  renderOverview();
  const order = status.pools.toSorted(worstFirst);
  const total = status.pools.reduce((sum, pool) => sum + pool.backends.length, 0);
  const found = order.reduce((sum, pool) => sum + pools.get(pool.name).update(pool), 0);
  if (!isPointing() || $("pool-list").children.length !== order.length) {
    arrange($("pool-list"), order.map(pool => pools.get(pool.name).element));
  }
  const isFiltered = filter.words.length || filter.problems;
  write($("matches"), (isFiltered ? `${count(found)} of ` : "") + plural(total, "backend"));
  renderListeners();
  change.update();
}

function renderHeader() {
  const { connections, configuration, state } = status;
  const last = configuration?.lastReload;
  write($("version"), status.version);
  write($("state"), state);
  set($("state"), "data-tone", state === "running" ? "good" : "warn");
  write($("uptime"), duration(status.uptime));
  set($("uptime"), "title", `process ${status.pid}, since ${moment(status.startedAt)} UTC`);
  write($("connections"), against(connections?.open, connections?.limit));
  write($("reload"), last ? `${last.result} ${since(last.at)} ago` : "none yet");
  set($("reload"), "data-tone", last?.result === "refused" ? "bad" : null);
  set($("reload"), "title", configuration && `${configuration.file}, loaded ${moment(configuration.loadedAt)} UTC`);
}

function renderOverview() {
  const backends = status.pools.flatMap(pool => pool.backends);
  const broken = status.pools.filter(pool => pool.state === "down" || pool.state === "panic");
  const out = backends.filter(backend => backend.state !== "up");
  const words = [];
  if (broken.length) words.push(`${plural(broken.length, "pool")} ${stateOf(broken[0].state).words}`);
  if (out.length) words.push(`${tally(out)} of ${plural(backends.length, "backend")}`);
  const worst = Math.min(9, ...out.map(backend => stateOf(backend.state).rank));
  const tone = broken.length || worst === 0 ? "bad" : worst < 5 ? "warn" : worst < 9 ? "own" : "good";
  const healthy = backends.length ? `All ${plural(backends.length, "backend")} up` : "No backends";
  write($("headline"), words.join(" · ") || healthy);
  set($("overview"), "data-tone", tone);
  list($("notices"), notices());
  showTab(words.join(" · ") || "all up", tone);
}

/** What is wrong beside the backends, which the tables below begin with. */
function notices() {
  const found = [];
  const say = (tone, words) => found.push({ tone, words });
  const { connections, configuration, state } = status;
  if (state !== "running") say("warn", `balancer is ${state}: it takes no new sessions, and ends when none is open.`);
  for (const { name, state, waiting, queueLimit } of status.pools) {
    if (state === "down") say("bad", `Pool ${name} has no eligible backend: its new sessions fail.`);
    if (state === "panic") say("bad", `Pool ${name} is in panic: too few are healthy, so all backends get sessions.`);
    if (waiting > 0) {
      say("warn", `${plural(waiting, "session waits", "sessions wait")} for a backend of pool ${name}, `
        + `at most ${count(queueLimit)} can.`);
    }
  }
  const last = configuration?.lastReload;
  if (last?.result === "refused") {
    const more = last.errors.length > 3 ? ` · and ${last.errors.length - 3} more` : "";
    say("bad", `The last reload was refused ${since(last.at)} ago, what ran before runs on: `
      + last.errors.slice(0, 3).join(" · ") + more);
  }
  for (const { name, sessions, limit } of status.listeners) {
    if (limit && sessions >= limit) say("warn", `Listener ${name} is full: more clients wait in its backlog.`);
  }
  if (connections?.limit && connections.open >= connections.limit * 0.9) {
    say("warn", `${count(connections.open)} of ${count(connections.limit)} connections are in use.`);
  }
  for (const { file, daysLeft } of status.certificates ?? []) {
    if (daysLeft < 0) say("bad", `The certificate in ${file} has expired.`);
    else if (daysLeft < 14) say("warn", `The certificate in ${file} ends in ${plural(Math.floor(daysLeft), "day")}.`);
  }
  return found;
}

/** The title and the icon of the tab. */
function showTab(words, tone) {
  document.title = `${words} – balancer ${location.host}`;
  const fill = { good: "#1a8a4c", warn: "#b7791f", bad: "#c8281e", own: "#5b4fc9" }[tone] ?? "#6b7684";
  const icon = `<svg xmlns="${SVG}" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${fill}"/></svg>`;
  set($("icon"), "href", `data:image/svg+xml,${encodeURIComponent(icon)}`);
}

function renderListeners() {
  for (const listener of status.listeners) {
    const { name, mode, tls, listen, pools, sessions, limit, totals = {}, rates = {}, session } = listener;
    const { parts, history } = listeners.get(name);
    const isHTTP = mode === "http";
    const perSecond = (rate, total) => isNumber(rate) ? `${bytes(rate)}/s` : bytes(total);
    write(parts.mode, tls ? `${mode}, TLS` : mode);
    list(parts.addresses, listen, "bdi");
    write(parts.pools, pools.join(", "));
    write(parts.sessions, against(sessions, limit));
    write(parts.rate, rate(((isHTTP && rates.requests) || rates.sessions) ?? history.rate)
      + (isHTTP ? " requests" : " sessions"));
    writeErrors(parts.errors, rates.errors ?? history.errorRate);
    write(parts.from, perSecond(rates.bytesFromClients, totals.bytesFromClients));
    write(parts.to, perSecond(rates.bytesToClients, totals.bytesToClients));
    write(parts.session, pair(session));
    draw(parts.chart, history, history.highest, isHTTP ? "Requests a second" : "Sessions");
  }
  arrange($("listener-rows"), status.listeners.map(listener => listeners.get(listener.name).element));
  write($("listeners-chart"), spanWords());
  $("listeners").hidden = !status.listeners.length;
}

// MARK: Polling

const poller = {
  pause: new Pause(),
  isBusy: false,
  isHasty: false,

  async run() {
    for (let failures = 0; ;) {
      const begun = performance.now();
      this.isBusy = true;
      this.isHasty = false;
      try {
        take(await ask("GET", "v1/status"));
        if (failures) log.pause.wake();
        failures = 0;
        showLink("good", "live");
        $("lost").hidden = true;
        document.body.classList.remove("stale");
      } catch (error) {
        if (error instanceof TokenNeeded) {
          await tokenDialog.ask();
          continue;
        }
        failures++;
        showLost(error);
      }
      this.isBusy = false;
      // A server with thousands of backends is not kept busy by those who look at it.
      const interval = Math.max(document.hidden ? HIDDEN_INTERVAL : INTERVAL, (performance.now() - begun) * 10);
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

function showLost(error) {
  const isKnown = error instanceof Refusal || error instanceof Unreachable;
  if (!isKnown) console.error(error);
  const why = isKnown ? error.message : "this page cannot show what it says";
  const then = status ? `What is below was so at ${moment(new Date(serverTime()).toISOString())} UTC. ` : "";
  showLink("bad", "connection lost");
  write($("lost-words"), `The connection to balancer is lost: ${why}. ${then}It is tried again and again.`);
  write($("retry"), "Try now");
  $("lost").hidden = false;
  document.body.classList.toggle("stale", status !== null);
  showTab("connection lost", "quiet");
}

// MARK: Events

const log = {
  pause: new Pause(),
  last: 0, // the id of the last event
  controller: new AbortController(),

  async run() {
    for (let wait = 1000; ;) {
      try {
        await this.follow(() => { wait = 1000; });
        this.show("lost, trying again");
      } catch (error) {
        this.show(error instanceof TokenNeeded ? "token needed" : "lost, trying again");
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
      silence = setTimeout(() => controller.abort(), SILENCE);
    };
    heard();
    try {
      const answer = await fetch("v1/events", {
        cache: "no-store", signal: controller.signal,
        headers: withToken({ Accept: "text/event-stream", "Last-Event-ID": String(this.last) }),
      });
      if (answer.status === 401) throw new TokenNeeded();
      if (!answer.ok) throw new Refusal(`status ${answer.status}`);
      opened();
      this.show("live");
      // What has been before is not read out, what comes is.
      setTimeout(() => set($("log"), "aria-live", "polite"), 1500);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return;
        heard();
        const blocks = (rest + value).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        if (rest.length > LONGEST_EVENT) throw new Refusal("an event without an end");
        this.add(blocks.map(parseEvent).filter(event => event && !(event.id <= this.last)));
      }
    } finally {
      clearTimeout(silence);
      controller.abort();
    }
  },

  add(events) {
    for (const { id } of events) if (isNumber(id)) this.last = id;
    $("log").prepend(...events.map(eventLine).reverse());
    while ($("log").children.length > MOST_EVENTS) $("log").lastElementChild.remove();
    if (events.length) poller.hasten();
  },

  /** The events of another process are counted anew. */
  restart(time) {
    this.last = 0;
    this.controller.abort();
    this.pause.wake();
    this.add([{ data: { time, level: "notice", message: "balancer has been started again" } }]);
  },

  show(words) {
    write($("events-link"), words);
    set($("events-link"), "data-tone", words === "live" ? "good" : "warn");
  },
};

/** One event, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it; null for a comment. */
function parseEvent(block) {
  const event = { kind: "message", id: NaN };
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.kind = value;
    if (field === "id") event.id = Number(value);
    if (field === "data") data.push(value);
  }
  if (!data.length) return null;
  try {
    event.data = JSON.parse(data.join("\n"));
  } catch {
    event.data = { level: "warning", message: `an event that is no JSON: ${data.join(" ")}` };
  }
  return event;
}

function eventLine({ kind, data }) {
  const level = String(data.level ?? "info");
  const when = make("time", moment(data.time).slice(5));
  when.dateTime = data.time ?? "";
  const more = [...data.errors ?? [], ...data.changes ?? []]; // of a reload
  const lines = [data.message ?? kind, ...more.slice(0, MOST_LINES)];
  if (more.length > MOST_LINES) lines.push(`and ${more.length - MOST_LINES} more`);
  const line = make("li", when, " ", make("b", level), " ", make("span", make("bdi", lines.join("\n"))));
  line.dataset.tone = data.to === "up" ? "good"
    : { critical: "bad", error: "bad", warning: "warn", notice: "own" }[level] ?? "quiet";
  return line;
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
  kind: null,

  ask(kind, pool, name) {
    Object.assign(this, { kind, pool, name, onRemove: "what onRemove of the pool says" });
    const isWeight = kind === "weight";
    const { weight, configuredWeight, override } = this.find().backend;
    $("change-weight").hidden = !isWeight;
    $("change-reset").hidden = !isWeight || !isNumber(override?.weight);
    $("weight").disabled = !isWeight;
    $("weight").value = weight;
    write($("change-error"), "");
    write($("change-reset"), `Back to the file's ${configuredWeight}`);
    write($("change-title"), isWeight ? `Set the weight of ${pool}/${name}` : `${ACTIONS[kind].verb} ${pool}/${name}?`);
    this.setBusy(false);
    this.update();
    this.dialog.showModal();
    // Not on the button that does it: a key held down a little longer would be a confirmation.
    (isWeight ? $("weight") : $("change-cancel")).focus();
    if (isWeight) $("weight").select();
    if (kind === "disable") this.lookUpRemoval(pool);
  },

  find() {
    const pool = status.pools.find(pool => pool.name === this.pool);
    return { pool, backend: pool?.backends.find(backend => backend.name === this.name) };
  },

  /** With every poll: what comes of it as things are now. */
  update() {
    if (!this.kind) return;
    const { pool, backend } = this.find();
    list($("change-effects"), backend ? this.effects(pool, backend) : ["This backend is no longer there."]);
  },

  effects(pool, { state, sessions, check, configuredWeight }) {
    const open = `Its ${plural(sessions, "open session")}`;
    const stay = sessions === 1 ? "stays until it ends by itself" : "stay until they end by themselves";
    const until = "This outlasts reloads, until it is enabled or balancer ends.";
    const last = pool.eligible === 1 && state === "up"
      ? [{ tone: "bad", words: `It is the last eligible backend of pool ${pool.name}: new sessions will fail.` }] : [];
    switch (this.kind) {
      case "drain":
        return ["It gets no new sessions.", `${open} ${stay}.`, "Its checks go on.", ...last, until];
      case "disable":
        return ["It gets no new sessions, and is no longer checked.", `${open}: ${this.onRemove}.`, ...last, until];
      case "enable":
        return [
          state === "disabled" ? "It is checked again, and gets sessions as soon as it is up."
            : "It gets new sessions again if it is up.",
          ...check?.result === "failed" ? [{ tone: "warn", words: `Its last check failed: ${check.words}` }] : [],
          "A weight that was set here stays."];
      default:
        return [`Its share of new sessions changes; with 0 it gets none. The file says ${configuredWeight}.`,
          `${open} ${stay}.`, "This outlasts reloads, until the file's weight is taken again or balancer ends."];
    }
  },

  async lookUpRemoval(name) {
    try {
      const { configuration } = await ask("GET", "v1/config");
      const { onRemove = "keep" } = configuration.pools?.[name] ?? {};
      this.onRemove = (onRemove === "keep" ? "kept until the end"
        : onRemove === "close" ? "closed at once" : `closed after ${onRemove.close}`) + " (onRemove of the pool)";
      this.update();
    } catch { /* The words without it are true as well. */ }
  },

  setBusy(isBusy) {
    $("change-do").disabled = $("change-reset").disabled = isBusy;
    if (this.kind) write($("change-do"), isBusy ? ACTIONS[this.kind].doing : ACTIONS[this.kind].verb);
  },

  async send(isReset) {
    const { kind, pool, name } = this;
    const path = `v1/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(name)}/${kind}`;
    this.setBusy(true);
    write($("change-error"), "");
    try {
      const after = await (kind !== "weight" ? ask("POST", path)
        : isReset ? ask("DELETE", path) : ask("PUT", path, { weight: $("weight").valueAsNumber }));
      // The answer has the backend as it is now.
      const { pool: { backends }, backend } = this.find();
      if (backend && after.name === name) backends[backends.indexOf(backend)] = after;
      this.dialog.close();
      render();
      write($("said"), `${pool}/${name} ${ACTIONS[kind].done}.`);
    } catch (error) {
      write($("change-error"), error instanceof Refusal ? `balancer refused: ${error.message}`
        : error instanceof TokenNeeded ? "The token is no longer accepted."
        : "balancer did not answer. Whether it was done is not known: look at the state when it is back.");
    }
    this.setBusy(false);
    poller.hasten();
  },
};

$("change").querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  change.send(false);
});
$("change-reset").addEventListener("click", () => change.send(true));
$("change-cancel").addEventListener("click", () => change.dialog.close());
// This comes a little later than the end: it may have been opened again.
change.dialog.addEventListener("close", () => { if (!change.dialog.open) change.kind = null; });

// MARK: The token

const tokenDialog = {
  dialog: $("token"),
  isNeeded: false,

  /** Resolves when there is another token to try. */
  ask() {
    change.dialog.close();
    showLink("warn", "token needed");
    write($("token-error"), token ? "That token is not the one." : "");
    $("token-text").value = "";
    this.isNeeded = true;
    if (!this.dialog.open) this.dialog.showModal();
    $("token-text").focus();
    return new Promise(resolve => { this.resolve = resolve; });
  },

  take(text) {
    // What a header cannot carry is no token.
    if (!/^[\x21-\x7E]+$/.test(text)) {
      write($("token-error"), "A token has no spaces and only characters of ASCII.");
      return;
    }
    token = text;
    sessionStorage.setItem("balancer-token", token);
    this.isNeeded = false;
    this.dialog.close();
    this.resolve();
    log.pause.wake();
  },
};

$("token").querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  tokenDialog.take($("token-text").value.trim());
});
$("token-cancel").addEventListener("click", () => tokenDialog.dialog.close());
tokenDialog.dialog.addEventListener("close", () => {
  if (!tokenDialog.isNeeded) return;
  write($("lost-words"), "This admin server wants its token before it says anything.");
  write($("retry"), "Enter the token");
  $("lost").hidden = false;
});

// MARK: Begin

$("filter").addEventListener("input", event => {
  filter.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  render();
});
$("problems").addEventListener("change", event => {
  filter.problems = event.target.checked;
  render();
});
$("retry").addEventListener("click", () => {
  if (tokenDialog.isNeeded) tokenDialog.dialog.showModal();
  else poller.pause.wake(), log.pause.wake();
});
$("pool-list").addEventListener("pointermove", () => { lastPointer = Date.now(); });
document.addEventListener("keydown", event => {
  const isPlain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isPlain || event.target.matches("input") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  $("filter").focus();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) poller.hasten(); });
addEventListener("online", () => { poller.pause.wake(); log.pause.wake(); });

write($("host"), location.host);
// A phone's first screen is for what is wrong.
if (matchMedia("(max-width: 52rem)").matches) $("events-fold").open = false;
keepTables(document.body);
poller.run();
log.run();
