// `<div data-island="name" data-props='{…}'>`: the script of src/islands/<name>/index.ts is fetched when such a place
// comes into the page, and its default export is called once with the place and its props.
export type Island<Props = unknown> = (place: HTMLElement, props: Props) => void | (() => void) | Promise<void | (() => void)>;

const known = import.meta.glob<{ default: Island<never> }>("./islands/*/index.ts");

export function mount(root: ParentNode | Element): void {
  const places = [...root.querySelectorAll<HTMLElement>("[data-island]")];
  if (root instanceof HTMLElement && root.dataset.island) places.push(root);
  for (const place of places) {
    if (place.dataset.mounted) continue;
    place.dataset.mounted = "1";
    void start(place);
  }
}

async function start(place: HTMLElement): Promise<void> {
  const name = place.dataset.island ?? "";
  const load = known[`./islands/${name}/index.ts`];
  try {
    if (!load) throw new Error(`no island ${name}`);
    place.setAttribute("aria-busy", "true");
    const island = (await load()).default as Island<unknown>;
    const leave = await island(place, JSON.parse(place.dataset.props || "{}"));
    place.removeAttribute("aria-busy");
    if (leave) place.addEventListener("htmx:beforeCleanupElement", () => leave(), { once: true });
  } catch (problem) {
    console.error(problem);
    place.removeAttribute("aria-busy");
    place.classList.add("island-failed");
    place.textContent = document.documentElement.lang.startsWith("zh") ? "这一部分无法载入，请刷新页面重试。" : "This part could not be loaded. Reload the page to try again.";
  }
}

/** The value of a design token as the page has it now. */
export const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--ch-${name}`).trim();

/** Calls `redraw` when light changes to dark or back; returns how to stop. */
export function onTheme(redraw: () => void): () => void {
  const watch = new MutationObserver(redraw);
  watch.observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  return () => watch.disconnect();
}

export const zh = (): boolean => document.documentElement.lang.startsWith("zh");
