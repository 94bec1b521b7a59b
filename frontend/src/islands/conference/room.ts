// The meeting as people see it: pictures, bar, and a panel beside. Everything drawn follows from the document that the
// gateway sends; nothing here decides what is allowed.
import type { RoomProps } from "./entrance";
import { Board } from "./board";
import { Paper } from "./paper";
import { type Doc, type Line, Link, type Row } from "./link";
import { button, make, redraw } from "./make";
import { post } from "./post";
import { has, say } from "./words";

type Tab = "people" | "lead" | "chat" | "papers" | "votes";
const SILENT = new Set(["viewer", "camera"]); // neither called nor heard
const STEER = new Set(["chair", "co_chair", "operator"]);
const LEAD = new Set(["chair", "co_chair"]);

export function room(place: HTMLElement, props: RoomProps, local: MediaStream, fault: string, rejoin: () => void): () => void {
  let doc: Doc | null = null;
  let tab: Tab = "people";
  let page = 0;
  let own = 0; // my own number of pictures; 0 follows the chair
  let focus: number | null = null;
  let over = "";
  let unread = 0;
  let cameraOn = true;
  const talking = new Set<number>();
  let levels: Record<string, number> = {};
  const lines: Line[] = [];
  let speaker: number | null = null;
  const tiles = new Map<string, HTMLElement>();

  const box = make("div", "conf");
  const head = make("div", "conf-head");
  const title = make("b", "conf-title", props.title);
  const clock = make("span", "conf-clock");
  const marks = make("span", "conf-marks");
  head.append(title, marks, clock);
  const banner = make("div", "conf-banner");
  const note = make("div", "conf-note", fault);
  note.setAttribute("role", "status");
  const stage = make("div", "conf-stage");
  const sounds = make("div", "conf-sounds");
  const bar = make("div", "conf-bar");
  const side = make("aside", "conf-side");
  const tabs = make("div", "conf-tabs");
  tabs.setAttribute("role", "tablist");
  const panel = make("div", "conf-panel");
  const ask = make("div", "conf-ask");
  ask.setAttribute("role", "alert");
  side.append(tabs, panel);
  box.append(head, banner, note, ask, stage, bar, side, sounds);
  place.replaceChildren(box);

  let noteTimer = 0;
  const flash = (text: string, lasting = false) => {
    note.textContent = text;
    note.hidden = !text;
    clearTimeout(noteTimer);
    if (text && !lasting) noteTimer = window.setTimeout(() => flash(""), 5000);
  };
  flash(fault, true);

  const link = new Link(props, local, {
    onState: (fresh) => {
      doc = fresh;
      draw();
    },
    onLines: (fresh) => {
      lines.push(...fresh.filter((line) => !lines.some((known) => known.id === line.id)));
      if (tab !== "chat") unread += fresh.length;
      draw();
    },
    onStrokes: (strokes) => board.add(strokes),
    onTalk: (id, on) => {
      if (on) {
        talking.add(id);
        speaker = id;
      } else talking.delete(id);
      for (const [key, tile] of tiles) tile.classList.toggle("is-talking", talking.has(Number(key.split("/")[0])));
      drawStage();
    },
    onFocus: (id) => {
      focus = id;
      draw();
    },
    onQuality: (found) => {
      levels = found;
      draw();
    },
    onStreams: () => draw(),
    onLine: (state, why) => {
      box.dataset.line = state;
      if (state === "over") {
        over = why ?? "";
        finish();
      } else if (state === "connecting") flash(say("connecting"), true);
      else if (state === "engine-down") flash(say("engineDown"), true);
      else flash("");
    },
  });

  const board = new Board(
    async (stroke) => {
      const refused = await link.act("draw", stroke);
      if (refused) {
        flash(refused);
        throw new Error(refused);
      }
    },
    { wipe: () => void act("wipe_board"), keep: (file) => void put(file) },
  );
  const paper = new Paper((to) => void act("turn_page", { page: to }), () => void act("hide_paper"));
  const put = async (file: File) => {
    const data = new FormData();
    data.append("file", file);
    try {
      await post(props.upload, data);
    } catch (problem) {
      flash((problem as Error).message);
    }
  };
  const act = async (verb: string, data: Record<string, unknown> = {}) => {
    const refused = await link.act(verb, data);
    if (refused) flash(refused);
  };
  const me = (): Row | undefined => doc?.participants.find((row) => row.id === link.me);
  const power = (): string => {
    const row = me();
    if (!row || !doc) return "viewer";
    if (doc.chair === row.id) return "chair";
    return row.role === "chair" ? "site" : row.role;
  };
  const row = (id: number | null): Row | undefined => doc?.participants.find((one) => one.id === id);
  const present = (): Row[] => (doc?.participants ?? []).filter((one) => one.here && one.admitted && !one.removed && one.role !== "viewer");

  function finish(): void {
    sessionStorage.removeItem(`conference:${props.ticket}`);
    const card = make("div", "conf-over");
    card.append(make("p", "", has(over) ? say(over) : over));
    const page = make("a", "btn btn-primary", say("back"));
    page.href = props.page;
    card.append(page);
    if (over === "left" || over === "replaced") card.append(button(say("rejoin"), rejoin));
    cleanup();
    place.replaceChildren(card);
  }

  // Pictures

  function mainPicture(): { id: number; what: "camera" | "screen" } | null {
    if (!doc) return null;
    const camera = (id: number | null) => (id !== null && present().some((one) => one.id === id) ? { id, what: "camera" as const } : null);
    if (doc.broadcast !== null) return camera(doc.broadcast);
    if (doc.presenter !== null && present().some((one) => one.id === doc?.presenter)) return { id: doc.presenter, what: "screen" };
    return camera(focus) ?? camera(doc.spotlight) ?? (layout() === 1 ? camera(speaker) ?? camera(doc.chair) ?? camera(present()[0]?.id ?? null) : null);
  }

  function layout(): number {
    return doc?.broadcast !== null && doc?.broadcast !== undefined ? doc.layout : own || doc?.layout || 9;
  }

  function drawStage(): void {
    if (!doc || doc.waiting) {
      stage.replaceChildren(make("p", "conf-waiting", doc ? say("waiting") : say("connecting")));
      tiles.clear();
      return;
    }
    const boardUp = Boolean(doc.board?.open) && doc.broadcast === null;
    if (doc.board) board.wiped(doc.board.from);
    const paperUp = Boolean(doc.paper) && doc.broadcast === null && !boardUp;
    const main = boardUp || paperUp ? null : mainPicture();
    const places = layout();
    const rest = present().filter((one) => !(main && main.what === "camera" && main.id === one.id));
    const large = Boolean(main) || boardUp || paperUp;
    const size = places === 1 ? (large ? 0 : 1) : large ? Math.min(places - 1, 8) || 1 : places;
    const pages = Math.max(1, Math.ceil(rest.length / Math.max(1, size)));
    page = Math.min(page, pages - 1);
    const shown = size ? rest.slice(page * size, page * size + size) : [];
    const keys: { key: string; main: boolean }[] = [];
    if (boardUp) keys.push({ key: "0/board", main: true });
    else if (paperUp) keys.push({ key: "0/paper", main: true });
    else if (main) keys.push({ key: `${main.id}/${main.what}`, main: true });
    for (const one of shown) keys.push({ key: `${one.id}/camera`, main: false });
    const wants: [number, "camera" | "screen", number][] = [];
    for (const { key, main: big } of keys) {
      const [id, what] = key.split("/") as [string, "camera" | "screen"];
      if (Number(id) && Number(id) !== link.me) wants.push([Number(id), what, big ? 2 : places <= 1 ? 2 : places <= 4 ? 1 : 0]);
    }
    link.view(wants);
    stage.dataset.places = String(keys.length);
    stage.classList.toggle("has-main", large);
    const columns = Math.ceil(Math.sqrt(shown.length || 1));
    stage.dataset.columns = String(columns);
    const wanted = new Set(keys.map((one) => one.key));
    for (const [key, tile] of tiles) {
      if (!wanted.has(key)) {
        tile.remove();
        tiles.delete(key);
      }
    }
    let last: Element | null = null;
    for (const { key, main: big } of keys) {
      const tile = tiles.get(key) ?? (key === "0/board" ? ownTile(key, board.box) : key === "0/paper" ? ownTile(key, paper.box) : newTile(key));
      tiles.set(key, tile);
      tile.classList.toggle("is-main", big);
      if (key === "0/board") board.allow(me()?.role !== "viewer", STEER.has(power()));
      else if (key === "0/paper") paper.show(doc.paper!, me()?.role !== "viewer" && (doc.paper!.by === link.me || STEER.has(power()) || !row(doc.paper!.by)?.here));
      else fillTile(tile, key);
      const after: Element | null = last ? last.nextElementSibling : stage.firstElementChild;
      if (after !== tile) stage.insertBefore(tile, after);
      last = tile;
    }
    for (const extra of [...stage.children]) if (!extra.classList.contains("conf-tile")) extra.remove();
    if (pages > 1) {
      const turn = make("div", "conf-turn");
      turn.append(
        button("‹", () => ((page = (page + pages - 1) % pages), drawStage()), "btn btn-sm"),
        make("span", "", `${page + 1}/${pages}`),
        button("›", () => ((page = (page + 1) % pages), drawStage()), "btn btn-sm"),
      );
      turn.firstElementChild?.setAttribute("aria-label", say("prev"));
      turn.lastElementChild?.setAttribute("aria-label", say("next"));
      stage.append(turn);
    }
  }

  function ownTile(key: string, box: HTMLElement): HTMLElement {
    const tile = make("div", "conf-tile is-board");
    tile.dataset.tile = key;
    tile.append(box);
    return tile;
  }

  function newTile(key: string): HTMLElement {
    const tile = make("div", "conf-tile");
    tile.dataset.tile = key;
    const video = make("video");
    video.muted = video.autoplay = video.playsInline = true;
    video.disablePictureInPicture = true;
    const label = make("div", "conf-label");
    tile.append(video, make("div", "conf-face"), label);
    const [id] = key.split("/");
    tile.addEventListener("dblclick", () => {
      if (STEER.has(power())) void act("spotlight", { target: doc?.spotlight === Number(id) ? null : Number(id) });
    });
    return tile;
  }

  function fillTile(tile: HTMLElement, key: string): void {
    const [text, what] = key.split("/") as [string, string];
    const id = Number(text);
    const one = row(id);
    const video = tile.querySelector("video") as HTMLVideoElement;
    const stream = id === link.me ? (what === "screen" ? link.screenStream : local) : link.streams.get(key);
    if (video.srcObject !== (stream ?? null)) {
      video.srcObject = stream ?? null;
      if (stream) void video.play().catch(() => undefined);
    }
    tile.classList.toggle("is-self", id === link.me && what === "camera");
    tile.classList.toggle("is-talking", talking.has(id));
    tile.classList.toggle("is-dark", !stream || !stream.getVideoTracks().length || Boolean(one?.cameraHeld && what === "camera"));
    (tile.querySelector(".conf-face") as HTMLElement).textContent = one?.name.slice(0, 12) ?? "";
    const name = what === "screen" ? `${say("screenOf")}${one?.name ?? ""}` : `${one?.name ?? ""}${id === link.me ? say("you") : ""}`;
    const label = tile.querySelector(".conf-label") as HTMLElement;
    redraw(label, `${name}|${one?.mic}|${levels[text] ?? 0}|${doc?.chair === id}`, () => {
      const parts: Node[] = [];
      if (doc?.chair === id) parts.push(make("i", "conf-crown", say("chair")));
      parts.push(make("span", "conf-name", name));
      if (one && what === "camera" && one.role !== "camera") parts.push(micMark(one));
      const level = levels[text];
      if (level) parts.push(qualityMark(level));
      return parts;
    });
  }

  function micMark(one: Row): HTMLElement {
    const mark = make("i", `conf-mic is-${one.mic}`);
    mark.title = one.mic === "open" ? say("micOn") : one.mic === "held" ? say("micHeld") : say("micOff");
    mark.setAttribute("aria-label", mark.title);
    mark.setAttribute("role", "img");
    return mark;
  }

  function qualityMark(level: number): HTMLElement {
    const mark = make("i", `conf-bars is-${level}`);
    mark.title = say(level === 3 ? "good" : level === 2 ? "poor" : "bad");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", mark.title);
    mark.append(make("b"), make("b"), make("b"));
    return mark;
  }

  function drawSounds(): void {
    const wanted = new Map([...link.streams].filter(([key]) => key.endsWith("/sound")));
    for (const element of [...sounds.querySelectorAll("audio")]) if (!wanted.has(element.dataset.key ?? "")) element.remove();
    for (const [key, stream] of wanted) {
      let element = sounds.querySelector<HTMLAudioElement>(`audio[data-key="${key}"]`);
      if (!element) {
        element = make("audio");
        element.dataset.key = key;
        element.autoplay = true;
        sounds.append(element);
      }
      if (element.srcObject !== stream) {
        element.srcObject = stream;
        void element.play().catch(() => {
          if (sounds.querySelector("button")) return;
          const allow = button(say("sound"), () => {
            sounds.querySelectorAll("audio").forEach((one) => void one.play());
            allow.remove();
          }, "btn btn-primary");
          sounds.append(allow);
        });
      }
    }
  }

  // Bar, head, questions

  function draw(): void {
    if (over) return;
    drawStage();
    drawSounds();
    drawHead();
    drawBar();
    drawAsk();
    drawSide();
  }

  function drawHead(): void {
    title.textContent = doc?.title ?? props.title;
    redraw(marks, `${doc?.recording}|${doc?.locked}|${doc?.broadcast}|${doc?.poll}|${doc?.voiceSwitch}|${doc?.chair}|${present().length}`, () => {
      const out: Node[] = [make("span", "conf-mark", `${say("people")} ${present().filter((one) => one.role !== "camera").length}/${(doc?.participants ?? []).filter((one) => !SILENT.has(one.role) && !one.removed).length}`)];
      const chair = row(doc?.chair ?? null);
      if (chair) out.push(make("span", "conf-mark", `${say("chair")}: ${chair.name}`));
      if (doc?.recording) out.push(make("span", "conf-mark is-bad", `● ${say("recording")}`));
      if (doc?.locked) out.push(make("span", "conf-mark", say("lock")));
      if (doc?.broadcast != null) out.push(make("span", "conf-mark is-warn", `${row(doc.broadcast)?.name ?? ""} ${say("shown")}`));
      if (doc?.poll) out.push(make("span", "conf-mark is-warn", `${say("poll")} ${doc.poll}s`));
      if (doc?.voiceSwitch) out.push(make("span", "conf-mark is-warn", say("voiceSwitch")));
      return out;
    });
    banner.textContent = doc?.banner ?? "";
    banner.hidden = !doc?.banner;
  }

  const ticking = window.setInterval(() => {
    if (!doc?.began) return;
    const ran = Math.max(0, Math.floor((Date.now() - Date.parse(doc.began)) / 1000));
    const left = Math.round((Date.parse(doc.ends) - Date.now()) / 60_000);
    const two = (value: number) => String(value).padStart(2, "0");
    clock.textContent = `${two(Math.floor(ran / 3600))}:${two(Math.floor(ran / 60) % 60)}:${two(ran % 60)}`;
    if (left <= 5) clock.textContent += ` · ${left >= 0 ? say("soon") : say("late")}${Math.abs(left)} ${say("minutes")}`;
    clock.classList.toggle("is-warn", left <= 5);
  }, 1000);

  function drawBar(): void {
    const mine = me();
    const may = mine && mine.role !== "viewer" && !doc?.waiting;
    const powers = power();
    redraw(bar, JSON.stringify([mine?.mic, mine?.floor, cameraOn, mine?.cameraHeld, doc?.presenter === link.me, Boolean(link.screenStream), powers, doc?.chair, doc?.waiting, own]), () => {
      const out: HTMLElement[] = [];
      const add = (key: string, text: string, go: () => unknown, css = "btn") => {
        const made = button(text, go, css);
        made.dataset.key = key;
        out.push(made);
        return made;
      };
      if (may) {
        if (mine.mic === "held" && !STEER.has(powers)) add("mic", say("micHeld"), () => flash(say("micHeld")), "btn btn-outline-danger").setAttribute("aria-disabled", "true");
        else add("mic", mine.mic === "open" ? say("micOff") : say("micOn"), () => act(mine.mic === "open" ? "close_mic" : "open_mic"), mine.mic === "open" ? "btn btn-primary" : "btn");
        add("camera", cameraOn ? say("cameraOff") : say("cameraOn"), toggleCamera);
        add("floor", mine.floor ? say("floorBack") : say("floor"), () => act(mine.floor ? "withdraw_floor" : "ask_floor"), mine.floor ? "btn btn-warning" : "btn");
        if (link.screenStream) add("share", say("unshare"), () => link.stopScreen(true), "btn btn-primary");
        else add("share", say("share"), shareScreen);
        if (powers === "chair") add("chair", say("releaseChair"), () => act("release_chair"));
        else if (doc?.chair === null || mine.role === "chair") add("chair", say("requestChair"), () => act("request_chair"));
      }
      const pick = make("select", "form-select conf-layout");
      pick.dataset.key = "layout";
      pick.setAttribute("aria-label", say("layout"));
      pick.append(new Option(`${say("layout")} ${doc?.layout ?? ""}`, "0"), ...[1, 4, 9, 16].map((n) => new Option(`${n} · ${say("ownLayout")}`, String(n))));
      pick.value = String(own);
      pick.addEventListener("change", () => {
        own = Number(pick.value);
        page = 0;
        draw();
      });
      out.push(pick);
      add("full", say("full"), fullScreen);
      add("leave", say("leave"), () => link.leave(), "btn btn-outline-danger");
      return out;
    });
  }

  function toggleCamera(): void {
    cameraOn = !cameraOn;
    void link.setCamera(cameraOn);
    draw();
  }
  async function shareScreen(): Promise<void> {
    const refused = await link.shareScreen();
    if (refused) flash(refused);
    draw();
  }
  function fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void box.requestFullscreen().catch(() => undefined);
  }

  function drawAsk(): void {
    const mine = me();
    const roll = doc?.roll?.open && mine && mine.role !== "viewer" && !(String(mine.id) in doc.roll.answers);
    const vote = doc?.vote?.open && mine && mine.role !== "viewer" && !doc.vote.cast.includes(mine.id) ? doc.vote : null;
    redraw(ask, JSON.stringify([Boolean(roll), vote?.id ?? null]), () => {
      const out: Node[] = [];
      if (roll) out.push(make("span", "", say("rollAsk")), button(say("rollAnswer"), () => act("answer_roll_call"), "btn btn-primary"));
      if (vote) {
        out.push(make("span", "", vote.question));
        vote.options.forEach((option, at) => out.push(button(option, () => act("cast", { choice: at }))));
      }
      return out;
    });
    ask.hidden = !roll && !vote;
  }

  // The panel

  function drawSide(): void {
    const steers = STEER.has(power());
    const known: [Tab, string][] = [["people", say("people")], ...(steers ? [["lead", say("lead")] as [Tab, string]] : []), ["chat", say("chat") + (unread ? ` (${unread})` : "")], ["papers", say("papers")], ["votes", say("votes")]];
    if (!known.some(([name]) => name === tab)) tab = "people";
    redraw(tabs, JSON.stringify([tab, known]), () => known.map(([name, text]) => {
      const made = button(text, () => choose(name), `conf-tab${name === tab ? " is-chosen" : ""}`);
      made.setAttribute("role", "tab");
      made.setAttribute("aria-selected", String(name === tab));
      made.dataset.key = name;
      return made;
    }));
    if (!doc || doc.waiting) {
      panel.replaceChildren();
      delete panel.dataset.drawn;
      return;
    }
    if (tab === "people") drawPeople();
    else if (tab === "lead") drawLead();
    else if (tab === "chat") drawChat();
    else if (tab === "papers") drawPapers();
    else drawVotes();
  }

  function choose(name: Tab): void {
    tab = name;
    if (name === "chat") unread = 0;
    delete panel.dataset.drawn;
    draw();
  }

  function stateOf(one: Row): string {
    if (one.waiting) return say("lobby");
    if (one.here) return say("here");
    return has(one.call) ? say(one.call) : say("absent");
  }

  function drawPeople(): void {
    if (panel.querySelector("details[open]")) return; // a menu that somebody is reading must not vanish
    const all = (doc?.participants ?? []).filter((one) => !one.removed);
    const queue = all.filter((one) => one.floor).sort((a, b) => String(a.floor).localeCompare(String(b.floor)));
    const steers = STEER.has(power());
    const leads = LEAD.has(power());
    const roll = doc?.roll;
    redraw(panel, `people|${JSON.stringify([all, queue.length, power(), roll, doc?.chair, doc?.spotlight, doc?.broadcast, levels])}`, () => {
      const out: Node[] = [];
      if (queue.length) {
        const list = make("div", "conf-queue");
        list.append(make("h3", "", `${say("floor")} (${queue.length})`));
        queue.forEach((one, at) => {
          const line = make("div", "conf-row");
          line.append(make("span", "conf-name", `${at + 1}. ${one.name}`));
          if (leads) line.append(keyed(button(say("giveFloor"), () => act("give_floor", { target: one.id }), "btn btn-sm btn-primary"), `give${one.id}`), keyed(button(say("refuseFloor"), () => act("refuse_floor", { target: one.id }), "btn btn-sm"), `no${one.id}`));
          list.append(line);
        });
        out.push(list);
      }
      if (leads && all.some((one) => one.waiting)) out.push(keyed(button(say("admitAll"), () => act("admit"), "btn btn-sm btn-primary"), "admit"));
      for (const one of all) {
        const line = make("div", `conf-row${one.here ? "" : " is-absent"}`);
        line.dataset.person = String(one.id);
        const name = make("span", "conf-name", one.name + (one.id === link.me ? say("you") : ""));
        const about = make("span", "conf-about", [doc?.chair === one.id ? say("chair") : one.role === "camera" ? say("cameraRole") : one.role !== "site" && one.role !== "chair" ? say(one.role) : "", stateOf(one), roll && String(one.id) in roll.answers ? say("signed") : ""].filter(Boolean).join(" · "));
        name.append(about);
        line.append(name);
        if (one.here && !SILENT.has(one.role)) line.append(micMark(one));
        const level = levels[String(one.id)];
        if (level) line.append(qualityMark(level));
        if (steers) line.append(menuOf(one, leads));
        out.push(line);
      }
      return out;
    });
  }

  function keyed<T extends HTMLElement>(element: T, key: string): T {
    element.dataset.key = key;
    return element;
  }

  function menuOf(one: Row, leads: boolean): HTMLElement {
    const wrap = make("span", "conf-acts");
    const quick = (text: string, verb: string, data: Record<string, unknown> = {}, css = "btn btn-sm") => wrap.append(keyed(button(text, () => act(verb, { target: one.id, ...data }), css), `${verb}${one.id}`));
    if (!one.here) {
      if (!SILENT.has(one.role)) quick(say("call"), "call");
    } else if (one.waiting) {
      if (leads) quick(say("admit"), "admit", {}, "btn btn-sm btn-primary");
    } else if (!SILENT.has(one.role) && one.id !== link.me) {
      const quiet = one.mic === "held" || (one.role === "terminal" && one.mic === "closed"); // a terminal cannot open it from there
      quick(quiet ? say("unmute") : say("mute"), quiet ? "unmute" : "mute");
    }
    const more = make("details", "conf-more");
    const summary = make("summary", "btn btn-sm", "⋯");
    summary.setAttribute("aria-label", `${say("more")} ${one.name}`);
    const list = make("div", "conf-menu");
    const add = (text: string, verb: string, data: Record<string, unknown>, sure = "") => list.append(button(text, () => {
      more.open = false;
      if (!sure || confirm(sure)) void act(verb, data);
    }, "conf-item"));
    const t = { target: one.id };
    if (one.here && one.role !== "viewer" && !one.waiting) {
      add(doc?.broadcast === one.id ? say("unbroadcast") : say("broadcast"), "broadcast", doc?.broadcast === one.id ? { target: null } : t);
      add(doc?.spotlight === one.id ? say("unspotlight") : say("spotlight"), "spotlight", doc?.spotlight === one.id ? { target: null } : t);
      add(one.cameraHeld ? say("releaseCamera") : say("holdCamera"), one.cameraHeld ? "release_camera" : "hold_camera", t);
      if (doc?.chair === link.me && one.id !== link.me && one.role !== "camera" && one.role !== "terminal") add(say("giveChair"), "give_chair", t);
    }
    if (one.role === "terminal" && (one.here || one.call === "ringing")) add(say("hangUp"), "hang_up", t);
    if (leads && doc?.roll?.open && !(String(one.id) in doc.roll.answers) && !SILENT.has(one.role)) add(say("rollMark"), "mark_present", t);
    if (leads && one.id !== link.me && one.id !== doc?.chair) add(say("remove"), "remove", t, `${say("sureRemove")}${one.name}`);
    more.append(summary, list);
    more.addEventListener("toggle", () => more.open || draw());
    more.addEventListener("keydown", (event) => event.key === "Escape" && (more.open = false));
    more.addEventListener("focusout", (event) => more.contains(event.relatedTarget as Node | null) || event.relatedTarget === null || (more.open = false));
    if (list.childElementCount) wrap.append(more);
    return wrap;
  }

  function drawLead(): void {
    if (!doc) return;
    const now = doc;
    const leads = LEAD.has(power());
    redraw(panel, `lead|${JSON.stringify([now.layout, now.banner, now.locked, now.lobby, now.freeMics, now.recording, now.voiceSwitch, now.poll, now.broadcast, now.spotlight, now.presenter, now.roll?.open, now.board, leads, power()])}`, () => {
      const group = (name: string, ...items: Node[]) => {
        const made = make("fieldset", "conf-group");
        made.append(make("legend", "", name), ...items);
        return made;
      };
      const toggle = (text: string, on: boolean, verb: string) => {
        const made = button(text, () => act(verb, { on: !on }), `btn btn-sm${on ? " btn-primary" : ""}`);
        made.setAttribute("aria-pressed", String(on));
        return keyed(made, verb);
      };
      const does = (text: string, verb: string, data: Record<string, unknown> = {}, css = "btn btn-sm") => keyed(button(text, () => act(verb, data), css), verb + JSON.stringify(data));
      const out: Node[] = [];
      if (leads) out.push(group(say("rollCall"), now.roll?.open ? does(say("rollClose"), "close_roll_call", {}, "btn btn-sm btn-primary") : does(say("rollCall"), "begin_roll_call")));
      out.push(group(say("mic"), does(say("muteAll"), "mute_all"), does(say("unmuteAll"), "unmute_all"), ...(leads ? [toggle(say("freeMics"), now.freeMics, "free_mics")] : [])));
      out.push(group(say("layout"), ...[1, 4, 9, 16].map((n) => does(String(n), "set_layout", { places: n }, `btn btn-sm${now.layout === n ? " btn-primary" : ""}`))));
      const seconds = make("select", "form-select");
      seconds.dataset.key = "seconds";
      seconds.setAttribute("aria-label", say("seconds"));
      seconds.append(...[5, 10, 15, 30, 60].map((n) => new Option(`${n} ${say("seconds")}`, String(n), n === 10, n === (now.poll || 10))));
      out.push(group(say("poll"), seconds, now.poll ? does(say("pollStop"), "poll", { seconds: 0 }, "btn btn-sm btn-primary") : keyed(button(say("poll"), () => act("poll", { seconds: Number(seconds.value) }), "btn btn-sm"), "poll"), toggle(say("voiceSwitch"), now.voiceSwitch, "voice_switch"), ...(now.broadcast !== null ? [does(say("unbroadcast"), "broadcast", { target: null }, "btn btn-sm btn-primary")] : []), ...(now.spotlight !== null ? [does(say("unspotlight"), "spotlight", { target: null })] : []), ...(now.presenter !== null ? [does(say("unshare"), "stop_share")] : [])));
      const up = Boolean(now.board?.open);
      out.push(group(say("board"), keyed(button(up ? say("boardDown") : say("boardUp"), () => act("board", { on: !up }), `btn btn-sm${up ? " btn-primary" : ""}`), "board")));
      const text = make("input", "form-control");
      text.maxLength = 120;
      text.value = now.banner;
      text.dataset.key = "banner";
      text.setAttribute("aria-label", say("banner"));
      out.push(group(say("banner"), text, button(say("set"), () => act("set_banner", { text: text.value }), "btn btn-sm")));
      const guests = make("select", "form-select");
      guests.dataset.key = "guests";
      guests.setAttribute("aria-label", say("invite"));
      guests.append(...props.sites.map((site) => new Option(site.name, String(site.id))));
      out.push(group(say("call"), does(say("callAbsent"), "call_absent"), ...(props.sites.length ? [guests, button(say("invite"), () => act("invite", { site: Number(guests.value) }), "btn btn-sm")] : [])));
      if (props.cameras.length) {
        const cameras = make("select", "form-select");
        cameras.dataset.key = "cameras";
        cameras.setAttribute("aria-label", say("bringCamera"));
        cameras.append(...props.cameras.map((one) => new Option(one.name, one.key)));
        out.push(group(say("cameraRole"), cameras, button(say("bringCamera"), () => act("bring_camera", { picture: cameras.value }), "btn btn-sm")));
      }
      if (props.terminals.length) {
        const phones = make("select", "form-select");
        phones.dataset.key = "terminals";
        phones.setAttribute("aria-label", say("callTerminal"));
        phones.append(...props.terminals.map((one) => new Option(one.here ? one.name : `${one.name} · ${say("notRegistered")}`, String(one.id))));
        out.push(group(say("terminal"), phones, keyed(button(say("callTerminal"), () => act("bring_terminal", { terminal: Number(phones.value) }), "btn btn-sm"), "callTerminal")));
      }
      if (leads) out.push(group(say("lock"), toggle(say("lock"), now.locked, "lock"), toggle(say("lobbyOn"), now.lobby, "lobby")));
      out.push(group(say("record"), toggle(say("record"), now.recording, "record")));
      if (leads) out.push(group(say("end"), ...[15, 30].map((n) => does(`${say("extend")} ${n} ${say("minutes")}`, "extend", { minutes: n })), keyed(button(say("end"), () => confirm(say("sureEnd")) && act("end"), "btn btn-sm btn-danger"), "end")));
      out.push(make("p", "muted", say("keys")), make("p", "muted", say("missing")));
      return out;
    });
  }

  function drawChat(): void {
    if (!panel.querySelector(".conf-lines")) {
      const list = make("div", "conf-lines");
      list.setAttribute("aria-live", "polite");
      const form = make("form", "conf-write");
      const text = make("input", "form-control");
      text.maxLength = 2000;
      text.placeholder = say("writeHere");
      text.setAttribute("aria-label", say("writeHere"));
      const send = make("button", "btn btn-primary", say("sendText"));
      form.append(text, send);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const words = text.value.trim();
        if (!words) return;
        text.value = "";
        void act("say", { text: words });
      });
      panel.dataset.drawn = "chat";
      panel.replaceChildren(list, form);
    }
    const list = panel.querySelector(".conf-lines") as HTMLElement;
    for (const line of lines.slice(list.childElementCount)) {
      const item = make("div", `conf-line${line.by === link.me ? " is-mine" : ""}`);
      item.append(make("span", "conf-who", `${line.name} ${new Date(line.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`), make("p", "", line.text));
      list.append(item);
      list.scrollTop = list.scrollHeight;
    }
  }

  function drawPapers(): void {
    const mine = me();
    redraw(panel, `papers|${JSON.stringify(doc?.files)}|${mine?.role}|${doc?.paper?.id}`, () => {
      const out: Node[] = [];
      const found = doc?.files ?? [];
      if (!found.length) out.push(make("p", "muted", say("noFiles")));
      for (const file of found) {
        const line = make("p", "conf-file");
        const open = make("a", "", file.name);
        open.href = file.url;
        open.target = "_blank";
        line.append(open, make("span", "conf-about", file.by));
        if (file.pages && mine && mine.role !== "viewer" && doc?.paper?.id !== file.id)
          line.append(button(say("showPaper"), () => act("show_paper", { file: file.id }), "btn btn-sm"));
        out.push(line);
      }
      if (mine && mine.role !== "viewer") {
        const wrap = make("label", "btn", say("addFile"));
        const pick = make("input", "visually-hidden");
        pick.type = "file";
        pick.addEventListener("change", async () => {
          const file = pick.files?.[0];
          if (!file) return;
          await put(file);
        });
        wrap.append(pick);
        out.push(wrap);
      }
      return out;
    });
  }

  function drawVotes(): void {
    const vote = doc?.vote ?? null;
    const leads = LEAD.has(power());
    redraw(panel, `votes|${JSON.stringify(vote)}|${leads}`, () => {
      const out: Node[] = [];
      if (vote) {
        out.push(make("h3", "", vote.question));
        const most = Math.max(1, ...(vote.counts ?? [1]));
        vote.options.forEach((option, at) => {
          const line = make("div", "conf-option");
          line.append(make("span", "", option));
          if (vote.counts) {
            const bar = make("meter");
            bar.max = most;
            bar.value = vote.counts[at] ?? 0;
            line.append(bar, make("b", "", String(vote.counts[at] ?? 0)));
          }
          out.push(line);
        });
        if (vote.open) out.push(make("p", "muted", `${say("cast")}${vote.cast.length}`));
        if (vote.open && leads) out.push(button(say("closeVote"), () => act("close_vote"), "btn btn-primary"));
      } else out.push(make("p", "muted", say("noVote")));
      if (leads && !vote?.open) {
        const question = make("input", "form-control");
        question.placeholder = say("question");
        question.setAttribute("aria-label", say("question"));
        question.maxLength = 200;
        const options = make("textarea", "form-control");
        options.rows = 3;
        options.placeholder = say("options");
        options.setAttribute("aria-label", say("options"));
        out.push(question, options, button(say("openVote"), () => act("open_vote", { question: question.value, options: options.value.split("\n").map((one) => one.trim()).filter(Boolean) })));
      }
      return out;
    });
  }

  // Keys

  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    const mine = me();
    const keys: Record<string, () => unknown> = {
      m: () => mine && act(mine.mic === "open" ? "close_mic" : "open_mic"),
      v: toggleCamera,
      h: () => mine && act(mine.floor ? "withdraw_floor" : "ask_floor"),
      s: () => (link.screenStream ? link.stopScreen(true) : shareScreen()),
      c: () => (choose("chat"), panel.querySelector<HTMLElement>("input")?.focus()),
      l: () => ((own = { 0: 1, 1: 4, 4: 9, 9: 16, 16: 0 }[own] ?? 0), draw()),
      f: fullScreen,
    };
    const go = keys[event.key.toLowerCase()];
    if (go && !doc?.waiting) {
      event.preventDefault();
      event.stopPropagation();
      go();
    }
  };
  box.tabIndex = -1;
  document.addEventListener("keydown", onKey, true);

  function cleanup(): void {
    clearInterval(ticking);
    document.removeEventListener("keydown", onKey, true);
  }
  draw();
  return () => {
    cleanup();
    if (!over) link.leave();
  };
}
