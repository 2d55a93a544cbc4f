// The page of the HTTP port: what the API of the same server says, and nothing else. All that comes from the server or a user is
// inserted as text.

const METRICS_INTERVAL_MS = 2000;
const PROFILES_INTERVAL_MS = 5000;
const SAMPLES_SHOWN = 60;   // 2 minutes
const QUANTILE_SAMPLES = 5; // a quantile is of the calls of the last 10 seconds
const TIMEOUT_MS = 60000;
const STATUS_MS = 10000;

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- the server ----

const token = () => sessionStorage.getItem("token") || "";

class Refusal extends Error {}

// The body as JSON, or as text where `read` is "text". Throws a Refusal, whose message can be shown.
async function ask(path, { method = "GET", body, read = "json" } = {}) {
  const headers = {};
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS),
                                   body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal("The server does not answer.");
  }
  if (response.ok) return response[read]();
  const said = (await response.json().catch(() => ({}))).error || `HTTP status ${response.status}`;
  if (response.status === 401) {
    throw new Refusal(`${token() ? "The server does not know this token" : "The server asks for a token: enter one under Access"} (401: ${said}).`);
  }
  if (response.status === 403) throw new Refusal(`This needs a role that you do not have (403: ${said}).`);
  throw new Refusal(`${said} (${response.status})`);
}

// Problems by what they are about, so that a success takes away its own only.
const problems = new Map();

function setProblem(about, message) {
  if (message) problems.set(about, message);
  else problems.delete(about);
  const text = [...new Set(problems.values())].join(" ");
  if (byId("problem").textContent !== text) byId("problem").textContent = text; // an alert is read out when it changes
  byId("problem").hidden = !text;
}

let forgetting = 0;

// Says how something went, for some seconds.
function say(text) {
  clearTimeout(forgetting);
  byId("status").textContent = text;
  forgetting = setTimeout(() => { byId("status").textContent = ""; }, STATUS_MS);
}

// Runs `work`; shows why the server refused it. Returns whether it was done.
async function attempt(about, work) {
  try {
    await work();
    setProblem(about, "");
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    setProblem(about, error.message);
    return false;
  }
}

// ---- numbers ----

const NONE = "–"; // in place of a number that is not there
const digits = (value, count) => value.toLocaleString("en", { minimumFractionDigits: count, maximumFractionDigits: count });
const rounded = (value) => digits(value, value >= 100 || value === 0 ? 0 : value >= 10 ? 1 : 2);
const percent = (share) => share === undefined ? NONE : `${digits(100 * share, 2)} %`;

// ---- tables: [{name, number}] and rows of cells, each a string or an element; the first heads its row ----

function table(caption, columns, rows) {
  const head = element("tr", { role: "row" }, ...columns.map((column) =>
    element("th", { scope: "col", role: "columnheader", class: column.number ? "number" : "" }, column.name)));
  const body = rows.map((cells) => element("tr", { role: "row" }, ...cells.map((cell, i) => i === 0 ?
    element("th", { scope: "row", role: "rowheader" }, cell) :
    element("td", { role: "cell", "data-name": columns[i].name, class: (columns[i].number ? "number " : "") + (cell === NONE ? "none" : "") }, cell))));
  return element("table", { role: "table" }, element("caption", {}, caption),
                 element("thead", { role: "rowgroup" }, head), element("tbody", { role: "rowgroup" }, ...body));
}

function withNote(main, note) {
  const cell = element("span", {}, main);
  if (note) cell.append(element("span", { class: "note" }, note));
  return cell;
}

// ---- profiles ----

let shownProfiles = "";

async function refreshProfiles() {
  const listed = await ask("v1/profiles");
  byId("model").textContent =
    `${listed.model}, revision ${listed.modelRevision}: ${listed.labels.join(", ")}; at most ${digits(listed.maxTokens, 0)} tokens`;
  const now = JSON.stringify(listed);
  if (now === shownProfiles) return; // what has the focus keeps it
  shownProfiles = now;
  const focused = document.activeElement?.dataset?.profile;
  byId("profile-table").replaceChildren(profileTable(listed.profiles));
  if (focused) (byId("profile-table").querySelector(`button[data-profile="${CSS.escape(focused)}"]`) || byId("profiles-heading")).focus();
}

function profileTable(profiles) {
  const columns = [{ name: "Profile" }, { name: "State" }, { name: "Agreement", number: true }, { name: "Accuracy", number: true },
                   { name: "Tokens/s", number: true }, { name: "Weights", number: true }, { name: "Default" }];
  const rows = profiles.map((profile) => {
    const mebibytes = Number(profile.weightBytes) / 2 ** 20;
    const speed = profile.expectedTokensPerSecond;
    return [withNote(profile.name, profile.summary),
            withNote(element("span", { class: profile.state }, profile.state), profile.reason),
            withNote(percent(profile.agreement), profile.state === "READY" && profile.agreement === undefined ? profile.qualityReason : ""),
            percent(profile.accuracy), speed === undefined ? NONE : digits(speed, 0),
            mebibytes > 0 ? `${digits(mebibytes, 1)} MiB` : NONE, defaultCell(profile)];
  });
  return table("Agreement with the baseline and accuracy are measured on the model's sample when a profile is loaded; " +
               "tokens per second are an estimate from the same run.", columns, rows);
}

function defaultCell(profile) {
  if (profile.isDefault) return "the default";
  if (profile.state !== "READY") return NONE;
  const button = element("button", { type: "button", "data-profile": profile.name, "aria-label": `Make ${profile.name} the default` },
                         "Make default");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const done = await attempt("default", async () => {
      await ask(`v1/profiles/${encodeURIComponent(profile.name)}:setDefault`, { method: "POST", body: {} });
      say(`${profile.name} is the default now, for requests that name no profile.`);
      await refreshProfiles();
    });
    button.disabled = false;
    (done ? byId("profiles-heading") : button).focus(); // a button that is disabled, or gone, has it no more
  });
  return button;
}

// ---- comparison ----

function comparisonTable(response) {
  const columns = [{ name: "Profile" }, { name: "Label" }, { name: "Score" }, { name: "Milliseconds", number: true },
                   { name: "Time, baseline = 1", number: true }];
  const rows = response.comparisons.map((one) => {
    if (!one.classification) return [one.profile, withNote(NONE, one.status?.message || ""), NONE, NONE, NONE];
    const moved = one.sameLabel === false;
    const fill = element("i");
    fill.style.width = `${Math.min(100, Math.max(0, 100 * one.classification.score))}%`;
    const score = element("span", {}, digits(one.classification.score, 4), element("span", { class: "bar", "aria-hidden": "true" }, fill));
    return [one.profile, withNote(element("span", { class: moved ? "moved" : "" }, one.classification.label), moved ? "not the baseline's label" : ""),
            score, digits(Number(one.inferNs) / 1e6, 2), one.timeRatio === undefined ? NONE : digits(one.timeRatio, 2)];
  });
  return table("The same text by each profile that is ready; of three runs the fastest counts.", columns, rows);
}

byId("try-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const item = { text: byId("text").value };
  if (byId("pair").value) item.textPair = byId("pair").value;
  button.disabled = true;
  say("Classifying …");
  const done = await attempt("compare", async () => {
    const response = await ask(`v1/compare?timeout_ms=${TIMEOUT_MS}`, { method: "POST", body: { item, truncation: "TRUNCATION_RIGHT" } });
    byId("comparison").replaceChildren(comparisonTable(response));
    const answers = response.comparisons.filter((one) => one.classification).map((one) => `${one.profile}: ${one.classification.label}`);
    say(`Classified. ${answers.join("; ")}.`);
  });
  if (!done) say("");
  button.disabled = false;
});

byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("try-form").requestSubmit();
});

// ---- metrics ----

// Calls take(name, labels, value) for each sample of a page in Prometheus' text format.
export function parseMetrics(page, take) {
  for (const line of page.split("\n")) {
    const found = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, key, value] of (found[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value;
    take(found[1], labels, found[3] === "+Inf" ? Infinity : Number(found[3]));
  }
}

const CLASSIFYING = new Set(["Classify", "ClassifyStream", "Compare"]); // not the calls of this page

// What is shown of a page of metrics: counters as they stand.
export function readSample(page, seconds) {
  const sample = { seconds, items: 0, refused: 0, calls: 0, queued: 0, capacity: 0, oldest: 0, load: 0, build: "", buckets: new Map() };
  const takes = {
    roberta_items_total: (labels, value) => { if (labels.outcome === "answered") sample.items += value; },
    roberta_requests_total: (labels, value) => {
      if (!CLASSIFYING.has(labels.method)) return;
      sample.calls += value;
      if (labels.code !== "OK" && labels.code !== "CANCELLED") sample.refused += value;
    },
    roberta_request_duration_seconds_bucket: (labels, value) => {
      if (labels.method !== "Classify") return;
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      sample.buckets.set(bound, (sample.buckets.get(bound) || 0) + value);
    },
    roberta_queue_items: (labels, value) => { sample.queued += value; },
    roberta_queue_capacity_items: (labels, value) => { sample.capacity = value; },
    roberta_queue_oldest_age_seconds: (labels, value) => { sample.oldest = value; },
    roberta_load_ratio: (labels, value) => { sample.load = value; },
    roberta_build_info: (labels) => { sample.build = `version ${labels.version}, ${labels.git}, ${labels.isa}`; },
  };
  parseMetrics(page, (name, labels, value) => takes[name]?.(labels, value));
  return sample;
}

// Seconds below which the share `q` of the calls between two samples stayed, within a bucket's width; undefined without calls.
export function quantile(before, now, q) {
  const bounds = [...now.buckets.keys()].sort((a, b) => a - b);
  const counts = bounds.map((bound) => now.buckets.get(bound) - (before.buckets.get(bound) || 0));
  const total = counts.at(-1);
  if (!(total > 0)) return undefined;
  const i = counts.findIndex((count) => count >= q * total);
  const low = i > 0 ? bounds[i - 1] : 0, below = i > 0 ? counts[i - 1] : 0;
  if (bounds[i] === Infinity) return low; // it is above the largest bound
  return low + (bounds[i] - low) * (q * total - below) / (counts[i] - below);
}

const rate = (field) => (now, before) => (now[field] - before[field]) / (now.seconds - before.seconds);
const milliseconds = (q) => (now, before, earlier) => {
  const seconds = quantile(earlier, now, q);
  return seconds === undefined ? undefined : 1000 * seconds;
};
const TILES = [
  { name: "Texts", unit: "/s", of: rate("items") },
  { name: "Calls", unit: "/s", of: rate("calls") },
  { name: "Calls that failed", unit: "/s", of: rate("refused") },
  { name: "Latency, median", unit: "ms", of: milliseconds(0.5) },
  { name: "Latency, p99", unit: "ms", of: milliseconds(0.99) },
  { name: "Texts that wait", unit: "", of: (now) => now.queued, show: (value) => digits(value, 0) },
  { name: "Oldest waits", unit: "ms", of: (now) => 1000 * now.oldest },
  { name: "Load", unit: "", of: (now) => 100 * now.load, show: (value) => `${digits(value, 0)} %` },
];

function makeTile(tile) {
  const namespace = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(namespace, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${SAMPLES_SHOWN - 1} 100`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" })) {
    picture.setAttribute(key, value);
  }
  const area = document.createElementNS(namespace, "polygon"), line = document.createElementNS(namespace, "polyline");
  picture.append(area, line);
  const number = element("span", {}, NONE), value = element("span", { class: "value" }, number);
  if (tile.unit) value.append(" ", element("small", {}, tile.unit));
  const history = [];
  return {
    root: element("dl", { class: "tile" }, element("dt", {}, tile.name), element("dd", {}, value, picture)),
    add(latest) {
      history.push(latest);
      if (history.length > SAMPLES_SHOWN) history.shift();
      number.textContent = latest === undefined ? NONE : (tile.show || rounded)(latest);
      const most = Math.max(...history.map((one) => one ?? 0), 1e-9);
      const first = SAMPLES_SHOWN - history.length;
      const points = history.map((one, i) => `${first + i},${98 - 94 * (one ?? 0) / most}`);
      line.setAttribute("points", points.join(" "));
      area.setAttribute("points", `${first},100 ${points.join(" ")} ${SAMPLES_SHOWN - 1},100`);
    },
  };
}

const tiles = TILES.map((tile) => ({ ...makeTile(tile), of: tile.of }));
let samples = [];

async function refreshMetrics() {
  const now = readSample(await ask("metrics", { read: "text" }), performance.now() / 1000);
  byId("build").textContent = now.build;
  const before = samples.at(-1);
  if (before && now.calls < before.calls) samples = []; // the server has begun anew
  samples.push(now);
  samples = samples.slice(-QUANTILE_SAMPLES - 1);
  if (samples.length > 1) for (const tile of tiles) tile.add(tile.of(now, before, samples[0]));
}

// ---- what runs ----

// Again and again, while somebody looks.
async function repeat(about, work, interval) {
  for (;;) {
    if (!document.hidden) await attempt(about, work);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

byId("access-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value.trim());
  byId("token").value = "";
  useNewAccess(token() ? "The token is used from now on." : "There is no token.");
});
byId("forget").addEventListener("click", () => {
  sessionStorage.removeItem("token");
  byId("token").value = "";
  useNewAccess("The token is forgotten.");
});

async function useNewAccess(said) {
  say(said);
  problems.clear();
  await attempt("profiles", refreshProfiles);
  await attempt("metrics", refreshMetrics);
}

byId("tiles").replaceChildren(...tiles.map((tile) => tile.root));
repeat("profiles", refreshProfiles, PROFILES_INTERVAL_MS);
repeat("metrics", refreshMetrics, METRICS_INTERVAL_MS);
