// Lists by keyboard: j and k move over [data-row], Enter opens its first link; x ticks its box where there is one.
import { typing } from "./keys";

export function rows(): void {
  let at = -1;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const all = [...document.querySelectorAll<HTMLElement>("[data-row]")];
    if (!all.length) return;
    at = all.findIndex((row) => row.classList.contains("row-at"));
    if (event.key === "j" || event.key === "k") {
      const next = Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), all.length - 1);
      all[at]?.classList.remove("row-at");
      const row = all[next]!;
      row.classList.add("row-at");
      row.scrollIntoView({ block: "nearest" });
      row.querySelector<HTMLElement>("a[href]")?.focus({ preventScroll: true });
      event.preventDefault();
    } else if (event.key === "x" && at >= 0) {
      all[at]!.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
    } else if (event.key === "Enter" && at >= 0 && !(event.target instanceof HTMLAnchorElement)) {
      all[at]!.querySelector<HTMLElement>("a[href]")?.click();
    }
  });
}
