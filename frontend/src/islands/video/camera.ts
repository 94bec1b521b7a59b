// One camera: the picture, the steps of its call-up, steering by mouse, touch and keyboard, the device's recordings.
import { Player, type Common, type Told } from "./player";
import { talking } from "./talk";
import { say, type Word } from "./words";

export interface CameraProps extends Common {
  id: number;
  name: string;
  ptz: boolean;
  presets: { number: number; name: string }[];
  presets_url: string;
  records_url: string;
  steps: { code: string; label: string }[];
  may_snapshot: boolean;
  talk: string;
  talk_steps: { code: string; label: string }[];
}

const make = <K extends keyof HTMLElementTagNameMap>(tag: K, css = "", text = ""): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  if (css) element.className = css;
  if (text) element.textContent = text;
  return element;
};
const button = (text: string, css = "btn btn-sm"): HTMLButtonElement => Object.assign(make("button", css, text), { type: "button" as const });

export function camera(place: HTMLElement, props: CameraProps): () => void {
  place.classList.add("camera");
  const stage = make("div", "camera-stage");
  const side = make("div", "camera-side");
  place.replaceChildren(stage, side);

  const steps = make("ol", "camera-steps");
  const lines = new Map<string, HTMLElement>();
  for (const step of props.steps) {
    const line = make("li", "", step.label);
    line.append(make("span"));
    lines.set(step.code, line);
    steps.append(line);
  }
  let asked = performance.now();
  let player: Player | undefined;

  const reach = (code: string, ms?: number) => {
    const line = lines.get(code);
    if (!line || line.classList.contains("is-done")) return;
    line.classList.remove("is-stopped");
    line.classList.add("is-done");
    line.lastElementChild!.textContent = `${Math.round(ms ?? performance.now() - asked)} ms`;
  };
  const aside = (text: string) => {
    if ([...steps.children].some((line) => line.firstChild?.textContent === text)) return;
    const line = make("li", "is-aside", text);
    line.append(make("span", "", `${Math.round(performance.now() - asked)} ms`));
    steps.append(line);
  };
  const onTold = (told: Told) => {
    if (told.type === "step" && told.step) reach(told.step);
    if (["codec", "converting", "converted"].includes(told.type) && told.text) aside(told.text);
    if (told.type === "format") status.textContent = `${told.width ?? 0}×${told.height ?? 0} ${/codecs="([^".]+)/.exec(told.mime ?? "")?.[1] ?? ""}`;
    if (told.type === "stopped") [...lines.values()].find((line) => !line.classList.contains("is-done"))?.classList.add("is-stopped");
  };

  function play(from?: number, to?: number): void {
    player?.close();
    asked = performance.now();
    for (const line of lines.values()) {
      line.classList.remove("is-done", "is-stopped");
      line.lastElementChild!.textContent = "";
    }
    for (const line of steps.querySelectorAll(".is-aside")) line.remove();
    reach("asked", 0);
    player = new Player(stage, props, props.id, { onTold, from, to, onFirst: () => reach("first_frame") });
  }

  const tools = make("div", "camera-tools");
  const status = make("span", "muted camera-status");
  const full = button(say("full"));
  full.addEventListener("click", () => player?.full());
  tools.append(full);
  if (props.may_snapshot) {
    const shot = button(say("shot"));
    shot.addEventListener("click", () => void player?.snapshot());
    tools.append(shot);
  }
  if ("RTCPeerConnection" in window) {
    const quick = button(say("quick"));
    quick.setAttribute("aria-pressed", "false");
    quick.addEventListener("click", () => {
      const on = quick.getAttribute("aria-pressed") !== "true";
      quick.setAttribute("aria-pressed", String(on));
      quick.classList.toggle("btn-primary", on);
      void player?.quick(on);
    });
    tools.append(quick);
  }
  const heard = button(say("sound"));
  heard.setAttribute("aria-pressed", "false");
  heard.addEventListener("click", () => {
    const on = player?.sound(heard.getAttribute("aria-pressed") !== "true") ?? false;
    heard.setAttribute("aria-pressed", String(on));
    heard.classList.toggle("btn-primary", on);
  });
  tools.append(heard);
  tools.append(status);
  const under = make("div", "camera-under");
  under.append(tools);
  stage.after(under);

  if (props.ptz) side.append(steering(() => player, props));
  const speaker = props.talk ? talking(props) : undefined;
  if (speaker) side.append(speaker.box);
  side.append(steps);
  if (props.records_url) under.append(recordings(props, play, () => player));
  play();
  return () => {
    speaker?.close();
    player?.close();
  };
}

function steering(player: () => Player | undefined, props: CameraProps): HTMLElement {
  const box = make("div", "ptz");
  const pad = make("div", "ptz-pad");
  pad.tabIndex = 0;
  pad.setAttribute("role", "group");
  pad.setAttribute("aria-label", "PTZ");
  const speed = Object.assign(make("input"), { type: "range", min: "0.1", max: "1", step: "0.1", value: "0.5" });
  speed.setAttribute("aria-label", say("speed"));
  let repeating = 0;
  let moving = false;

  const stop = () => {
    clearInterval(repeating);
    if (!moving) return;
    moving = false;
    player()?.say({ type: "ptz", pan: 0, tilt: 0, zoom: 0 });
  };
  const move = (values: Record<string, number>) => {
    stop();
    moving = true;
    const scaled = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value * Number(speed.value)]));
    const send = () => player()?.say({ type: "ptz", ...scaled });
    send();
    repeating = window.setInterval(send, 2000); // keeps the camera ours while the hand is on it
  };
  const arrow = (sign: string, label: string, values: Record<string, number>) => {
    const key = button(sign, "ptz-key");
    key.setAttribute("aria-label", label);
    key.title = label;
    key.addEventListener("pointerdown", (event) => {
      key.setPointerCapture(event.pointerId);
      move(values);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) key.addEventListener(end, stop);
    return key;
  };
  const centre = make("span", "ptz-key ptz-centre", "●");
  pad.append(
    arrow("↖", `${say("up")} ${say("left")}`, { pan: -1, tilt: 1 }), arrow("↑", say("up"), { tilt: 1 }), arrow("↗", `${say("up")} ${say("right")}`, { pan: 1, tilt: 1 }),
    arrow("←", say("left"), { pan: -1 }), centre, arrow("→", say("right"), { pan: 1 }),
    arrow("↙", `${say("down")} ${say("left")}`, { pan: -1, tilt: -1 }), arrow("↓", say("down"), { tilt: -1 }), arrow("↘", `${say("down")} ${say("right")}`, { pan: 1, tilt: -1 }),
  );
  const keys: Record<string, Record<string, number>> = {
    ArrowLeft: { pan: -1 }, ArrowRight: { pan: 1 }, ArrowUp: { tilt: 1 }, ArrowDown: { tilt: -1 }, "+": { zoom: 1 }, "=": { zoom: 1 }, "-": { zoom: -1 },
  };
  box.addEventListener("keydown", (event) => {
    const values = keys[event.key];
    if (!values || event.target === speed || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    if (!event.repeat) move(values);
  });
  box.addEventListener("keyup", stop);
  const lens = make("div", "ptz-lens");
  for (const [word, sign, values] of [["in", "＋", { zoom: 1 }], ["out", "－", { zoom: -1 }], ["near", "◁", { focus: -1 }], ["far", "▷", { focus: 1 }]] as [Word, string, Record<string, number>][])
    lens.append(arrow(sign, say(word), values));
  const label = make("label", "ptz-speed", say("speed"));
  label.append(speed);

  const presets = make("div", "ptz-presets");
  const list = make("select", "form-select");
  list.setAttribute("aria-label", say("preset"));
  const fill = (found: { number: number; name: string }[]) => {
    list.replaceChildren();
    const named = new Map(found.map((item) => [item.number, item.name]));
    const numbers = [...new Set([...named.keys(), 1, 2, 3, 4, 5, 6, 7, 8])].sort((a, b) => a - b);
    for (const number of numbers) list.append(Object.assign(make("option", "", named.get(number) ? `${number} ${named.get(number)}` : String(number)), { value: String(number) }));
  };
  fill(props.presets);
  const go = button(say("call"));
  go.addEventListener("click", () => player()?.say({ type: "ptz", preset: Number(list.value), act: "call" }));
  const keep = button(say("set"));
  keep.addEventListener("click", () => player()?.say({ type: "ptz", preset: Number(list.value), act: "set" }));
  const read = button(say("read"));
  read.addEventListener("click", async () => {
    const answer = await fetch(props.presets_url);
    const told = (await answer.json()) as { presets?: { number: number; name: string }[] };
    if (told.presets) fill(told.presets);
  });
  presets.append(list, go, keep, read);
  box.append(pad, lens, label, presets);
  return box;
}

function recordings(props: CameraProps, play: (from?: number, to?: number) => void, player: () => Player | undefined): HTMLElement {
  const box = make("div", "records");
  const today = new Date();
  const day = Object.assign(make("input", "form-control records-day"), { type: "date", value: `${today.getFullYear()}-${String(today.getMonth() + 1).padStart(2, "0")}-${String(today.getDate()).padStart(2, "0")}` });
  day.setAttribute("aria-label", say("day"));
  const look = button(say("look"));
  const live = button(say("live"));
  const bar = make("div", "records-bar");
  const line = make("div", "records-line");
  line.setAttribute("role", "slider");
  line.setAttribute("aria-label", say("playback"));
  line.setAttribute("aria-valuemin", "0");
  line.setAttribute("aria-valuemax", "86400");
  line.hidden = true;
  const note = make("span", "muted");
  note.setAttribute("role", "status");
  const controls = make("div", "records-bar");
  controls.hidden = true;
  const pause = button(say("pause"));
  let paused = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = say(paused ? "resume" : "pause");
    player()?.say({ type: "playback", act: paused ? "pause" : "play" });
  });
  const speed = make("select", "form-select records-speed");
  speed.setAttribute("aria-label", say("speed"));
  for (const scale of [0.25, 0.5, 1, 2, 4]) speed.append(Object.assign(make("option", "", `${scale}×`), { value: String(scale), selected: scale === 1 }));
  speed.addEventListener("change", () => player()?.say({ type: "playback", act: "play", scale: Number(speed.value) }));
  controls.append(pause, speed);

  let start = 0;
  look.addEventListener("click", async () => {
    const [year, month, date] = day.value.split("-").map(Number);
    start = new Date(year!, month! - 1, date!).getTime() / 1000;
    note.textContent = "…";
    const answer = await fetch(`${props.records_url}?from=${start}&to=${start + 86400}`);
    const told = (await answer.json()) as { items?: { from: number; to: number }[]; complete?: boolean; message?: string };
    line.replaceChildren();
    if (!told.items) {
      note.textContent = told.message ?? "";
      return;
    }
    note.textContent = told.items.length ? (told.complete ? "" : say("incomplete")) : say("noRecords");
    line.hidden = !told.items.length;
    for (const item of told.items) {
      const bit = make("i", "records-bit");
      const from = Math.max(0, item.from - start);
      bit.style.left = `${(from / 864).toFixed(3)}%`;
      bit.style.width = `${((Math.min(86400, item.to - start) - from) / 864).toFixed(3)}%`;
      line.append(bit);
    }
    for (let hour = 0; hour < 24; hour += 3) {
      const tick = make("span", "records-hour", `${hour}:00`);
      tick.style.left = `${(hour / 0.24).toFixed(2)}%`;
      line.append(tick);
    }
  });
  line.addEventListener("click", (event) => {
    const area = line.getBoundingClientRect();
    const from = Math.floor(start + ((event.clientX - area.left) / area.width) * 86400);
    line.setAttribute("aria-valuenow", String(from - start));
    controls.hidden = false;
    paused = false;
    pause.textContent = say("pause");
    speed.value = "1";
    play(from, Math.min(start + 86400, from + 3600, Math.floor(Date.now() / 1000)));
  });
  live.addEventListener("click", () => {
    controls.hidden = true;
    play();
  });
  bar.append(day, look, live, note);
  box.append(bar, line, controls);
  return box;
}

