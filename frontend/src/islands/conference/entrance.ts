// Before the meeting: look at yourself, choose devices, enter. Who was in already is back without a click.
import { button, make } from "./make";
import { room } from "./room";
import { say } from "./words";

export interface RoomProps {
  live: string;
  ticket: string;
  upload: string;
  page: string;
  title: string;
  sites: { id: number; name: string }[];
  cameras: { key: string; name: string }[];
  terminals: { id: number; name: string; here: boolean }[];
}

const SIZES: Record<string, MediaTrackConstraints> = {
  "720": { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 15 } },
  "360": { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15 } },
  "180": { width: { ideal: 320 }, height: { ideal: 180 }, frameRate: { ideal: 8, max: 10 } },
};

/** What this venue sends at most, as chosen here once: for lines and machines that cannot carry 720p. */
const size = (): string => localStorage.getItem("conference:size") ?? "720";

/** Camera and microphone, or what there is of them; `fault` says what could not be opened. */
export async function devices(camera = "", microphone = ""): Promise<{ stream: MediaStream; fault: string }> {
  if (!navigator.mediaDevices?.getUserMedia) return { stream: new MediaStream(), fault: say("insecure") };
  const picture = SIZES[size()] ?? SIZES["720"]!;
  const video = camera ? { ...picture, deviceId: { exact: camera } } : picture;
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(microphone ? { deviceId: { exact: microphone } } : {}) };
  let fault = "";
  for (const wish of [{ video, audio }, { audio }, { video }]) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(wish), fault };
    } catch (problem) {
      fault = `${say("noDevices")}(${(problem as Error).name})`;
    }
  }
  return { stream: new MediaStream(), fault };
}

export async function choices(kind: MediaDeviceKind, chosen: string, label: string, pick: (id: string) => void): Promise<HTMLElement> {
  const wrap = make("label", "conf-choice", label);
  const select = make("select", "form-select");
  for (const device of (await navigator.mediaDevices?.enumerateDevices?.() ?? []).filter((one) => one.kind === kind)) {
    select.append(new Option(device.label || device.deviceId.slice(0, 8), device.deviceId, false, device.deviceId === chosen));
  }
  select.addEventListener("change", () => pick(select.value));
  wrap.append(select);
  return wrap;
}

export async function entrance(place: HTMLElement, props: RoomProps): Promise<() => void> {
  const key = `conference:${props.ticket}`;
  let leave: () => void = () => undefined;
  let { stream, fault } = await devices();
  const enter = () => {
    sessionStorage.setItem(key, "1");
    leave = room(place, props, stream, fault, () => {
      sessionStorage.removeItem(key);
      void entrance(place, props);
    });
  };
  if (sessionStorage.getItem(key) || new URLSearchParams(location.search).has("join")) {
    enter();
    return () => leave();
  }
  const card = make("div", "conf-entrance");
  const look = make("video", "conf-self");
  look.muted = look.autoplay = look.playsInline = true;
  look.srcObject = stream;
  const note = make("p", "conf-note", fault);
  note.hidden = !fault;
  const pickers = make("div", "conf-choices");
  const again = async (camera: string, microphone: string) => {
    stream.getTracks().forEach((track) => track.stop());
    ({ stream, fault } = await devices(camera, microphone));
    look.srcObject = stream;
    note.textContent = fault;
    note.hidden = !fault;
  };
  const now = (kind: "video" | "audio") => stream.getTracks().find((track) => track.kind === kind)?.getSettings().deviceId ?? "";
  pickers.append(
    await choices("videoinput", now("video"), say("cameraOn"), (id) => void again(id, now("audio"))),
    await choices("audioinput", now("audio"), say("mic"), (id) => void again(now("video"), id)),
  );
  const sizes = make("label", "conf-choice", say("size"));
  const sizePick = make("select", "form-select");
  sizePick.append(...Object.keys(SIZES).map((one) => new Option(`${one}p`, one, false, one === size())));
  sizePick.addEventListener("change", () => {
    localStorage.setItem("conference:size", sizePick.value);
    void again(now("video"), now("audio"));
  });
  sizes.append(sizePick);
  pickers.append(sizes);
  const go = button(say("enter"), enter, "btn btn-primary btn-lg");
  card.append(make("h2", "", props.title), look, note, pickers, go, make("p", "muted", say("missing")));
  place.replaceChildren(card);
  go.focus();
  return () => {
    leave();
    stream.getTracks().forEach((track) => track.stop());
  };
}
