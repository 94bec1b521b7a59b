// Sending what waits: in order, one at a time, as often as needed. The server answers a repeated client_id with the
// same case, so a retry after a lost answer, a killed page or a double tap never makes a second one.

import { all, keep, type Waiting } from "./store";

const API = "/api/v1/patrol";
export type Outcome = "done" | "offline" | "signed-out";
let running: Promise<Outcome> | undefined;

export function send(changed: () => void): Promise<Outcome> {
  running ??= work(changed).finally(() => (running = undefined));
  return running;
}

async function work(changed: () => void): Promise<Outcome> {
  for (const entry of await all()) {
    if (entry.state === "sent" || entry.state === "refused") continue;
    const outcome = await one(entry);
    changed();
    if (outcome !== "done") return outcome;
  }
  return "done";
}

async function one(entry: Waiting): Promise<Outcome> {
  entry.state = "sending";
  await keep(entry);
  try {
    // photos of an answer go first: with the answer the case leaves this collector's hands
    const parts = entry.what === "step" ? [photos, words] : [words, photos];
    for (const part of parts) {
      const stopped = await part(entry);
      if (stopped) return stopped;
    }
    entry.state = "sent";
    entry.photos = []; // the centre has them; the phone's room is small
    await keep(entry);
    return "done";
  } catch (error) {
    if (error instanceof TypeError) return await wait(entry, "offline"); // fetch: no network
    throw error;
  }
}

async function words(entry: Waiting): Promise<Outcome | undefined> {
  if (entry.caseId !== undefined) return undefined;
  const response = await call(entry.url, JSON.stringify(entry.body), { "Content-Type": "application/json" });
  if (response.status === 401) return await wait(entry, "signed-out");
  if (response.status >= 500 || response.status === 429) return await wait(entry, "offline");
  const answer = await response.json();
  if (!response.ok && !(entry.what !== "report" && response.status === 409)) return await refuse(entry, answer);
  entry.caseId = answer.id ?? (entry.body.case as number) ?? 0;
  await keep(entry);
  return undefined;
}

async function photos(entry: Waiting): Promise<Outcome | undefined> {
  for (const photo of entry.photos) {
    if (photo.sent) continue;
    const form = new FormData();
    form.append("photo", photo.blob, photo.name);
    const response = await call(`${API}/cases/${entry.caseId ?? entry.body.case}/photos?kind=${photo.kind}`, form);
    if (response.status === 401) return await wait(entry, "signed-out");
    if (response.status >= 500 || response.status === 429) return await wait(entry, "offline");
    if (!response.ok) return await refuse(entry, await response.json());
    photo.sent = true;
    await keep(entry);
  }
  return undefined;
}

async function wait(entry: Waiting, outcome: Outcome): Promise<Outcome> {
  entry.state = "waiting";
  await keep(entry);
  return outcome;
}

async function refuse(entry: Waiting, answer: { message?: string; detail?: unknown }): Promise<Outcome> {
  entry.state = "refused";
  entry.message = answer.message ?? JSON.stringify(answer.detail ?? answer);
  await keep(entry);
  return "done";
}

export function call(url: string, body?: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  const sentAt = new Date().toISOString(); // lets the centre see a phone whose clock is wrong
  return fetch(url, {
    method: body === undefined ? "GET" : "POST",
    body,
    headers: { ...headers, "X-CSRFToken": token, "X-Sent-At": sentAt, Accept: "application/json" },
    redirect: "error",
  });
}
