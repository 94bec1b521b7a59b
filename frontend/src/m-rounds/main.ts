// Rounds on a phone, without network: scan the device's label, tick the check list, say whether it is normal. What is
// recorded waits on the phone until the centre has it. All words come from the page (gettext).

import "./style.css";
import { all, drop, fact, keep, setFact, type Waiting } from "./store";

type Visit = { id: number; due_on: string; late: boolean; plan: string; code: string; name: string; where: string; items: string[]; label_sha256: string };

const API = "/api/v1/maintenance";
const words: Record<string, string> = JSON.parse(document.getElementById("words")!.textContent!);
const $ = <T extends HTMLElement = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;
const put = (text: string, what: unknown) => text.replace("%s", String(what));
let visits: Visit[] = [];
let visit: Visit | undefined;
let label = "";

function say(text: string, tone: "good" | "bad" | "" = ""): void {
  $("#say").textContent = text;
  $("#say").dataset.tone = tone;
}

async function call(url: string, body?: unknown): Promise<Response> {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  const headers: Record<string, string> = { "X-CSRFToken": token, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(url, { method: body === undefined ? "GET" : "POST", body: body === undefined ? undefined : JSON.stringify(body), headers, redirect: "error" });
}

async function digest(text: string): Promise<string> {
  const found = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The list

async function load(): Promise<void> {
  visits = (await fact<Visit[]>("visits")) ?? [];
  try {
    const response = await call(`${API}/rounds`);
    if (response.status === 401) say(words.signIn!, "bad");
    if (response.ok) {
      visits = await response.json();
      await setFact("visits", visits);
      const open = new Set(visits.map((one) => one.id));
      for (const entry of await all()) if (entry.state === "sent" && !open.has(entry.visit)) await drop(entry.key);
    }
  } catch {
    // no network: the visits that are kept serve
  }
  await show();
}

async function show(): Promise<void> {
  const waiting = new Map((await all()).map((entry) => [entry.visit, entry]));
  const filter = $<HTMLInputElement>("#filter").value.trim().toLowerCase();
  const rows = visits
    .filter((one) => `${one.code} ${one.name} ${one.where}`.toLowerCase().includes(filter))
    .map((one) => {
      const mine = waiting.get(one.id);
      const row = document.createElement("li");
      row.dataset.state = mine?.state ?? (one.late ? "late" : "open");
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.visit = String(one.id);
      const name = document.createElement("b");
      name.textContent = `${one.name} ${one.code}`;
      const note = document.createElement("div");
      note.textContent = mine ? `${words[mine.state]} ${mine.message}` : `${one.where} · ${put(one.late ? words.late! : words.due!, one.due_on)}`;
      button.append(name, note);
      button.addEventListener("click", () => void openVisit(one));
      row.append(button);
      return row;
    });
  if (!rows.length) {
    const row = document.createElement("li");
    row.textContent = words.none!;
    rows.push(row);
  }
  $("#list").replaceChildren(...rows);
  const held = [...waiting.values()].filter((entry) => entry.state === "waiting").length;
  $("#held").textContent = held ? put(words.held!, held) : "";
}

// One visit

async function openVisit(one: Visit, scanned = ""): Promise<void> {
  const mine = (await all()).find((entry) => entry.visit === one.id);
  if (mine && mine.state !== "refused") return;
  visit = one;
  label = scanned;
  say(mine?.message ?? "", mine ? "bad" : "");
  $("#name").textContent = one.name;
  $("#about").textContent = `${one.code} · ${one.where} · ${one.plan}`;
  $("#items").replaceChildren(
    ...one.items.map((text, number) => {
      const row = document.createElement("label");
      row.className = "item";
      const box = document.createElement("input");
      box.type = "checkbox";
      box.name = `item_${number}`;
      row.append(box, document.createTextNode(text));
      return row;
    }),
  );
  $<HTMLFormElement>("#form").reset();
  proof();
  $("#rounds").hidden = true;
  $("#visit").hidden = false;
}

function proof(): void {
  $("#proof").textContent = label ? words.proved! : words.unproved!;
  $("#proof").dataset.tone = label ? "good" : "bad";
}

function back(): void {
  visit = undefined;
  $("#rounds").hidden = false;
  $("#visit").hidden = true;
  void show();
}
$("#back").addEventListener("click", () => {
  say("");
  back();
});
$("#filter").addEventListener("input", () => void show());

// The label: its address ends in /q/<label>/

async function take(read: string): Promise<void> {
  const text = read.match(/\/q\/([\w-]{6,20})\/?$/)?.[1] ?? read.trim();
  const sha = await digest(text);
  if (visit) {
    if (sha !== visit.label_sha256) return say(words.wrongLabel!, "bad");
    label = text;
    say("");
    return proof();
  }
  const found = visits.find((one) => one.label_sha256 === sha);
  if (!found) return say(words.noVisit!, "bad");
  await openVisit(found, text);
}

async function scan(): Promise<void> {
  const Detector = (window as any).BarcodeDetector; // eslint-disable-line
  if (!Detector) return say(words.noScan!, "bad");
  const video = $<HTMLVideoElement>("#camera");
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
    const detector = new Detector({ formats: ["qr_code"] });
    for (const until = Date.now() + 30_000; Date.now() < until; ) {
      const [found] = await detector.detect(video);
      if (found) {
        await take(found.rawValue);
        break;
      }
      await new Promise((done) => setTimeout(done, 200));
    }
    for (const track of stream.getTracks()) track.stop();
  } catch {
    say(words.noScan!, "bad");
  }
  video.hidden = true;
}
for (const button of document.querySelectorAll("[data-scan]")) button.addEventListener("click", () => void scan());
$("#typed").addEventListener("change", () => {
  const box = $<HTMLInputElement>("#typed");
  if (box.value.trim()) void take(box.value);
  box.value = "";
});

// Handing in

$("#form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!visit) return;
  const said = new FormData($<HTMLFormElement>("#form"));
  const normal = said.get("normal");
  if (normal === null) return say(words.sayNormal!, "bad");
  const note = String(said.get("note") ?? "").trim();
  if (normal === "0" && !note) return say(words.sayWhat!, "bad");
  const key = crypto.randomUUID();
  const answers = Object.fromEntries(visit.items.map((text, number) => [text, said.get(`item_${number}`) !== null]));
  const old = (await all()).filter((entry) => entry.visit === visit!.id);
  const body = { client_id: key, visit: visit.id, normal: normal === "1", answers, note, label, done_at: new Date().toISOString() };
  await keep({ key, visit: visit.id, body, state: "waiting", message: "" });
  for (const entry of old) await drop(entry.key);
  say(words.kept!, "good");
  back();
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
    if (!visit) await show();
  }
}

async function handIn(entry: Waiting): Promise<boolean> {
  const response = await call(`${API}/visits`, entry.body);
  if (response.ok) {
    await keep({ ...entry, state: "sent", message: "" });
    return true;
  }
  if (response.status === 401) say(words.signIn!, "bad");
  if (response.status === 401 || response.status === 429 || response.status >= 500) return false;
  const answer = await response.json();
  await keep({ ...entry, state: "refused", message: answer.message ?? JSON.stringify(answer.detail ?? answer) });
  return true;
}

const network = () => {
  document.body.dataset.network = navigator.onLine ? "on" : "off";
  if (navigator.onLine) void send();
};
addEventListener("online", network);
addEventListener("offline", network);
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/m/rounds/sw.js", { scope: "/m/rounds/" });
setInterval(network, 30_000);
void load().then(async () => {
  network();
  const scanned = new URLSearchParams(location.search).get("label"); // from the page behind the label
  if (scanned) {
    history.replaceState(null, "", location.pathname);
    await take(scanned);
  }
});
