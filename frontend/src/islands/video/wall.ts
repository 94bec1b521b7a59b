// The wall: a tree of cameras and 1, 4, 9 or 16 places; drag, click, turn over, saved scenes.
import { Player, csrf, type Common } from "./player";
import { say } from "./words";

interface Node {
  key: string;
  name: string;
  kind: string;
  id?: number;
  online?: boolean;
  ptz?: boolean;
  count?: number;
  on?: number;
  children?: Node[];
}
export interface WallProps extends Common {
  tree: Node[];
  places: number;
  cells: (number | null)[];
  carousel: number;
  save: string;
  scenes: { id: number; title: string; url: string }[];
  scene: string;
}

const make = <K extends keyof HTMLElementTagNameMap>(tag: K, css = "", text = ""): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  if (css) element.className = css;
  if (text) element.textContent = text;
  return element;
};

export function wall(place: HTMLElement, props: WallProps): () => void {
  place.classList.add("wall");
  const names = new Map<number, string>();
  const index = (nodes: Node[]) => nodes.forEach((node) => { if (node.id) names.set(node.id, node.name); index(node.children ?? []); });
  index(props.tree);

  let places = props.places;
  let cells: (number | null)[] = [...props.cells];
  let first = 0;
  let chosen = 0;
  let seconds = props.carousel;
  let timer = 0;
  const players = new Map<number, Player>();

  const side = make("aside", "wall-side");
  const search = Object.assign(make("input", "form-control"), { type: "search", placeholder: say("search") });
  search.setAttribute("aria-label", say("search"));
  const tree = make("div", "wall-tree");
  side.append(search, tree);
  const main = make("div", "wall-main");
  const bar = make("div", "wall-bar");
  const grid = make("div", "wall-grid");
  main.append(bar, grid);
  place.replaceChildren(side, main);

  function draw(nodes: Node[], into: HTMLElement, open: boolean): void {
    for (const node of nodes) {
      if (node.id) {
        const id = node.id;
        const leaf = make("button", `wall-camera${node.online ? "" : " is-off"}`);
        leaf.type = "button";
        leaf.draggable = true;
        leaf.dataset.camera = String(id);
        leaf.append(make("i", "wall-dot"), make("span", "", node.name));
        leaf.addEventListener("click", () => put(id));
        leaf.addEventListener("dragstart", (event) => event.dataTransfer?.setData("text/plain", String(id)));
        into.append(leaf);
      } else {
        const branch = make("details");
        branch.open = open;
        const head = make("summary", "", node.name);
        head.append(make("span", "wall-count", `${node.on ?? 0}/${node.count ?? 0}`));
        branch.append(head);
        const inner = make("div", "wall-branch");
        branch.append(inner);
        draw(node.children ?? [], inner, open && (node.children?.length ?? 0) < 12);
        into.append(branch);
      }
    }
  }
  const show = (nodes: Node[], open: boolean) => {
    tree.replaceChildren();
    if (nodes.length) draw(nodes, tree, open);
    else tree.append(make("p", "muted", say("none")));
  };
  show(props.tree, props.tree.length < 12);

  let wait = 0;
  search.addEventListener("input", () => {
    clearTimeout(wait);
    wait = window.setTimeout(async () => {
      const words = search.value.trim();
      const answer = await fetch(`tree?q=${encodeURIComponent(words)}`);
      const found = ((await answer.json()) as { tree: Node[] }).tree;
      index(found);
      show(found, words !== "");
    }, 250);
  });

  function put(id: number): void {
    const shown = cells.slice(first, first + places);
    let at = chosen;
    if (shown[at] != null) {
      const free = Array.from({ length: places }, (_x, number) => number).find((number) => cells[first + number] == null);
      if (free !== undefined) at = free;
    }
    set(at, id);
    chosen = (at + 1) % places;
    mark();
  }

  function set(at: number, id: number | null): void {
    while (cells.length < first + places) cells.push(null);
    cells[first + at] = id;
    fill(at);
  }

  function fill(at: number): void {
    const cell = grid.children[at] as HTMLElement | undefined;
    if (!cell) return;
    const id = cells[first + at] ?? null;
    const old = players.get(at);
    if (old && old.id === id) return;
    old?.close();
    players.delete(at);
    cell.replaceChildren();
    if (id === null) {
      cell.append(make("p", "wall-empty", say("empty")));
      return;
    }
    const player = new Player(cell, props, id);
    players.set(at, player);
    const head = make("div", "wall-head");
    const link = Object.assign(make("a", "", names.get(id) ?? `#${id}`), { href: props.page.replace("{id}", String(id)), title: say("open") });
    head.append(link);
    for (const [label, sign, act] of [
      [say("shot"), "◉", () => void player.snapshot()],
      [say("full"), "⤢", () => player.full()],
      [say("close"), "×", () => set(at, null)],
    ] as const) {
      const button = Object.assign(make("button", "", sign), { type: "button", title: label });
      button.setAttribute("aria-label", label);
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        act();
      });
      head.append(button);
    }
    cell.append(head);
  }

  const mark = () => [...grid.children].forEach((cell, at) => cell.classList.toggle("is-chosen", at === chosen));

  function lay(): void {
    for (const player of players.values()) player.close();
    players.clear();
    grid.replaceChildren();
    grid.dataset.places = String(places);
    chosen = Math.min(chosen, places - 1);
    for (let at = 0; at < places; at += 1) {
      const cell = make("div", "wall-cell");
      cell.dataset.cell = String(at);
      cell.addEventListener("click", () => {
        chosen = at;
        mark();
      });
      cell.addEventListener("dragover", (event) => event.preventDefault());
      cell.addEventListener("drop", (event) => {
        event.preventDefault();
        const id = Number(event.dataTransfer?.getData("text/plain"));
        if (id) set(at, id);
      });
      grid.append(cell);
      fill(at);
    }
    mark();
  }

  function turn(): void {
    clearInterval(timer);
    if (!seconds) return;
    timer = window.setInterval(() => {
      if (cells.length <= places || document.hidden) return;
      first = first + places >= cells.length ? 0 : first + places;
      for (let at = 0; at < places; at += 1) fill(at);
    }, seconds * 1000);
  }

  const sizes = make("div", "chips");
  sizes.setAttribute("role", "group");
  sizes.setAttribute("aria-label", say("places"));
  for (const number of [1, 4, 9, 16]) {
    const button = Object.assign(make("button", "chip", String(number)), { type: "button" });
    const current = () => button.setAttribute("aria-current", String(places === number));
    current();
    button.addEventListener("click", () => {
      places = number;
      first = 0;
      [...sizes.children].forEach((other) => other.setAttribute("aria-current", String(other === button)));
      lay();
    });
    sizes.append(button);
  }
  const turning = make("select", "form-select wall-turn");
  turning.setAttribute("aria-label", say("carousel"));
  for (const number of [0, 10, 20, 30, 60]) {
    const option = Object.assign(make("option", "", number ? `${say("carousel")} ${number} ${say("seconds")}` : `${say("carousel")}: ${say("off")}`), { value: String(number) });
    option.selected = number === seconds;
    turning.append(option);
  }
  turning.addEventListener("change", () => {
    seconds = Number(turning.value);
    turn();
  });
  const scenes = make("select", "form-select wall-turn");
  scenes.setAttribute("aria-label", say("scene"));
  scenes.append(Object.assign(make("option", "", say("scene")), { value: "" }));
  for (const scene of props.scenes) scenes.append(Object.assign(make("option", "", scene.title), { value: scene.url, selected: scene.title === props.scene }));
  scenes.addEventListener("change", () => scenes.value && location.assign(scenes.value));
  const title = Object.assign(make("input", "form-control wall-title"), { placeholder: say("title"), value: props.scene, maxLength: 80 });
  title.setAttribute("aria-label", say("title"));
  const save = Object.assign(make("button", "btn", say("save")), { type: "button" });
  const told = make("span", "muted");
  told.setAttribute("role", "status");
  save.addEventListener("click", async () => {
    const answer = await fetch(props.save, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
      body: JSON.stringify({ title: title.value, places, cells, carousel: seconds }),
    });
    const found = (await answer.json()) as { message?: string };
    told.textContent = answer.ok ? say("saved") : (found.message ?? "");
  });
  const clear = Object.assign(make("button", "btn", say("clear")), { type: "button" });
  clear.addEventListener("click", () => {
    cells = [];
    first = 0;
    lay();
  });
  bar.append(sizes, turning, scenes, title, save, clear, told);
  lay();
  turn();
  return () => {
    clearInterval(timer);
    for (const player of players.values()) player.close();
  };
}
