// Keys of the shell: "/" searches, "g" then a letter goes somewhere, "?" helps; [data-key] names the key that clicks it.
// In a dialog Ctrl+Enter sends its form, and a dialog that loads begins at its first field: a queue without the mouse.
import { help } from "./menus";

const places: Record<string, string> = { o: "/", i: "/inbox/", m: "/map/", s: "/search/" };

export const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function keys(): void {
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const sheet = document.querySelector("dialog[open]");
      (event.target as Element).closest?.("dialog form") && sheet?.querySelector<HTMLFormElement>("form")?.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (!document.body.classList.contains("shell")) return;
    if (Date.now() - going < 1200) {
      going = 0;
      const place = places[event.key];
      if (place) {
        event.preventDefault();
        location.assign(place);
        return;
      }
    }
    const keyed = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key)}"]`);
    const onItsOwn = event.key === "Enter" && (event.target as Element).closest?.("a, button, summary, [data-row]");
    const inList = event.key === "Enter" && document.querySelector(".row-at");
    if (keyed && !onItsOwn && !inList) {
      event.preventDefault();
      keyed.click();
    } else if (event.key === "g") going = Date.now();
    else if (event.key === "?") void help();
    else if (event.key === "/") {
      const box = document.getElementById("search");
      if (box && box.offsetParent) {
        event.preventDefault();
        box.focus();
        (box as HTMLInputElement).select();
      } else location.assign("/search/");
    }
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const sheet = (event.target as Element).closest("dialog[open]");
    sheet?.querySelector<HTMLElement>("form :is(input:not([type=hidden]), select, textarea)")?.focus();
  });
}
