// One place in a meeting: ticket → WebSocket to the gateway, and two connections for media (what we send, what we show).
// Whatever dies (engine, gateway, web, network), it comes back by itself: only "bye" with a final reason ends it.
import { post } from "./post";

export interface Row {
  id: number;
  name: string;
  role: "chair" | "co_chair" | "operator" | "site" | "viewer" | "camera" | "terminal";
  site: number | null;
  here: boolean;
  call: string;
  mic: "open" | "closed" | "held";
  cameraHeld: boolean;
  floor: string | null;
  waiting: boolean;
  admitted: boolean;
  removed: boolean;
}
export interface Doc {
  id: number;
  title: string;
  agenda?: string;
  state: string;
  began: string | null;
  ends: string;
  layout: number;
  banner: string;
  locked: boolean;
  lobby: boolean;
  freeMics: boolean;
  recording: boolean;
  voiceSwitch: boolean;
  poll: number;
  chair: number | null;
  spotlight: number | null;
  broadcast: number | null;
  presenter: number | null;
  participants: Row[];
  waiting?: boolean;
  roll: { open: boolean; began: string; answers: Record<string, string> } | null;
  board: { open: boolean; from: number };
  vote: { id: number; question: string; options: string[]; open: boolean; cast: number[]; counts: number[] | null } | null;
  files: { id: number; name: string; url: string; by: string; pages: boolean }[];
  paper: { id: number; name: string; page: number; pages: number; by: number | null; url: string } | null;
}
export interface Line {
  id: number;
  by: number;
  name: string;
  at: string;
  text: string;
}
export interface Stroke {
  id: number;
  by: number;
  colour: string;
  width: number;
  points: number[];
}
export type What = "camera" | "screen" | "sound";
export interface Told {
  onState(doc: Doc): void;
  onLines(lines: Line[]): void;
  onStrokes(strokes: Stroke[]): void;
  onTalk(id: number, on: boolean): void;
  onFocus(id: number | null): void;
  onQuality(levels: Record<string, number>): void;
  onStreams(): void;
  onLine(state: "connecting" | "up" | "engine-down" | "over", why?: string): void;
}
interface Message {
  t: string;
  [key: string]: unknown;
}

const FINAL = new Set(["ended", "removed", "replaced", "signed_out", "conference_removed", "conference_not_running", "conference_locked"]);
const LAYERS: RTCRtpEncodingParameters[] = [
  { rid: "h", maxBitrate: 1_200_000 },
  { rid: "m", maxBitrate: 350_000, scaleResolutionDownBy: 2 },
  { rid: "l", maxBitrate: 120_000, scaleResolutionDownBy: 4 },
];

/** Three layers for a large picture; a small one is sent once. */
function layers(track?: MediaStreamTrack): RTCRtpEncodingParameters[] {
  const height = track?.getSettings().height ?? 720;
  return height >= 480 ? LAYERS.map((layer) => ({ ...layer })) : [{ maxBitrate: height >= 300 ? 400_000 : 150_000 }];
}

/** H.264 first: the rooms take nothing else. */
export function preferH264(transceiver: RTCRtpTransceiver): void {
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const h264 = known.filter((codec) => codec.mimeType.toLowerCase() === "video/h264");
  const rest = known.filter((codec) => /rtx|red|ulpfec/i.test(codec.mimeType));
  if (h264.length) transceiver.setCodecPreferences([...h264, ...rest]);
}

/** Candidates that come before their description wait for it. */
export class Candidates {
  private waiting: RTCIceCandidateInit[] = [];
  private ready = false;
  constructor(private readonly peer: RTCPeerConnection) {}
  add(candidate: RTCIceCandidateInit & { completed?: boolean }): void {
    if (candidate.completed || !candidate.candidate) return;
    if (this.ready) void this.peer.addIceCandidate(candidate).catch(() => undefined);
    else this.waiting.push(candidate);
  }
  described(): void {
    this.ready = true;
    for (const one of this.waiting.splice(0)) void this.peer.addIceCandidate(one).catch(() => undefined);
  }
}

export class Link {
  me = 0;
  doc: Doc | null = null;
  readonly streams = new Map<string, MediaStream>();
  private socket?: WebSocket;
  private out?: RTCPeerConnection;
  private outCandidates?: Candidates;
  private inward?: RTCPeerConnection;
  private inCandidates?: Candidates;
  private screen?: RTCRtpTransceiver;
  private camera?: RTCRtpTransceiver;
  private tries = 0;
  private closed = false;
  private engine = false;
  private ice: RTCIceServer[] = [];
  private numbers = 0;
  private readonly waiting = new Map<number, (told: Message) => void>();
  private wants: [number, "camera" | "screen", number][] = [];
  private timer = 0;
  private negotiating = false;
  private again = false;
  private last = new Map<string, [number, number]>();
  screenStream?: MediaStream;

  constructor(
    private readonly props: { live: string; ticket: string },
    readonly local: MediaStream,
    private readonly told: Told,
  ) {
    void this.open();
    this.timer = window.setInterval(() => void this.measure(), 3000);
  }

  private async open(): Promise<void> {
    if (this.closed) return;
    this.told.onLine("connecting");
    let ticket: string;
    try {
      ticket = String((await post(this.props.ticket, {})).ticket);
    } catch (problem) {
      const refusal = problem as Error & { code?: string };
      if (refusal.code && FINAL.has(refusal.code)) this.over(refusal.code, refusal.message);
      else this.later();
      return;
    }
    if (this.closed) return;
    const socket = new WebSocket(`${this.props.live.replace(/^http/, "ws")}/command/room?ticket=${encodeURIComponent(ticket)}`);
    this.socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => this.heard(JSON.parse(event.data) as Message);
    socket.onclose = () => {
      if (this.socket !== socket || this.closed) return;
      this.dropMedia();
      this.later();
    };
  }

  private later(): void {
    if (this.closed) return;
    this.told.onLine("connecting");
    this.tries += 1;
    setTimeout(() => void this.open(), Math.min(3000, 150 * this.tries));
  }

  private over(code: string, text = ""): void {
    this.closed = true;
    clearInterval(this.timer);
    this.dropMedia();
    this.socket?.close();
    for (const stream of [this.local, this.screenStream]) stream?.getTracks().forEach((track) => track.stop());
    this.told.onLine("over", text || code);
  }

  leave(): void {
    this.send({ t: "leave" });
    this.over("left");
  }

  private dropMedia(): void {
    this.out?.close();
    this.inward?.close();
    this.out = this.inward = this.screen = this.camera = undefined;
    this.streams.clear();
    this.told.onStreams();
  }

  private send(message: Message): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Use a verb; the answer is "" or the words of the refusal. */
  act(verb: string, data: Record<string, unknown> = {}): Promise<string> {
    const n = (this.numbers += 1);
    return new Promise((resolve) => {
      if (this.socket?.readyState !== WebSocket.OPEN) {
        resolve("…");
        return;
      }
      this.waiting.set(n, (told) => resolve(told.ok ? "" : String(told.message ?? told.code)));
      this.send({ t: "act", n, do: verb, ...data });
    });
  }

  view(wants: [number, "camera" | "screen", number][]): void {
    if (JSON.stringify(wants) === JSON.stringify(this.wants)) return;
    this.wants = wants;
    this.send({ t: "view", want: wants });
  }

  private mine(): Row | undefined {
    return this.doc?.participants.find((row) => row.id === this.me);
  }

  private heard(message: Message): void {
    switch (message.t) {
      case "welcome":
        this.tries = 0;
        this.me = message.me as number;
        this.engine = Boolean(message.engine);
        this.ice = (message.ice as RTCIceServer[] | undefined) ?? [];
        this.setDoc(message.doc as Doc);
        this.told.onFocus(message.focus as number | null);
        this.told.onLine(this.engine ? "up" : "engine-down");
        this.send({ t: "view", want: this.wants });
        void this.publish();
        break;
      case "state": {
        const waited = this.doc?.waiting;
        this.setDoc(message.doc as Doc);
        if (waited && !this.doc?.waiting) {
          this.send({ t: "view", want: this.wants });
          void this.publish();
        }
        break;
      }
      case "engine":
        this.engine = Boolean(message.up);
        this.dropMedia();
        this.told.onLine(this.engine ? "up" : "engine-down");
        if (this.engine) {
          this.send({ t: "view", want: [] });
          this.send({ t: "view", want: this.wants });
          void this.publish();
        }
        break;
      case "pub-answer":
        if (this.out) {
          const candidates = this.outCandidates;
          void this.out.setRemoteDescription({ type: "answer", sdp: message.sdp as string }).then(() => {
            candidates?.described();
            this.negotiating = false;
            if (this.again) void this.offer();
          }).catch(() => this.republish());
        }
        break;
      case "sub-offer":
        void this.receive(message as unknown as { sdp: string; fresh: boolean; tracks: { mid: string; id: number; what: What }[] });
        break;
      case "trickle":
        (message.pc === "pub" ? this.outCandidates : this.inCandidates)?.add(message.candidate as RTCIceCandidateInit);
        break;
      case "chat":
        this.told.onLines(message.lines as Line[]);
        break;
      case "strokes":
        this.told.onStrokes(message.strokes as Stroke[]);
        break;
      case "talk":
        this.told.onTalk(message.id as number, Boolean(message.on));
        break;
      case "focus":
        this.told.onFocus(message.id as number | null);
        break;
      case "quality":
        this.told.onQuality(message.levels as Record<string, number>);
        break;
      case "done": {
        const answer = this.waiting.get(message.n as number);
        this.waiting.delete(message.n as number);
        answer?.(message);
        break;
      }
      case "bye":
        if (FINAL.has(String(message.code))) this.over(String(message.code), String(message.text ?? ""));
        break;
      default:
    }
  }

  private setDoc(doc: Doc): void {
    this.doc = doc;
    const me = this.mine();
    if (me) for (const track of this.local.getAudioTracks()) track.enabled = me.mic === "open";
    if (this.screenStream && doc.presenter !== this.me) void this.stopScreen(false);
    this.told.onState(doc);
  }

  // What we send

  private async publish(): Promise<void> {
    const me = this.mine();
    if (!this.engine || !me || me.role === "viewer" || this.doc?.waiting) return;
    this.out?.close();
    const peer = (this.out = new RTCPeerConnection({ iceServers: this.ice }));
    this.outCandidates = new Candidates(peer);
    this.negotiating = this.again = false;
    this.screen = undefined;
    peer.onicecandidate = (event) => this.send({ t: "trickle", pc: "pub", candidate: event.candidate?.toJSON() ?? null });
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed" && this.out === peer) this.republish();
    };
    const [sound] = this.local.getAudioTracks();
    const [picture] = this.local.getVideoTracks();
    peer.addTransceiver(sound ?? "audio", { direction: sound ? "sendonly" : "inactive", streams: [this.local] });
    this.camera = peer.addTransceiver(picture ?? "video", { direction: picture ? "sendonly" : "inactive", sendEncodings: layers(picture) });
    preferH264(this.camera);
    const screen = this.screenStream?.getVideoTracks()[0];
    if (screen) this.addScreen(peer, screen);
    await this.offer();
  }

  private republish(): void {
    setTimeout(() => void this.publish(), 300);
  }

  private async offer(): Promise<void> {
    const peer = this.out;
    if (!peer) return;
    if (this.negotiating) {
      this.again = true;
      return;
    }
    this.negotiating = true;
    this.again = false;
    await peer.setLocalDescription(await peer.createOffer());
    this.send({ t: "pub", sdp: peer.localDescription?.sdp ?? "" });
  }

  /** Another camera or microphone, or the camera on and off, without a new description. */
  async setCamera(on: boolean): Promise<void> {
    for (const track of this.local.getVideoTracks()) track.enabled = on;
  }

  private addScreen(peer: RTCPeerConnection, track: MediaStreamTrack): void {
    this.screen = peer.addTransceiver(track, { direction: "sendonly", sendEncodings: [{ maxBitrate: 1_500_000 }] });
    preferH264(this.screen);
  }

  /** Share a screen: "" or why not. */
  async shareScreen(): Promise<string> {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 10 }, audio: false });
    } catch (problem) {
      return (problem as Error).message;
    }
    const refused = await this.act("share");
    if (refused) {
      stream.getTracks().forEach((track) => track.stop());
      return refused;
    }
    this.screenStream = stream;
    const [track] = stream.getVideoTracks();
    track?.addEventListener("ended", () => void this.stopScreen(true));
    if (this.out && track) {
      if (this.screen) {
        await this.screen.sender.replaceTrack(track);
        this.screen.direction = "sendonly";
      } else this.addScreen(this.out, track);
      await this.offer();
    }
    this.told.onStreams();
    return "";
  }

  async stopScreen(tell: boolean): Promise<void> {
    const stream = this.screenStream;
    this.screenStream = undefined;
    stream?.getTracks().forEach((track) => track.stop());
    if (tell) await this.act("unshare");
    if (this.screen) {
      await this.screen.sender.replaceTrack(null);
      this.screen.direction = "inactive";
      await this.offer();
    }
    this.told.onStreams();
  }

  // What we show

  private async receive(offer: { sdp: string; fresh: boolean; tracks: { mid: string; id: number; what: What }[] }): Promise<void> {
    if (offer.fresh || !this.inward) {
      this.inward?.close();
      const made = (this.inward = new RTCPeerConnection({ iceServers: this.ice }));
      this.inCandidates = new Candidates(made);
      made.onicecandidate = (event) => this.send({ t: "trickle", pc: "sub", candidate: event.candidate?.toJSON() ?? null });
      this.streams.clear();
    }
    const peer = this.inward;
    try {
      await peer.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      this.inCandidates?.described();
      await peer.setLocalDescription(await peer.createAnswer());
    } catch {
      return;
    }
    if (this.inward !== peer) return;
    this.send({ t: "sub-answer", sdp: peer.localDescription?.sdp ?? "" });
    const named = new Map(offer.tracks.map((track) => [track.mid, `${track.id}/${track.what}`]));
    const before = new Map(this.streams);
    this.streams.clear();
    for (const transceiver of peer.getTransceivers()) {
      const key = named.get(transceiver.mid ?? "");
      if (!key || transceiver.currentDirection === "inactive") continue;
      const old = before.get(key);
      const track = transceiver.receiver.track;
      this.streams.set(key, old && old.getTracks()[0] === track ? old : new MediaStream([track]));
    }
    this.told.onStreams();
  }

  /** The worse of both ways, told to the gateway: loss in percent, jitter in milliseconds. */
  private async measure(): Promise<void> {
    let loss = 0;
    let jitter = 0;
    let seen = false;
    const delta = (key: string, lost: number, got: number) => {
      const [oldLost, oldGot] = this.last.get(key) ?? [lost, got];
      this.last.set(key, [lost, got]);
      const missing = Math.max(0, lost - oldLost);
      const all = missing + Math.max(0, got - oldGot);
      if (all > 20) loss = Math.max(loss, (100 * missing) / all);
    };
    for (const peer of [this.inward, this.out]) {
      if (!peer || peer.connectionState !== "connected") continue;
      for (const report of (await peer.getStats()).values() as Iterable<Record<string, number & string>>) {
        if (report.type === "inbound-rtp") {
          seen = true;
          delta(String(report.id), Number(report.packetsLost ?? 0), Number(report.packetsReceived ?? 0));
          if (report.kind === "audio") jitter = Math.max(jitter, 1000 * Number(report.jitter ?? 0));
        } else if (report.type === "remote-inbound-rtp") {
          seen = true;
          loss = Math.max(loss, 100 * Number(report.fractionLost ?? 0));
          jitter = Math.max(jitter, 1000 * Number(report.jitter ?? 0));
        }
      }
    }
    if (seen) this.send({ t: "stats", loss: Math.round(loss * 100) / 100, jitter: Math.round(jitter * 10) / 10 });
  }
}
