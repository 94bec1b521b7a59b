// One picture: token → WebSocket → Media Source Extensions. Rebuilds itself after an error, stays at the live edge.
import { say } from "./words";

export interface Common {
  live: string;
  token: string;
  snapshot: string;
  page: string;
  mark: string;
}
export interface Told {
  type: string;
  step?: string;
  text?: string;
  mime?: string;
  width?: number;
  height?: number;
  call?: string;
  code?: string;
  what?: string;
  look?: string;
  detail?: string;
  who?: string;
}
interface Options {
  onTold?: (told: Told) => void;
  onFirst?: (ms: number) => void;
  from?: number;
  to?: number;
}

const EDGE = 0.08;
const LATE = 0.6;
const KEEP = 20;
const FINAL = new Set(["revoked", "stopped", "finished", "offline", "refused", "bad_codec", "not_program_stream", "transcode_full", "transcode_failed"]);
const SUBLESS = new Set(["refused", "no_answer", "no_media", "no_key_frame", "bad_answer", "bad_codec"]);

export const csrf = (): string => document.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";

export async function post(url: string, values: Record<string, string>): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "X-CSRFToken": csrf(), Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(values),
  });
  const told = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw new Error(String(told.message ?? answer.status));
  return told;
}

export class Player {
  readonly box: HTMLElement;
  readonly video: HTMLVideoElement;
  private readonly note: HTMLElement;
  private socket?: WebSocket;
  private source?: MediaSource;
  private buffer?: SourceBuffer;
  private mime = "";
  private queue: ArrayBuffer[] = [];
  private closed = false;
  private stream = 0;
  private convert = false; // the last way: H.265 is coded anew by the server
  private h265 = false; // the camera's first stream was found to be H.265
  private tries = 0;
  private started = 0;
  private first = false;
  private timer = 0;
  private late = LATE;
  private jumped = 0;
  private wanted = false;
  private peer?: RTCPeerConnection;
  call = "";
  firstMs = 0;

  constructor(place: HTMLElement, private readonly common: Common, readonly id: number, private readonly options: Options = {}) {
    this.box = document.createElement("div");
    this.box.className = "player";
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.autoplay = true;
    this.video.disableRemotePlayback = true;
    this.note = document.createElement("div");
    this.note.className = "player-note";
    this.note.setAttribute("role", "status");
    const mark = document.createElement("div");
    mark.className = "player-mark";
    mark.setAttribute("aria-hidden", "true");
    for (let index = 0; index < 6; index += 1) mark.append(Object.assign(document.createElement("span"), { textContent: common.mark }));
    this.box.append(this.video, mark, this.note);
    place.append(this.box);
    this.video.addEventListener("error", () => this.rebuild());
    if (!("MediaSource" in window)) this.tell(say("noSource"));
    else void this.open();
  }

  private tell(text: string, retry = false): void {
    this.note.textContent = text;
    this.note.hidden = !text;
    if (retry) {
      const again = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: say("retry") });
      again.addEventListener("click", () => {
        this.tries = 0;
        void this.open();
      });
      this.note.append(document.createElement("br"), again);
    }
  }

  /** The low-latency mode: the picture over WebRTC, while the WebSocket stays for words and steering. */
  async quick(on: boolean): Promise<void> {
    this.wanted = on;
    this.peer?.close();
    this.peer = undefined;
    if (!on) {
      this.video.removeAttribute("src");
      this.video.srcObject = null;
      void this.open();
      return;
    }
    try {
      const token = String((await post(this.common.token.replace("{id}", String(this.id)), { stream: String(this.stream) })).token);
      const peer = new RTCPeerConnection({ iceServers: [] });
      peer.addTransceiver("video", { direction: "recvonly" });
      peer.ontrack = (event) => {
        event.receiver.jitterBufferTarget = 0;
        this.buffer = undefined;
        this.source = undefined;
        this.queue = [];
        this.video.removeAttribute("src");
        this.video.playbackRate = 1;
        this.video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
        void this.video.play().catch(() => undefined);
      };
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "failed" && this.peer === peer) void this.quick(false);
      };
      await peer.setLocalDescription(await peer.createOffer());
      const answer = await fetch(`${this.common.live}/video/webrtc`, {
        method: "POST", credentials: "include", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token, sdp: peer.localDescription?.sdp }),
      });
      const told = (await answer.json()) as { sdp?: string; what?: string };
      if (!told.sdp) throw new Error(told.what ?? String(answer.status));
      await peer.setRemoteDescription({ type: "answer", sdp: told.sdp });
      this.peer = peer;
    } catch (problem) {
      this.wanted = false;
      this.flash((problem as Error).message);
    }
  }

  private async open(): Promise<void> {
    if (this.closed) return;
    this.shut();
    this.tell(say("connecting"));
    this.started = performance.now();
    this.first = false;
    const values: Record<string, string> = { stream: String(this.stream) };
    if (this.options.from) Object.assign(values, { from: String(this.options.from), to: String(this.options.to) });
    let token: string;
    try {
      token = String((await post(this.common.token.replace("{id}", String(this.id)), values)).token);
    } catch (problem) {
      this.tell((problem as Error).message, true);
      return;
    }
    if (this.closed) return;
    const h265 = MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L120.90"') ? "1" : "0";
    const socket = new WebSocket(`${this.common.live.replace(/^http/, "ws")}/video/play?h265=${h265}&convert=${this.convert ? "1" : "0"}&token=${encodeURIComponent(token)}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let ended = false;
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (typeof event.data !== "string") {
        if (this.video.srcObject) return;
        this.queue.push(event.data);
        this.append();
        return;
      }
      const told = JSON.parse(event.data) as Told;
      this.options.onTold?.(told);
      if (told.type === "format") this.format(told);
      else if (told.type === "codec") {
        ended = true;
        this.h265 = true;
        if (this.stream === 0 && !this.options.from) {
          this.stream = 1;
          this.tell(say("sub"));
        } else {
          this.convert = true;
          this.tell(say("convert"));
        }
        setTimeout(() => void this.open(), 200);
      } else if (told.type === "converting") this.tell(told.text ?? "");
      else if (told.type === "stopped" && this.stream === 1 && this.h265 && !this.convert && SUBLESS.has(told.code ?? "")) {
        ended = true; // there is no second stream: the first one is coded anew
        this.stream = 0;
        this.convert = true;
        this.tell(say("convert"));
        setTimeout(() => void this.open(), 200);
      } else if (told.type === "stopped") {
        ended = true;
        this.tell([told.what, told.detail, told.look].filter(Boolean).join(" · "), true);
        if (!FINAL.has(told.code ?? "") && !this.options.from) this.later();
      } else if (told.type === "steered") this.flash(`${told.who ?? ""} ${say("steered")}`);
      else if (told.type === "refused") this.flash(told.what ?? "");
    };
    socket.onclose = () => {
      if (this.closed || this.socket !== socket || ended) return;
      this.tell(say("unreachable"), true);
      this.later();
    };
  }

  private flash(text: string): void {
    this.tell(text);
    setTimeout(() => {
      if (this.note.textContent === text) this.tell("");
    }, 2500);
  }

  private later(): void {
    this.tries += 1;
    if (this.tries > 8) return;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.open(), Math.min(30_000, 1500 * this.tries));
  }

  private format(told: Told): void {
    this.call = told.call ?? "";
    const mime = told.mime ?? "";
    if (this.buffer && this.source?.readyState === "open" && mime !== this.mime) {
      this.mime = mime;
      // what waits was coded the old way; the new initialisation follows this message
      this.queue = [];
      const change = () => this.buffer?.changeType(mime);
      if (this.buffer.updating) this.buffer.addEventListener("updateend", change, { once: true });
      else change();
      return;
    }
    if (this.buffer || this.video.srcObject) return;
    this.mime = mime;
    const source = new MediaSource();
    this.source = source;
    this.video.src = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(this.video.src);
      if (this.source !== source) return;
      if (!MediaSource.isTypeSupported(mime)) {
        this.tell(`${mime}`);
        return;
      }
      const buffer = source.addSourceBuffer(mime);
      buffer.addEventListener("updateend", () => {
        if (this.buffer !== buffer) return;
        this.edge();
        this.append();
      });
      this.buffer = buffer;
      this.append();
    }, { once: true });
    this.video.requestVideoFrameCallback?.(() => this.shown());
  }

  private shown(): void {
    if (this.first) return;
    this.first = true;
    this.tries = 0;
    this.firstMs = performance.now() - this.started;
    this.tell("");
    this.say({ type: "first_picture" });
    this.options.onFirst?.(this.firstMs);
  }

  private append(): void {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || !this.queue.length || this.source?.readyState !== "open") return;
    const part = this.queue.length === 1 ? this.queue[0]! : join(this.queue);
    this.queue = [];
    try {
      buffer.appendBuffer(part);
    } catch (problem) {
      if ((problem as DOMException).name === "QuotaExceededError" && buffer.buffered.length) {
        this.queue.unshift(part);
        buffer.remove(0, Math.max(0.1, this.video.currentTime - 1));
      } else this.rebuild();
    }
  }

  private edge(): void {
    const { buffer, video } = this;
    if (!buffer || !buffer.buffered.length) return;
    const end = buffer.buffered.end(buffer.buffered.length - 1);
    const start = buffer.buffered.start(buffer.buffered.length - 1);
    if (video.currentTime < start) video.currentTime = start;
    if (!this.options.from) {
      const behind = end - video.currentTime;
      const now = performance.now();
      if (behind > this.late && !document.hidden && now - this.jumped > 2000) {
        // a machine that cannot keep up is not made faster by jumping: jumps become rarer
        this.late = now - this.jumped < 6000 ? Math.min(3, this.late * 1.5) : LATE;
        this.jumped = now;
        video.currentTime = Math.max(start, end - EDGE);
      }
      else if (behind > 0.25) video.playbackRate = 1.05;
      else if (behind < EDGE) video.playbackRate = 0.98;
      else video.playbackRate = 1;
    }
    if (video.paused && !this.closed) void video.play().catch(() => undefined);
    if (video.currentTime - buffer.buffered.start(0) > KEEP * 1.5 && !buffer.updating) buffer.remove(0, video.currentTime - KEEP);
  }

  private rebuild(): void {
    if (this.closed || this.wanted) return;
    this.later();
  }

  say(message: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  async snapshot(): Promise<void> {
    try {
      await post(this.common.snapshot.replace("{id}", String(this.id)), {});
      this.flash(say("kept"));
    } catch (problem) {
      this.flash((problem as Error).message);
    }
  }

  /** Hear the camera, or not; it begins silent, because browsers play no sound by themselves. */
  sound(on: boolean): boolean {
    this.video.muted = !on;
    return on;
  }

  full(): void {
    void this.box.requestFullscreen?.();
  }

  private shut(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    this.buffer = undefined;
    this.source = undefined;
    this.queue = [];
    this.mime = "";
    this.video.removeAttribute("src");
  }

  close(): void {
    this.closed = true;
    this.peer?.close();
    this.shut();
    this.video.load();
    this.box.remove();
  }
}

function join(parts: ArrayBuffer[]): ArrayBuffer {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole.buffer;
}
