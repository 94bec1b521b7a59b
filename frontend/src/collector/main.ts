// The collector's phone page: works a whole shift without network. All words come from the page (gettext).

import "./collector.css";
import { compressed } from "./photo";
import { call, send } from "./send";
import { all, drop, fact, keep, setFact, type Photo, type Waiting } from "./store";

type Entry = { edition: string; kind: string; class_name: string; code: string; name: string };
type Task = { id: number; case: { id: number; number: string; class_name: string; description: string }; purpose: string };

const API = "/api/v1/patrol";
const words: Record<string, string> = JSON.parse(document.getElementById("words")!.textContent!);
const $ = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
const form = $<HTMLFormElement>("#report");
let photos: Photo[] = [];
let place: GeolocationPosition | undefined;
let dictionary: Entry[] = [];

function say(text: string, tone: "good" | "bad" | "info" = "info"): void {
  const line = $("#say");
  line.textContent = text;
  line.dataset.tone = tone;
}

const full = (error: unknown) => error instanceof DOMException && error.name === "QuotaExceededError";

// Position

function watchPlace(): void {
  navigator.geolocation?.watchPosition(
    (found) => {
      place = found;
      $("#place").textContent = `${found.coords.longitude.toFixed(5)}, ${found.coords.latitude.toFixed(5)} ±${Math.round(found.coords.accuracy)} m`;
      void track(found);
    },
    () => ($("#place").textContent = words.noPlace!),
    { enableHighAccuracy: true, maximumAge: 5000 },
  );
}

let lastTrack = 0;
async function track(found: GeolocationPosition): Promise<void> {
  if (!(await fact("shift")) || Date.now() - lastTrack < 30_000) return;
  lastTrack = Date.now();
  const points = (await fact<object[]>("track")) ?? [];
  const { longitude: lon, latitude: lat, accuracy: accuracy_m } = found.coords;
  await setFact("track", [...points.slice(-4999), { at: new Date().toISOString(), lon, lat, accuracy_m }]);
}

// The class picker

async function loadDictionary(): Promise<void> {
  dictionary = (await fact<Entry[]>("dictionary")) ?? [];
  try {
    const response = await call(`${API}/dictionary`);
    if (response.ok) {
      dictionary = await response.json();
      await setFact("dictionary", dictionary);
    }
  } catch {
    // no network: the one that is kept serves
  }
  await showClasses("");
}

async function showClasses(wanted: string): Promise<void> {
  const recent = (await fact<string[]>("recent")) ?? [];
  const match = (entry: Entry) => entry.code.startsWith(wanted) || entry.name.includes(wanted);
  const rank = (entry: Entry) => (recent.indexOf(entry.kind + entry.code) + 1 || 99) * 2 + (entry.kind === "event" ? 0 : 1);
  const list = $("#classes");
  list.replaceChildren(
    ...dictionary
      .filter((entry) => !wanted || match(entry))
      .sort((a, b) => rank(a) - rank(b))
      .slice(0, 30)
      .map((entry) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = `${entry.name}`;
        button.title = `${entry.code} ${entry.class_name}`;
        button.dataset.kind = entry.kind;
        button.dataset.code = entry.code;
        button.dataset.edition = entry.edition;
        return button;
      }),
  );
}

let chosen: Entry | undefined;
$("#classes").addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest("button");
  if (!button) return;
  chosen = dictionary.find((entry) => entry.code === button.dataset.code && entry.kind === button.dataset.kind);
  for (const other of $("#classes").children) other.setAttribute("aria-pressed", String(other === button));
});
$<HTMLInputElement>("#class-search").addEventListener("input", (event) => {
  void showClasses((event.target as HTMLInputElement).value.trim());
});

// Photos

for (const input of document.querySelectorAll<HTMLInputElement>("input[type=file]"))
  input.addEventListener("change", async () => {
    for (const file of input.files ?? []) {
      photos.push({ kind: input.name, name: file.name || "photo.jpg", blob: await compressed(file), sent: false });
    }
    input.value = "";
    showPhotos();
  });

function showPhotos(): void {
  $("#photos").replaceChildren(
    ...photos.map((photo) => {
      const image = new Image();
      image.src = URL.createObjectURL(photo.blob);
      image.alt = photo.name;
      image.onload = () => URL.revokeObjectURL(image.src);
      return image;
    }),
  );
}

// Reporting

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!chosen) return say(words.chooseClass!, "bad");
  if (!place) return say(words.noPlace!, "bad");
  const key = crypto.randomUUID();
  const entry: Waiting = {
    key,
    made: Date.now(),
    what: "report",
    url: `${API}/cases`,
    body: {
      client_id: key,
      source: "collector",
      kind: chosen.kind,
      code: chosen.code,
      edition: chosen.edition,
      lon: place.coords.longitude,
      lat: place.coords.latitude,
      accuracy_m: place.coords.accuracy,
      description: $<HTMLTextAreaElement>("#description").value.trim(),
      self_handled: $<HTMLInputElement>("#self-handled").checked,
      observed_at: new Date().toISOString(),
    },
    photos,
    label: chosen.name,
    state: "waiting",
    message: "",
  };
  try {
    await keep(entry);
  } catch (error) {
    return say(full(error) ? words.full! : String(error), "bad"); // the form stays as it is
  }
  const recent = (await fact<string[]>("recent")) ?? [];
  const name = chosen.kind + chosen.code;
  await setFact("recent", [name, ...recent.filter((other) => other !== name)].slice(0, 12));
  photos = [];
  form.reset();
  showPhotos();
  say(words.kept!, "good");
  await sendAll();
});

async function sendAll(): Promise<void> {
  await showWaiting();
  if (!navigator.onLine) return;
  const outcome = await send(() => void showWaiting());
  if (outcome === "signed-out") say(words.signIn!, "bad");
  if (outcome === "done") await sendTrack();
  await showWaiting();
}

async function sendTrack(): Promise<void> {
  const points = (await fact<object[]>("track")) ?? [];
  if (!points.length) return;
  try {
    const response = await call(`${API}/shift/track`, JSON.stringify(points), { "Content-Type": "application/json" });
    if (response.ok) await setFact("track", []);
  } catch {
    // no network: kept
  }
}

async function showWaiting(): Promise<void> {
  const entries = await all();
  const open = entries.filter((entry) => entry.state !== "sent").length;
  $("#badge").textContent = open ? String(open) : "";
  $("#queue").replaceChildren(
    ...entries
      .slice(-100)
      .reverse()
      .map((entry) => {
        const line = document.createElement("li");
        line.dataset.state = entry.state;
        const text = document.createElement("span");
        text.textContent = `${new Date(entry.made).toLocaleString()} · ${entry.label}`;
        const state = document.createElement("b");
        state.textContent = `${words[entry.state] ?? entry.state}${entry.message ? ` · ${entry.message}` : ""}`;
        line.append(text, state);
        if (entry.state === "refused" || entry.state === "sent") {
          const remove = document.createElement("button");
          remove.type = "button";
          remove.textContent = words.remove!;
          remove.onclick = async () => {
            await drop(entry.key);
            await showWaiting();
          };
          line.append(remove);
        }
        return line;
      }),
  );
}

// Tasks: verify before filing (核实), check after handling (核查)

async function loadTasks(): Promise<void> {
  let tasks = (await fact<Task[]>("tasks")) ?? [];
  try {
    const response = await call(`${API}/tasks`);
    if (response.ok) {
      tasks = await response.json();
      await setFact("tasks", tasks);
    }
  } catch {
    // no network: the last ones seen
  }
  // by task: after a rework the same case comes to be checked again
  const answered = new Set((await all()).filter((entry) => entry.what === "step").map((entry) => (entry.body as { task?: number }).task));
  const open = tasks.filter((task) => !answered.has(task.id));
  const list = $("#tasks");
  // a line that is there stays as it is: somebody may be writing in it while the network answers
  const there = new Map([...list.querySelectorAll<HTMLElement>("li[data-task]")].map((line) => [line.dataset.task!, line]));
  if (open.length === there.size && open.every((task) => there.has(String(task.id)))) return;
  const template = $<HTMLTemplateElement>("#task");
  list.replaceChildren(
    ...open.map((task) => {
      const known = there.get(String(task.id));
      if (known) return known;
      const line = template.content.firstElementChild!.cloneNode(true) as HTMLElement;
      line.dataset.task = String(task.id);
      line.querySelector("b")!.textContent = `${words[task.purpose]} · ${task.case.number} ${task.case.class_name}`;
      line.querySelector("p")!.textContent = task.case.description;
      const file = line.querySelector<HTMLInputElement>("input[type=file]")!;
      file.onchange = () => line.querySelector(".pick")!.classList.toggle("picked", Boolean(file.files?.length));
      for (const button of line.querySelectorAll("button"))
        button.onclick = () => void answer(task, button.dataset.yes === "1", line);
      return line;
    }),
  );
}

async function answer(task: Task, yes: boolean, line: HTMLElement): Promise<void> {
  const results = task.purpose === "verify" ? ["true", "false"] : ["passed", "failed"];
  const file = line.querySelector<HTMLInputElement>("input[type=file]")!.files?.[0];
  const picture = file && { kind: "photos", name: file.name, blob: await compressed(file), sent: false };
  await keep({
    key: crypto.randomUUID(),
    made: Date.now(),
    what: "step",
    url: `${API}/cases/${task.case.id}/steps/${task.purpose}`,
    body: {
      case: task.case.id,
      task: task.id,
      result: yes ? results[0] : results[1],
      note: line.querySelector<HTMLInputElement>("input[type=text]")!.value,
      lon: place?.coords.longitude,
      lat: place?.coords.latitude,
    },
    photos: picture ? [picture] : [],
    label: `${task.purpose} ${task.case.number}`,
    state: "waiting",
    message: "",
  });
  await sendAll();
  await loadTasks();
}

// Shift and my figures

async function turnShift(start: boolean): Promise<void> {
  await setFact("shift", start);
  await keep({
    key: crypto.randomUUID(),
    made: Date.now(),
    what: "shift",
    url: `${API}/shift/${start ? "start" : "end"}`,
    body: { at: new Date().toISOString(), lon: place?.coords.longitude, lat: place?.coords.latitude },
    photos: [],
    label: start ? words.shiftStart! : words.shiftEnd!,
    state: "waiting",
    message: "",
  });
  await sendAll();
  await showMe();
}

async function showMe(): Promise<void> {
  let me = (await fact<Record<string, unknown>>("me")) ?? {};
  try {
    const response = await call(`${API}/me`);
    if (response.ok) {
      me = await response.json();
      await setFact("me", me);
      await setFact("shift", me.shift_started_at !== null);
    }
  } catch {
    // no network
  }
  const on = Boolean(await fact("shift"));
  $("#shift-start").hidden = on;
  $("#shift-end").hidden = !on;
  $("#today").textContent = String(me.reported_today ?? "—");
  $("#month").textContent = String(me.reported_this_month ?? "—");
  $("#rate").textContent = me.valid_rate == null ? "—" : `${Number(me.valid_rate).toFixed(1)}%`;
  $("#quota").textContent = me.quota ? String(me.quota) : "—";
}

$("#shift-start").onclick = () => void turnShift(true);
$("#shift-end").onclick = () => void turnShift(false);

// Tabs, network, service worker

for (const tab of document.querySelectorAll<HTMLButtonElement>("[data-tab]"))
  tab.onclick = () => {
    for (const other of document.querySelectorAll<HTMLElement>("[data-tab]")) other.ariaSelected = String(other === tab);
    for (const pane of document.querySelectorAll<HTMLElement>("[data-pane]")) pane.hidden = pane.dataset.pane !== tab.dataset.tab;
    if (tab.dataset.tab === "tasks") void loadTasks();
    if (tab.dataset.tab === "me") void showMe();
  };

function showNetwork(): void {
  document.body.dataset.network = navigator.onLine ? "on" : "off";
  if (navigator.onLine) void sendAll();
}

addEventListener("online", showNetwork);
addEventListener("offline", showNetwork);
setInterval(() => void sendAll(), 30_000);
void navigator.storage?.persist?.();
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/m/sw.js", { scope: "/m/" });
watchPlace();
showNetwork();
void loadDictionary();
void loadTasks();
void showMe();
void showWaiting();
