// A document that everybody is shown page by page: the page as the server draws it, and for who may turn it, how.
import { button, make } from "./make";
import { say } from "./words";
import type { Doc } from "./link";

export class Paper {
  readonly box = make("div", "conf-paper");
  private readonly sheet = make("img");
  private readonly tools = make("div", "conf-paper-tools");

  constructor(private readonly turn: (page: number) => unknown, private readonly hide: () => unknown) {
    this.box.append(this.tools, this.sheet);
    this.box.tabIndex = 0;
    this.sheet.addEventListener("load", () => this.box.classList.remove("is-turning"));
    this.box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
      if (!step || this.box.dataset.turns !== "1") return;
      event.preventDefault();
      this.by(step);
    });
  }

  private by(step: number): void {
    const page = Number(this.box.dataset.page) + step;
    if (page >= 1 && page <= Number(this.box.dataset.pages)) this.turn(page);
  }

  show(paper: NonNullable<Doc["paper"]>, turns: boolean): void {
    if (this.sheet.getAttribute("src") !== paper.url) {
      this.sheet.src = paper.url;
      this.box.classList.add("is-turning"); // the old page stands, paler, until the new one is there
      // who turns has the next page drawn ahead: then everybody has it at once
      if (turns && paper.page < paper.pages) new Image().src = paper.url.replace(/\d+$/, String(paper.page + 1));
    }
    this.sheet.alt = `${paper.name} ${paper.page}/${paper.pages}`;
    const key = `${paper.id}|${paper.page}|${paper.pages}|${turns}`;
    if (this.box.dataset.drawn === key) return;
    Object.assign(this.box.dataset, { drawn: key, page: String(paper.page), pages: String(paper.pages), turns: turns ? "1" : "" });
    const back = button("‹", () => this.by(-1), "btn btn-sm");
    const on = button("›", () => this.by(1), "btn btn-sm");
    back.setAttribute("aria-label", say("prevPage"));
    on.setAttribute("aria-label", say("nextPage"));
    back.disabled = paper.page <= 1;
    on.disabled = paper.page >= paper.pages;
    const held = this.tools.contains(document.activeElement);
    this.tools.replaceChildren(
      make("span", "conf-paper-name", paper.name),
      ...(turns && paper.pages > 1 ? [back] : []),
      make("span", "conf-paper-at", `${paper.page}/${paper.pages}`),
      ...(turns && paper.pages > 1 ? [on] : []),
      ...(turns ? [button(say("hidePaper"), this.hide, "btn btn-sm")] : []),
    );
    if (held) this.box.focus(); // so that the arrow keys go on turning
  }
}
