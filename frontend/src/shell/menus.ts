// Dialogs and small behaviours that attributes ask for: data-opens="id", data-closes, data-back, data-confirms,
// data-submits (a field that sends its form when it changes), data-group (menu headings that stay as they were left).
export function menus(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLElement>("[data-opens]");
    if (opener) {
      // what is asked for now comes in a moment: until then not what was asked for last time
      const asked = opener.getAttribute("hx-get") && opener.getAttribute("hx-target");
      if (asked) document.querySelector(asked)?.replaceChildren();
      (document.getElementById(opener.dataset.opens!) as HTMLDialogElement | null)?.showModal();
    }
    const closer = target.closest("[data-closes]");
    if (closer) (closer.closest("dialog") as HTMLDialogElement | null)?.close();
    if (target.closest("[data-back]")) {
      if (history.length > 1) history.back();
      else location.assign("/");
    }
    if (target.closest("[data-shortcuts]")) void help();
    if (target instanceof HTMLDialogElement && target.open) target.close(); // a click beside the sheet
  });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLElement;
    const asked = (event as SubmitEvent).submitter?.dataset.confirms ?? form.dataset.confirms;
    if (asked && !window.confirm(asked)) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const field = event.target as HTMLInputElement;
    if (field.dataset?.submits !== undefined) field.form?.requestSubmit();
  });
  for (const group of document.querySelectorAll<HTMLDetailsElement>("details[data-group]")) {
    const key = `side:${group.dataset.group}`;
    if (!group.open && sessionStorage.getItem(key) === "1") group.open = true;
    group.addEventListener("toggle", () => sessionStorage.setItem(key, group.open ? "1" : "0"));
  }
  document.querySelector<HTMLElement>(".side [aria-current]")?.scrollIntoView({ block: "nearest" });
}

export async function help(): Promise<void> {
  const sheet = document.getElementById("help") as HTMLDialogElement | null;
  if (!sheet || sheet.open) return;
  if (!sheet.firstElementChild) {
    const answer = await fetch(sheet.dataset.source!, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    sheet.innerHTML = await answer.text();
  }
  sheet.showModal();
}
