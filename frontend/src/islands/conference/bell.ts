// A venue's console: it rings when the venue is called, and tests the line: by itself with a made picture (no camera is
// opened), or with camera and microphone, so that people see and hear what comes back over the server.
import { choices, devices } from "./entrance";
import { Candidates, preferH264 } from "./link";
import { button, make, redraw } from "./make";
import { post } from "./post";
import { say } from "./words";

export interface ConsoleProps {
  kind: "console";
  live: string;
  ticket: string;
  result: string;
  room: string;
  name: string;
}
interface Call {
  meeting: number;
  title: string;
  from: string;
  call: string;
  here: boolean;
}
const TEST_SECONDS = 10;

export function bell(place: HTMLElement, props: ConsoleProps): () => void {
  const state = make("p", "conf-state", say("offline"));
  state.setAttribute("role", "status");
  const ringing = make("div", "conf-calls");
  ringing.setAttribute("role", "alert");
  const tools = make("div", "conf-tools");
  const answer = make("p", "conf-answer");
  const back = make("div", "conf-back");
  const facts = make("ul", "conf-facts muted");
  place.replaceChildren(state, ringing, tools, answer, facts, back);

  let socket: WebSocket | undefined;
  let closed = false;
  let tries = 0;
  let sound: AudioContext | undefined;
  let ring = 0;
  let test: Test | undefined;
  let ice: RTCIceServer[] = [];

  function tone(): void {
    sound ??= new AudioContext();
    void sound.resume();
    for (const [at, pitch] of [[0, 880], [0.25, 660], [0.5, 880]] as const) {
      const pipe = sound.createOscillator();
      const loud = sound.createGain();
      pipe.frequency.value = pitch;
      loud.gain.setValueAtTime(0.25, sound.currentTime + at);
      loud.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.22);
      pipe.connect(loud).connect(sound.destination);
      pipe.start(sound.currentTime + at);
      pipe.stop(sound.currentTime + at + 0.24);
    }
  }

  function calls(found: Call[]): void {
    const loud = found.some((call) => call.call === "ringing" && !call.here);
    clearInterval(ring);
    ring = 0;
    if (loud) {
      tone();
      ring = window.setInterval(tone, 1800);
      document.title = `☎ ${found[0]?.title ?? ""}`;
    } else document.title = props.name;
    redraw(ringing, JSON.stringify(found), () => found.map((call) => {
      const calling = call.call === "ringing" && !call.here;
      const card = make("div", `conf-call${calling ? " is-ringing" : ""}`);
      card.dataset.call = String(call.meeting);
      card.append(make("b", "", call.title), make("span", "muted", `${call.from} · ${call.here ? say("here") : calling ? say("calling") : say("running")}`));
      const enter = button(calling ? say("answer") : say("join"), () => {
        send({ t: "answer", meeting: call.meeting, accept: true });
        location.href = `${props.room.replace("{id}", String(call.meeting))}?join=1`;
      }, "btn btn-primary btn-lg");
      card.append(enter);
      if (calling) card.append(button(say("decline"), () => send({ t: "answer", meeting: call.meeting, accept: false }), "btn btn-lg btn-outline-danger"));
      return card;
    }));
    if (loud) ringing.querySelector("button")?.focus();
  }

  function send(message: Record<string, unknown>): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  async function open(): Promise<void> {
    if (closed) return;
    try {
      const ticket = String((await post(props.ticket, {})).ticket);
      const made = new WebSocket(`${props.live.replace(/^http/, "ws")}/command/console?ticket=${encodeURIComponent(ticket)}`);
      socket = made;
      made.onmessage = (event: MessageEvent<string>) => {
        const told = JSON.parse(event.data) as { t: string; [key: string]: unknown };
        if (told.t === "welcome") {
          tries = 0;
          ice = (told.ice as RTCIceServer[] | undefined) ?? [];
          void relayTest();
          state.textContent = say("ready");
          state.classList.add("is-up");
        } else if (told.t === "calls") calls(told.calls as Call[]);
        else if (told.t === "test") void lineTest("auto");
        else if (told.t === "test-failed") test?.fail();
        else test?.heard(told);
      };
      made.onclose = () => {
        state.textContent = say("offline");
        state.classList.remove("is-up");
        test?.fail();
        later();
      };
    } catch {
      later();
    }
  }
  function later(): void {
    tries += 1;
    if (!closed) setTimeout(() => void open(), Math.min(5000, 300 * tries));
  }

  /** There and back with a made picture and a hum; measured and reported. */
  async function lineTest(why: "hand" | "auto"): Promise<void> {
    if (test) return;
    answer.textContent = say("testing");
    const canvas = make("canvas");
    canvas.width = 640;
    canvas.height = 360;
    const pen = canvas.getContext("2d");
    let frame = 0;
    const painting = window.setInterval(() => {
      frame += 1;
      if (!pen) return;
      pen.fillStyle = `hsl(${(frame * 7) % 360} 60% 40%)`;
      pen.fillRect(0, 0, 640, 360);
      for (let at = 0; at < 200; at += 1) {
        pen.fillStyle = `hsl(${(at * 31 + frame * 13) % 360} 70% 55%)`;
        pen.fillRect((at * 97 + frame * 11) % 640, (at * 53 + frame * 5) % 360, 24, 24);
      }
    }, 1000 / 15);
    const hum = new AudioContext();
    const pipe = hum.createOscillator();
    const out = hum.createMediaStreamDestination();
    pipe.connect(out);
    pipe.start();
    const stream = canvas.captureStream(15);
    for (const track of out.stream.getAudioTracks()) stream.addTrack(track);
    const made = (test = new Test(send, stream, ice));
    const found = await made.measure(TEST_SECONDS);
    made.close();
    test = undefined;
    clearInterval(painting);
    void hum.close();
    const values = found
      ? { reached: "1", loss: found.loss.toFixed(2), jitter: found.jitter.toFixed(1), note: `${why === "auto" ? "auto" : "hand"} · rtt ${Math.round(found.rtt)} ms · ${found.path}` }
      : { reached: "0", loss: "100", jitter: "0", note: `${why} · no media` };
    try {
      const told = await post(props.result, values);
      answer.textContent = found ? `${String(told.label)} · ${say("loss")} ${found.loss.toFixed(2)} % · ${say("jitter")} ${found.jitter.toFixed(0)} ms · ${say("delay")} ${found.rtt.toFixed(0)} ms · ${say("path")} ${found.path}` : say("testFailed");
      answer.dataset.result = String(told.result);
    } catch (problem) {
      answer.textContent = `${say("testFailed")} ${(problem as Error).message}`;
    }
  }

  /** What this page and network can do, before anything is tested: safe page, and whether the relay answers. */
  async function relayTest(): Promise<void> {
    const relays = ice.filter((one) => String(one.urls).startsWith("turn"));
    const told = (text: string) => facts.replaceChildren(
      make("li", "", window.isSecureContext ? say("secure") : say("secureNot")),
      make("li", "", `${say("relay")}: ${relays.length ? `${relays.map((one) => String(one.urls)).join(" ")} · ` : ""}${text}`),
    );
    if (!relays.length) {
      told(say("relayNone"));
      return;
    }
    told(say("relayTrying"));
    const peer = new RTCPeerConnection({ iceServers: relays, iceTransportPolicy: "relay" });
    peer.createDataChannel("probe");
    const reached = new Promise<boolean>((done) => {
      peer.onicecandidate = (event) => event.candidate?.type === "relay" && done(true);
      setTimeout(() => done(false), 8000);
    });
    await peer.setLocalDescription(await peer.createOffer());
    const good = await reached;
    peer.close();
    told(good ? say("relayGood") : say("relayBad"));
    facts.dataset.relay = good ? "good" : "bad";
  }

  /** Camera, microphone and echo: you see and hear yourself until you stop. */
  async function deviceCheck(): Promise<void> {
    if (test) return;
    const { stream, fault } = await devices();
    const look = make("video", "conf-self");
    look.autoplay = look.playsInline = true;
    const level = make("meter", "conf-level");
    level.max = 100;
    const note = make("p", "conf-note", fault || say("echo"));
    const loud = make("label", "conf-choice", say("level"));
    loud.append(level);
    const ear = new AudioContext();
    let listening = 0;
    if (stream.getAudioTracks().length) {
      const analyser = ear.createAnalyser();
      ear.createMediaStreamSource(stream).connect(analyser);
      const data = new Uint8Array(analyser.fftSize);
      listening = window.setInterval(() => {
        analyser.getByteTimeDomainData(data);
        level.value = Math.min(100, Math.max(...data.map((value) => Math.abs(value - 128))) * 1.6);
      }, 100);
    }
    const made = (test = new Test(send, stream, ice, look));
    const stop = button(say("testStop"), () => {
      clearInterval(listening);
      void ear.close();
      made.close();
      stream.getTracks().forEach((track) => track.stop());
      test = undefined;
      back.replaceChildren();
    }, "btn btn-primary");
    back.replaceChildren(look, note, loud, await choices("videoinput", "", say("cameraOn"), () => undefined), await choices("audioinput", "", say("mic"), () => undefined), stop);
  }

  tools.append(
    button(say("testLine"), () => lineTest("hand")),
    button(say("testDevices"), deviceCheck),
    button(say("bell"), tone, "btn"),
  );
  void open();
  return () => {
    closed = true;
    clearInterval(ring);
    socket?.close();
  };
}

interface Figures {
  loss: number;
  jitter: number;
  rtt: number;
  path: string;
}

/** Our own stream through the server and back. */
class Test {
  private readonly out: RTCPeerConnection;
  private inward?: RTCPeerConnection;
  private readonly outCandidates: Candidates;
  private inCandidates?: Candidates;
  private over = false;

  constructor(private readonly send: (message: Record<string, unknown>) => void, stream: MediaStream, private readonly ice: RTCIceServer[], private readonly look?: HTMLVideoElement) {
    this.out = new RTCPeerConnection({ iceServers: ice });
    this.outCandidates = new Candidates(this.out);
    this.out.onicecandidate = (event) => send({ t: "trickle", pc: "pub", candidate: event.candidate?.toJSON() ?? null });
    const [sound] = stream.getAudioTracks();
    const [picture] = stream.getVideoTracks();
    this.out.addTransceiver(sound ?? "audio", { direction: sound ? "sendonly" : "inactive", streams: [stream] });
    preferH264(this.out.addTransceiver(picture ?? "video", { direction: picture ? "sendonly" : "inactive", sendEncodings: [{ maxBitrate: 800_000 }] }));
    void this.begin();
  }

  private async begin(): Promise<void> {
    await this.out.setLocalDescription(await this.out.createOffer());
    this.send({ t: "pub", sdp: this.out.localDescription?.sdp ?? "" });
  }

  heard(told: { t: string; [key: string]: unknown }): void {
    if (told.t === "pub-answer") void this.out.setRemoteDescription({ type: "answer", sdp: told.sdp as string }).then(() => this.outCandidates.described());
    else if (told.t === "trickle") (told.pc === "pub" ? this.outCandidates : this.inCandidates)?.add(told.candidate as RTCIceCandidateInit);
    else if (told.t === "sub-offer") void this.receive(told.sdp as string, Boolean(told.fresh));
  }

  private async receive(sdp: string, fresh: boolean): Promise<void> {
    if (fresh || !this.inward) {
      this.inward?.close();
      const made = (this.inward = new RTCPeerConnection({ iceServers: this.ice }));
      this.inCandidates = new Candidates(made);
      made.onicecandidate = (event) => this.send({ t: "trickle", pc: "sub", candidate: event.candidate?.toJSON() ?? null });
    }
    const peer = this.inward;
    await peer.setRemoteDescription({ type: "offer", sdp });
    this.inCandidates?.described();
    await peer.setLocalDescription(await peer.createAnswer());
    this.send({ t: "sub-answer", sdp: peer.localDescription?.sdp ?? "" });
    if (this.look) this.look.srcObject = new MediaStream(peer.getReceivers().map((receiver) => receiver.track));
  }

  /** After so many seconds: what got lost on the way there and back; null when nothing came back. */
  async measure(seconds: number): Promise<Figures | null> {
    const end = performance.now() + (seconds + 6) * 1000;
    while (!this.over && this.inward?.connectionState !== "connected" && performance.now() < end - seconds * 1000) await new Promise((go) => setTimeout(go, 100));
    if (this.inward?.connectionState !== "connected") return null;
    await new Promise((go) => setTimeout(go, seconds * 1000));
    if (this.over) return null;
    let lost = 0;
    let got = 0;
    let jitter = 0;
    let rtt = 0;
    let up = 0;
    for (const report of (await this.inward.getStats()).values() as Iterable<Record<string, number & string>>) {
      if (report.type !== "inbound-rtp") continue;
      lost += Math.max(0, Number(report.packetsLost ?? 0));
      got += Number(report.packetsReceived ?? 0);
      if (report.kind === "audio") jitter = Math.max(jitter, 1000 * Number(report.jitter ?? 0));
    }
    const stats = await this.out.getStats();
    const known = new Map<string, Record<string, unknown>>();
    stats.forEach((report: Record<string, unknown>) => known.set(String(report.id), report));
    let path = "";
    for (const report of known.values()) {
      if (report.type !== "candidate-pair" || report.state !== "succeeded" || !report.nominated) continue;
      const local = known.get(String(report.localCandidateId)) ?? {};
      path = `${local.candidateType === "relay" ? say("relayed") : say("direct")} ${String(local.relayProtocol ?? local.protocol ?? "").toUpperCase()}`;
    }
    for (const report of stats.values() as Iterable<Record<string, number & string>>) {
      if (report.type !== "remote-inbound-rtp") continue;
      rtt = Math.max(rtt, 1000 * Number(report.roundTripTime ?? 0));
      up = Math.max(up, 100 * Number(report.fractionLost ?? 0));
    }
    return got ? { loss: Math.max(up, (100 * lost) / (lost + got)), jitter, rtt, path } : null;
  }

  fail(): void {
    this.over = true;
  }

  close(): void {
    this.over = true;
    this.out.close();
    this.inward?.close();
    this.send({ t: "test-over" });
  }
}
