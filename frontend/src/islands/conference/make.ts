// The few ways in which this island makes elements.
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, css = "", text = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (css) element.className = css;
  if (text) element.textContent = text;
  return element;
}

export function button(text: string, act: () => unknown, css = "btn"): HTMLButtonElement {
  const made = make("button", css, text);
  made.type = "button";
  made.addEventListener("click", () => void act());
  return made;
}

/** Change children only where they differ, so that a list does not lose the focus while it is redrawn. */
export function redraw(place: HTMLElement, key: string, draw: () => Node[]): void {
  if (place.dataset.drawn === key) return;
  const focused = place.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.key : undefined;
  place.dataset.drawn = key;
  place.replaceChildren(...draw());
  if (focused) place.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
