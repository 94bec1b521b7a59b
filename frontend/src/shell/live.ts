// The event stream: each server event becomes an event on <body> that htmx triggers can listen to ("notice from:body").
// Without the live process the page polls (see the bell); the browser tries again by itself, slower each time.
import { say, type Level } from "./toasts";

const FIRST_WAIT = 2_000;
const LONGEST_WAIT = 120_000;

export function live(): void {
  const origin = document.body.dataset.live;
  if (!origin || !document.querySelector("[data-live-bell]") || !("EventSource" in window)) return;
  let wait = FIRST_WAIT;
  let last = ""; // a stream that is opened anew says what came last, and gets what it missed
  const open = () => {
    const stream = new EventSource(`${origin}/events${last ? `?after=${last}` : ""}`, { withCredentials: true });
    stream.onopen = () => (wait = FIRST_WAIT);
    stream.onerror = () => {
      stream.close();
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
    stream.addEventListener("notice", (event) => {
      last = event.lastEventId || last;
      const note = read(event.data);
      last = event.lastEventId || last;
      document.body.dispatchEvent(new CustomEvent("notice", { detail: note }));
      if (note.title && note.level === "urgent") say(note.title, "bad" satisfies Level);
      else if (note.title) say(note.title, note.level === "warning" ? "warn" : "info");
    });
    stream.addEventListener("change", (event) => {
      document.body.dispatchEvent(new CustomEvent("change-of", { detail: read(event.data) }));
    });
  };
  if (document.readyState === "complete") setTimeout(open, 500);
  else addEventListener("load", () => setTimeout(open, 500));
}

function read(text: string): { title?: string; level?: string } {
  try {
    return JSON.parse(text) as { title?: string; level?: string };
  } catch {
    return {};
  }
}
