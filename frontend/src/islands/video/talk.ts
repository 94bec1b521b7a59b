// Hold to speak: the microphone's sound goes to the camera's loudspeaker while the button, or the space bar, is held.
import { alaw, Resampler } from "./alaw";
import workletUrl from "./microphone.worklet.ts?worker&url";
import { post, type Told } from "./player";
import { say } from "./words";

interface Props {
  live: string;
  talk: string;
  talk_steps: { code: string; label: string }[];
}

/** What one hold needs; everything of it is given back when it ends. */
class Hold {
  private stream?: MediaStream;
  private context?: AudioContext;
  private socket?: WebSocket;
  private ready = false;
  private over = false;

  constructor(private readonly props: Props, private readonly told: (told: Told) => void) {}

  async begin(): Promise<void> {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
    } catch {
      this.end();
      this.told({ type: "stopped", what: say("talkMicrophone") });
      return;
    }
    try {
      await this.capture(this.stream);
      if (this.over) return this.give();
      const token = String((await post(this.props.talk, {})).token);
      if (this.over) return this.give();
      this.open(token);
    } catch (problem) {
      this.end();
      this.told({ type: "stopped", what: (problem as Error).message });
    }
  }

  private async capture(stream: MediaStream): Promise<void> {
    const context = (this.context = new AudioContext());
    await context.audioWorklet.addModule(workletUrl);
    if (this.over) return;
    const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    const resampler = new Resampler(context.sampleRate);
    node.port.onmessage = (event: MessageEvent<Float32Array>) => {
      const samples = resampler.take(event.data);
      if (this.ready && this.socket?.readyState === WebSocket.OPEN) this.socket.send(alaw(samples));
    };
    context.createMediaStreamSource(stream).connect(node);
  }

  private open(token: string): void {
    const socket = (this.socket = new WebSocket(`${this.props.live.replace(/^http/, "ws")}/video/talk?token=${encodeURIComponent(token)}`));
    let ended = false;
    socket.onmessage = (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as Told;
      if (told.step === "connected") this.ready = true;
      if (told.type === "stopped") ended = true;
      this.told(told);
      if (ended) this.end();
    };
    socket.onclose = () => {
      if (!ended && !this.over) this.told({ type: "stopped", what: say("unreachable") });
      this.end();
    };
  }

  /** Let go: the microphone is off at once, and the device is told. */
  end(): void {
    if (this.over) return;
    this.over = true;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type":"over"}');
    this.give();
  }

  private give(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    void this.context?.close().catch(() => undefined);
    this.context = undefined;
    setTimeout(() => this.socket?.close(), 300);
  }
}

export function talking(props: Props): { box: HTMLElement; close: () => void } {
  const box = document.createElement("div");
  box.className = "talk";
  const key = Object.assign(document.createElement("button"), { type: "button" as const, className: "btn talk-key", textContent: say("talk") });
  key.setAttribute("aria-pressed", "false");
  const help = Object.assign(document.createElement("p"), { className: "muted talk-help", textContent: say("talkHelp") });
  const note = Object.assign(document.createElement("p"), { className: "talk-note", hidden: true });
  note.setAttribute("role", "status");
  const list = Object.assign(document.createElement("ol"), { className: "camera-steps talk-steps", hidden: true });
  const lines = new Map<string, HTMLElement>();
  for (const step of props.talk_steps) {
    const line = document.createElement("li");
    line.append(step.label, document.createElement("span"));
    lines.set(step.code, line);
    list.append(line);
  }
  box.append(key, help, note, list);
  if (!navigator.mediaDevices) {
    key.disabled = true;
    help.textContent = say("talkUnsafe");
    return { box, close: () => undefined };
  }
  let hold: Hold | undefined;
  let asked = 0;
  const show = (text: string, bad = false) => {
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("is-bad", bad);
  };
  const still = (pressed: boolean, text: string) => {
    key.setAttribute("aria-pressed", String(pressed));
    key.classList.toggle("btn-primary", pressed);
    key.textContent = text;
  };
  const press = () => {
    if (hold) return;
    asked = performance.now();
    list.hidden = false;
    show("");
    for (const line of lines.values()) {
      line.classList.remove("is-done", "is-stopped");
      line.lastElementChild!.textContent = "";
    }
    still(true, say("talkWait"));
    const mine: Hold = new Hold(props, (told) => {
      if (hold !== mine) return;
      if (told.type === "step" && told.step) {
        const line = lines.get(told.step);
        line?.classList.add("is-done");
        if (line) line.lastElementChild!.textContent = `${Math.round(performance.now() - asked)} ms`;
        if (told.step === "connected") still(true, say("talkNow"));
      }
      if (told.type === "stopped") {
        [...lines.values()].find((line) => !line.classList.contains("is-done"))?.classList.add("is-stopped");
        show([told.what, told.detail, told.look].filter(Boolean).join(" · "), true);
        hold = undefined;
        still(false, say("talk"));
      }
    });
    hold = mine;
    void mine.begin();
  };
  const release = () => {
    const mine = hold;
    hold = undefined;
    mine?.end();
    if (mine) still(false, say("talk"));
  };
  key.addEventListener("pointerdown", (event) => {
    key.setPointerCapture(event.pointerId);
    press();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) key.addEventListener(end, release);
  key.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a hold, not a menu
  key.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) press();
  });
  key.addEventListener("keyup", (event) => {
    if (event.key === " " || event.key === "Enter") release();
  });
  window.addEventListener("pagehide", release);
  return { box, close: release };
}
