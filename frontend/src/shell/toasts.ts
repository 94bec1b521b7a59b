// Short messages: from the header HX-Trigger {"toast": {text, level}}, and when the server cannot be reached.
import { zh } from "../islands";

export type Level = "info" | "good" | "warn" | "bad";

export function say(text: string, level: Level = "info"): void {
  const area = document.getElementById("toasts");
  const shape = document.getElementById("toast") as HTMLTemplateElement | null;
  if (!area || !shape) return;
  const line = (shape.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  line.classList.add(`toast-${level}`);
  line.querySelector("span")!.textContent = text;
  const close = () => line.remove();
  line.querySelector("button")!.addEventListener("click", close);
  area.append(line);
  if (level !== "bad") setTimeout(close, 6000);
}

export function toasts(): void {
  document.body.addEventListener("toast", (event) => {
    const { text, level } = (event as CustomEvent<{ text: string; level?: Level }>).detail;
    say(text, level);
  });
  document.body.addEventListener("htmx:sendError", (event) => {
    if (loud(event)) say(zh() ? "连接中断，操作没有完成。" : "The connection is lost; nothing was done.", "bad");
  });
  // a form that was refused comes back with what is wrong and with all that was typed: it takes its own place
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event as CustomEvent<{ xhr: XMLHttpRequest; shouldSwap: boolean; isError: boolean }>;
    if (detail.xhr.status !== 422 || detail.xhr.getResponseHeader("HX-Trigger") || !detail.xhr.responseText.includes("<form")) return;
    detail.shouldSwap = true;
    detail.isError = false;
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    const request = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr;
    if (loud(event) && !request.getResponseHeader("HX-Trigger"))
      say(`${zh() ? "服务器未能完成" : "The server could not do this"} (${request.status})`, "bad");
  });
}

/** Polls and first loads fail quietly; what a person asked for does not. */
function loud(event: Event): boolean {
  const trigger = (event as CustomEvent<{ requestConfig?: { triggeringEvent?: Event } }>).detail.requestConfig?.triggeringEvent;
  return Boolean(trigger && ["click", "submit", "change", "input", "keydown"].includes(trigger.type));
}
