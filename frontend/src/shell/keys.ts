// Keys of the shell: "/" searches, "g" then a letter goes somewhere, "?" helps.
import { help } from "./menus";

const places: Record<string, string> = { o: "/", i: "/inbox/", m: "/map/", s: "/search/" };

export const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function keys(): void {
  let going = 0;
  document.addEventListener("keydown", (event) => {
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
    if (event.key === "g") going = Date.now();
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
}
