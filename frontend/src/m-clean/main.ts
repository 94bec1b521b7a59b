// A whole road check on a phone, without network: arrive, six points with photos and bags, hand in when it is back.
// All words come from the page (gettext).

import "./style.css";
import { compressed, takenAt } from "../collector/photo";
import { bluetooth, byBluetooth, bySerial, serial } from "./scale";
import { all, drop, fact, keep, setFact, type Reading, type Taken, type Waiting } from "./store";

type Planned = { number: number; lon: number; lat: number; side: string; lane: string };
type Item = {
  id: number;
  day: string;
  order: number;
  road: string;
  line: [number, number][];
  points: Planned[];
  mates: { id: number; name: string }[];
  done: boolean;
  geofence_m: number;
  move_bound_m: number;
  frame_area_m2: string;
  max_wind_ms?: string | null;
};
type Scale = { code: string; name: string; calibrations: [from: string, until: string, passed: boolean][] };
type Draft = {
  scale?: string;
  said?: Record<string, string>; // weather, surface and what else stands in the form
  arrived_at?: string;
  lon?: number;
  lat?: number;
  accuracy?: number;
  points: Record<number, Taken>;
};
type ToSign = { id: number; road: string; inspector: string; done_at: string; points: number; weather: string };

const API = "/api/v1/cleanliness";
const words: Record<string, string> = JSON.parse(document.getElementById("words")!.textContent!);
const scales: Scale[] = JSON.parse(document.getElementById("scales")!.textContent!);
const SAID = ["weather", "surface", "wind", "exclusion", "area", "witness"];
const [MOST, MOST_BYTES] = [24, 2_000_000]; // photos of one request
const STIR = 15; // metres that a position may differ without being a moved point
const $ = <T extends HTMLElement = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
const value = (id: string) => $<HTMLInputElement>(`#${id}`).value;
let place: GeolocationPosition | undefined;
let items: Item[] = [];
let item: Item | undefined;
let draft: Draft = { points: {} };

function say(text: string, tone: "good" | "bad" | "" = ""): void {
  $("#say").textContent = text;
  $("#say").dataset.tone = tone;
  if (tone === "bad") $("#say").scrollIntoView({ block: "center" });
}
const put = (text: string, ...what: unknown[]) => what.reduce<string>((said, one) => said.replace("%s", String(one)), text);

async function call(url: string, body?: BodyInit, type?: string): Promise<Response> {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  const headers: Record<string, string> = { "X-CSRFToken": token, Accept: "application/json" };
  if (type) headers["Content-Type"] = type;
  return fetch(url, { method: body === undefined ? "GET" : "POST", body, headers, redirect: "error" });
}

// The way on the ground, flat near the road

const DEGREE = 111_195;
function metres(a: [number, number], b: [number, number]): number {
  return Math.hypot((a[0] - b[0]) * Math.cos((a[1] * Math.PI) / 180), a[1] - b[1]) * DEGREE;
}
function fromLine(p: [number, number], line: [number, number][]): number {
  const k = Math.cos((p[1] * Math.PI) / 180);
  const flat = (q: [number, number]): [number, number] => [(q[0] - p[0]) * k * DEGREE, (q[1] - p[1]) * DEGREE];
  let best = Infinity;
  for (let i = 1; i < line.length; i++) {
    const [a, b] = [flat(line[i - 1]!), flat(line[i]!)];
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const square = dx * dx + dy * dy;
    const t = square ? Math.max(0, Math.min(1, -(a[0] * dx + a[1] * dy) / square)) : 0;
    best = Math.min(best, Math.hypot(a[0] + t * dx, a[1] + t * dy));
  }
  return best;
}

function draw(): void {
  if (!item) return;
  const canvas = $<HTMLCanvasElement>("#map");
  const pen = canvas.getContext("2d")!;
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--ch-${name}`).trim();
  const [lons, lats] = [item.line.map((p) => p[0]), item.line.map((p) => p[1])];
  const [west, south] = [Math.min(...lons), Math.min(...lats)];
  const k = Math.cos((south * Math.PI) / 180);
  const scale = Math.min(620 / ((Math.max(...lons) - west) * k || 1e-6), 300 / (Math.max(...lats) - south || 1e-6));
  const at = (lon: number, lat: number): [number, number] => [50 + (lon - west) * k * scale, 350 - (lat - south) * scale];
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineWidth = 8;
  pen.lineJoin = "round";
  pen.strokeStyle = colour("line-strong");
  pen.beginPath();
  item.line.forEach((p, i) => (i ? pen.lineTo(...at(...p)) : pen.moveTo(...at(...p))));
  pen.stroke();
  pen.font = "bold 22px sans-serif";
  for (const p of item.points) {
    const [x, y] = at(p.lon, p.lat);
    pen.fillStyle = draft.points[p.number] && complete(draft.points[p.number]!) ? colour("good") : colour("seal");
    pen.beginPath();
    pen.arc(x, y + (p.side === "left" ? -20 : 20), 15, 0, 7);
    pen.fill();
    pen.fillStyle = "#fff";
    pen.fillText(String(p.number), x - 6, y + (p.side === "left" ? -12 : 28));
  }
  if (place) {
    pen.fillStyle = colour("info");
    pen.fillRect(...(at(place.coords.longitude, place.coords.latitude).map((v) => v - 7) as [number, number]), 14, 14);
  }
}

// The day

async function loadDay(): Promise<void> {
  items = (await fact<Item[]>("day")) ?? [];
  try {
    const response = await call(`${API}/day`);
    if (response.ok) {
      items = await response.json();
      await setFact("day", items);
    }
  } catch {
    // no network: the day that is kept serves
  }
  await showDay();
  await showToSign();
}

// The second signature: what a mate of one's team has handed in

async function showToSign(): Promise<void> {
  let waiting: ToSign[] = [];
  try {
    const response = await call(`${API}/to-sign`);
    if (response.ok) waiting = await response.json();
  } catch {
    // no network: a signature is given at the centre, so it waits
  }
  $("#signing").hidden = !waiting.length;
  $("#to-sign").replaceChildren(
    ...waiting.map((one) => {
      const row = document.createElement("li");
      const name = document.createElement("b");
      name.textContent = one.road;
      const note = document.createElement("div");
      const at = new Date(one.done_at).toLocaleString(document.documentElement.lang, { timeZone: "Asia/Shanghai", hour12: false });
      note.textContent = `${one.inspector} · ${at} · ${one.points} × ${words.point} · ${one.weather}`;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "primary";
      button.textContent = words.sign!;
      button.addEventListener("click", () => void sign(one, button));
      row.append(name, note, button);
      return row;
    }),
  );
}

async function sign(one: ToSign, button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    const response = await call(`${API}/checks/${one.id}/sign`, "");
    if (response.ok) say(put(words.signed!, one.road), "good");
    else say((await response.json()).message ?? String(response.status), "bad");
    await showToSign();
  } catch {
    say(words.signLater!, "bad");
    button.disabled = false;
  }
}

async function showDay(): Promise<void> {
  const waiting = await all();
  const rows = items.map((one) => {
    const mine = waiting.filter((entry) => entry.item === one.id).at(-1);
    const row = document.createElement("li");
    row.dataset.state = mine?.state ?? (one.done ? "done" : "open");
    const button = document.createElement("button");
    button.type = "button";
    const name = document.createElement("b");
    name.textContent = `${one.order}. ${one.road}`;
    const note = document.createElement("div");
    note.textContent = mine ? `${words[mine.state]} ${mine.message}` : one.done ? words.sent! : `${one.points.length} × ${words.point}`;
    button.append(name, note);
    button.addEventListener("click", () => void openItem(one));
    row.append(button);
    return row;
  });
  if (!rows.length) {
    const row = document.createElement("li");
    row.textContent = words.none!;
    rows.push(row);
  }
  $("#list").replaceChildren(...rows);
}

// One road

async function openItem(one: Item): Promise<void> {
  const mine = (await all()).filter((entry) => entry.item === one.id);
  if (one.done || mine.some((entry) => entry.state !== "refused")) return;
  item = one;
  draft = (await fact<Draft>(`draft-${one.id}`)) ?? { points: {} };
  $("#road").textContent = one.road;
  $<HTMLFormElement>("#form").reset();
  $<HTMLInputElement>("#area").value = one.frame_area_m2;
  $("#witness").replaceChildren(...one.mates.map((mate) => new Option(mate.name, String(mate.id))));
  for (const [id, text] of Object.entries(draft.said ?? {})) $<HTMLInputElement>(`#${id}`).value = text;
  remarkOnFrame();
  $("#roads").hidden = true;
  $("#check").hidden = false;
  $("#form").hidden = !draft.arrived_at;
  $("#arrive").hidden = Boolean(draft.arrived_at);
  say(mine.at(-1)?.message ?? "", "bad");
  offerScales();
  $("#points").replaceChildren(...one.points.map(pointForm));
  draw();
}
function remarkOnFrame(): void {
  const entered = $<HTMLInputElement>("#area").value;
  const other = item !== undefined && entered !== "" && Number(entered) !== Number(item.frame_area_m2);
  $("#area-remark").textContent = other ? put(words.otherFrame!, item!.frame_area_m2) : "";
}
$("#area").addEventListener("input", remarkOnFrame);

$("#back").addEventListener("click", () => {
  item = undefined;
  $("#roads").hidden = false;
  $("#check").hidden = true;
  void showDay();
});

$("#arrive").addEventListener("click", async () => {
  if (!item || !place) return say(words.noPlace!, "bad");
  const here: [number, number] = [place.coords.longitude, place.coords.latitude];
  const off = fromLine(here, item.line);
  if (off > item.geofence_m) return say(put(words.tooFar!, Math.round(off)), "bad");
  draft = { ...draft, arrived_at: new Date().toISOString(), lon: here[0], lat: here[1], accuracy: place.coords.accuracy };
  await setFact(`draft-${item.id}`, draft);
  $("#form").hidden = false;
  $("#arrive").hidden = true;
});

for (const id of SAID)
  $(`#${id}`).addEventListener("change", () => {
    draft.said = { ...draft.said, [id]: value(id) };
    void changed();
  });

// A scale out of calibration may not weigh: the latest certificate of or before today counts, a failed one ends earlier ones.

function fit(scale: Scale): boolean {
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai" }).format(new Date());
  const last = scale.calibrations.find(([from]) => from <= today);
  return last !== undefined && last[2] && today <= last[1];
}
function offerScales(): void {
  const first = $<HTMLSelectElement>("#scale").options[0]!;
  const offered = scales.map((one) => new Option(`${one.name} ${one.code}${fit(one) ? "" : ` · ${words.unfit}`}`, one.code));
  $<HTMLSelectElement>("#scale").replaceChildren(first, ...offered);
  $<HTMLSelectElement>("#scale").value = draft.scale ?? "";
  $("#form").dataset.weighing = draft.scale ? "road" : "room";
}
$("#scale").addEventListener("change", () => {
  const scale = scales.find((one) => one.code === value("scale"));
  if (scale && !fit(scale)) {
    $<HTMLSelectElement>("#scale").value = draft.scale ?? "";
    return say(put(words.notCalibrated!, scale.code), "bad");
  }
  draft.scale = value("scale");
  $("#form").dataset.weighing = draft.scale ? "road" : "room";
  say("");
  void changed();
});

const complete = (p: Taken) => p.bag !== "" && ["before", "frame", "after"].every((kind) => p.shots.some((shot) => shot.kind === kind));

function taken(number: number): Taken {
  const planned = item!.points.find((one) => one.number === number)!;
  return (draft.points[number] ??= {
    number, lon: planned.lon, lat: planned.lat, taken_at: new Date().toISOString(), bag: "", moved_reason: "", shots: [],
  });
}
async function changed(): Promise<void> {
  if (item) await setFact(`draft-${item.id}`, draft);
  draw();
}

function field(label: string, start: string, set: (text: string) => void, mode = "text"): HTMLInputElement {
  const input = document.createElement("input");
  input.placeholder = label;
  input.setAttribute("aria-label", label);
  input.value = start;
  input.inputMode = mode;
  input.addEventListener("change", () => {
    set(input.value.trim());
    void changed();
  });
  return input;
}
function line(...children: Node[]): HTMLElement {
  const row = document.createElement("div");
  row.className = "row";
  row.append(...children);
  return row;
}

function pointForm(planned: Planned): HTMLElement {
  const box = document.createElement("div");
  const number = planned.number;
  const known = draft.points[number];
  box.className = "point";
  box.dataset.point = String(number);
  const head = document.createElement("b");
  head.textContent = `${words.point} ${number} · ${words[`lane_${planned.lane}`]}`;
  const shots = ["before", "frame", "after"].map((kind) => shot(number, kind));
  const bag = field(words.bag!, known?.bag ?? "", (text) => {
    if (Object.values(draft.points).some((other) => other.number !== number && text && other.bag === text)) {
      bag.value = "";
      return say(put(words.bagTwice!, text), "bad");
    }
    taken(number).bag = text;
  });
  bag.dataset.bag = String(number);
  const scan = document.createElement("button");
  scan.type = "button";
  scan.textContent = words.scan!;
  scan.addEventListener("click", () => void scanInto(bag));
  const reason = field(words.reason!, known?.moved_reason ?? "", (text) => (taken(number).moved_reason = text));
  const onScale = field(words.bagOnScale!, known?.reading?.bag ?? "", (text) => {
    if (text && taken(number).bag !== text) {
      onScale.value = "";
      return say(mixed(text, number), "bad");
    }
    setReading(number, { bag: text });
  });
  onScale.dataset.onScale = String(number);
  const scanScale = document.createElement("button");
  scanScale.type = "button";
  scanScale.textContent = words.scan!;
  scanScale.addEventListener("click", () => void scanInto(onScale));
  const mass = (which: "gross_g" | "tare_g", label: string) =>
    field(label, known?.reading?.[which] ?? "", (text) => setMass(number, which, text, "hand"), "decimal");
  const gross = mass("gross_g", words.gross!);
  const tare = mass("tare_g", words.tare!);
  gross.dataset.gross = tare.dataset.tare = String(number);
  const readers = [
    ...(bluetooth() ? [reader(words.bluetooth!, "bluetooth", byBluetooth)] : []),
    ...(serial() ? [reader(words.serial!, "serial", bySerial)] : []),
  ];
  function reader(label: string, source: string, read: () => Promise<number>): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", async () => {
      try {
        const found = String(await read());
        const target = tare.value === "" ? tare : gross;
        target.value = found;
        setMass(number, target === tare ? "tare_g" : "gross_g", found, source);
        await changed();
      } catch (problem) {
        say(String(problem), "bad");
      }
    });
    return button;
  }
  const weighing = document.createElement("div");
  weighing.className = "weighing";
  weighing.append(line(onScale, scanScale), line(tare, gross), line(...readers, shot(number, "scale")));
  box.append(head, line(...shots), line(bag, scan), line(reason), weighing);
  return box;
}

function mixed(bag: string, number: number): string {
  const owner = Object.values(draft.points).find((other) => other.bag === bag);
  return owner ? put(words.bagMixed!, bag, owner.number, number) : put(words.bagUnknown!, bag);
}

function setReading(number: number, part: Partial<Reading>): void {
  const point = taken(number);
  point.reading = { ...(point.reading ?? { bag: "", scale: "", gross_g: "", tare_g: "", source: "" }), ...part };
}

function setMass(number: number, which: "gross_g" | "tare_g", text: string, source: string): void {
  // a mass typed once makes the whole reading one by hand
  const byHand = source === "hand" || taken(number).reading?.source === "hand";
  setReading(number, { [which]: text, source: byHand ? "hand" : source });
}

function shot(number: number, kind: string): HTMLElement {
  const label = document.createElement("label");
  label.className = "pick";
  label.textContent = words[kind]!;
  if (draft.points[number]?.shots.some((one) => one.kind === kind)) label.dataset.taken = "1";
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.setAttribute("capture", "environment");
  input.name = `${kind}-${number}`;
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    if (!file || !draft.arrived_at) return;
    const made = (await takenAt(file)) ?? new Date(file.lastModified || Date.now()); // the camera's own time first
    if (made.getTime() < Date.parse(draft.arrived_at) - 600_000) {
      input.value = "";
      return say(words.oldPhoto!, "bad");
    }
    const blob = await compressed(file);
    const point = taken(number); // only now: another photo of this point may have come meanwhile
    point.shots = [...point.shots.filter((one) => one.kind !== kind), { kind, blob, taken_at: made.toISOString() }];
    if (kind !== "scale") point.taken_at = new Date().toISOString(); // a bag may be weighed in the car, elsewhere
    if (kind !== "scale" && place && metres([place.coords.longitude, place.coords.latitude], [point.lon, point.lat]) > Math.max(STIR, place.coords.accuracy)) {
      point.lon = place.coords.longitude;
      point.lat = place.coords.latitude;
    }
    label.dataset.taken = "1";
    await changed();
  });
  label.append(input);
  return label;
}

async function scanInto(input: HTMLInputElement): Promise<void> {
  const Detector = (window as any).BarcodeDetector; // eslint-disable-line
  if (!Detector) return say(words.noScan!, "bad");
  const video = document.createElement("video");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    input.after(video);
    await video.play();
    const detector = new Detector({ formats: ["qr_code", "code_128"] });
    for (const until = Date.now() + 20_000; Date.now() < until; ) {
      const [found] = await detector.detect(video);
      if (found) {
        input.value = found.rawValue.slice(0, 30);
        input.dispatchEvent(new Event("change"));
        break;
      }
      await new Promise((done) => setTimeout(done, 200));
    }
    for (const track of stream.getTracks()) track.stop();
  } catch {
    say(words.noScan!, "bad");
  }
  video.remove();
}

// Handing in

$("#form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!item || !draft.arrived_at) return;
  const storm = item.max_wind_ms != null && value("wind") !== "" && Number(value("wind")) > Number(item.max_wind_ms);
  const unfit = value("exclusion") || storm || ["wet", "ice"].includes(value("surface")) || ["rain", "snow"].includes(value("weather"));
  const points = unfit ? [] : item.points.map((one) => taken(one.number));
  const open = points.find((one) => !complete(one));
  if (open) return say(put(words.pointMissing!, open.number), "bad");
  for (const point of points) {
    const planned = item.points.find((one) => one.number === point.number)!;
    const off = Math.round(metres([point.lon, point.lat], [planned.lon, planned.lat]));
    if (off > item.move_bound_m) return say(put(words.movedTooFar!, point.number, off, item.move_bound_m), "bad");
    if (off > STIR && !point.moved_reason) return say(put(words.movedWhy!, point.number, off), "bad");
    if (!draft.scale) delete point.reading;
    else if (!point.reading?.bag || !point.reading.gross_g || !point.reading.tare_g) return say(put(words.notWeighed!, point.number), "bad");
    else if (point.reading.bag !== point.bag) return say(mixed(point.reading.bag, point.number), "bad");
    else if (point.reading.source === "hand" && !point.shots.some((one) => one.kind === "scale")) return say(put(words.scaleUnseen!, point.number), "bad");
    else point.reading.scale = draft.scale;
  }
  const key = crypto.randomUUID();
  const wind = value("wind");
  const body = {
    client_id: key, item: item.id, witness: Number(value("witness")), arrived_at: draft.arrived_at, arrived_lon: draft.lon,
    arrived_lat: draft.lat, accuracy_m: draft.accuracy, done_at: new Date().toISOString(), weather: value("weather"),
    surface: value("surface"), wind_ms: wind === "" ? null : wind, exclusion: value("exclusion"), frame_area_m2: value("area"),
  };
  for (const entry of await all()) if (entry.item === item.id && entry.state === "refused") await drop(entry.key); // this one takes its place
  await keep({ key, item: item.id, road: item.road, body, said: draft.said, points, state: "waiting", message: "" });
  await setFact(`draft-${item.id}`, undefined);
  $("#back").click();
  say(words.kept!, "good");
  void send();
});

let sending = false;
async function send(): Promise<void> {
  if (sending) return;
  sending = true;
  try {
    for (const entry of await all()) if (entry.state === "waiting" && !(await handIn(entry))) break;
  } catch (problem) {
    if (!(problem instanceof TypeError)) throw problem; // fetch: no network
  } finally {
    sending = false;
    if (!item) await showDay();
  }
}

async function handIn(entry: Waiting): Promise<boolean> {
  const open = entry.points.flatMap((point) => point.shots).filter((one) => !one.sha256);
  while (open.length) {
    const part = [open.shift()!];
    for (let bytes = part[0]!.blob.size; open.length && part.length < MOST && (bytes += open[0]!.blob.size) <= MOST_BYTES; )
      part.push(open.shift()!);
    const form = new FormData();
    for (const one of part) form.append("photo", one.blob, `${one.kind}.jpg`);
    const response = await call(`${API}/photos`, form);
    if (!response.ok) return await stopped(entry, response);
    const { photos } = (await response.json()) as { photos: { sha256: string }[] };
    part.forEach((one, index) => (one.sha256 = photos[index]!.sha256));
    await keep(entry); // what the centre has is not sent again
  }
  const points = entry.points.map(({ shots, ...point }) => ({
    ...point,
    photos: shots.map(({ kind, sha256, taken_at }) => ({ kind, sha256, taken_at })),
  }));
  const response = await call(`${API}/checks`, JSON.stringify({ ...entry.body, points }), "application/json");
  if (!response.ok) return await stopped(entry, response);
  await keep({ ...entry, points: [], state: "sent", message: "" });
  return true;
}

async function stopped(entry: Waiting, response: Response): Promise<boolean> {
  if (response.status === 401) say(words.signIn!, "bad");
  if (response.status === 401 || response.status === 429 || response.status >= 500) return false;
  const answer = await response.json();
  await setFact(`draft-${entry.item}`, {
    scale: entry.points[0]?.reading?.scale, said: entry.said, arrived_at: entry.body.arrived_at, lon: entry.body.arrived_lon, lat: entry.body.arrived_lat, accuracy: entry.body.accuracy_m,
    points: Object.fromEntries(entry.points.map((one) => [one.number, { ...one, shots: one.shots.map(({ sha256: _sent, ...shot }) => shot) }])),
  });
  await keep({ ...entry, state: "refused", message: answer.message ?? JSON.stringify(answer.detail ?? answer) });
  return true;
}

const network = () => {
  document.body.dataset.network = navigator.onLine ? "on" : "off";
  if (navigator.onLine) void send();
};
addEventListener("online", network);
addEventListener("offline", network);
navigator.geolocation?.watchPosition(
  (found) => {
    place = found;
    $("#place").textContent = `${found.coords.longitude.toFixed(5)}, ${found.coords.latitude.toFixed(5)} ±${Math.round(found.coords.accuracy)} m`;
    draw();
  },
  () => ($("#place").textContent = words.noPlace!),
  { enableHighAccuracy: true, maximumAge: 5000 },
);
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/m/clean/sw.js", { scope: "/m/clean/" });
setInterval(network, 30_000);
void loadDay().then(network);
