// The list page's small help: rows by keyboard (j k, arrows, Home End, Enter, x), a click on a row, choosing all, asking before bulk acts.
// Everything here also works without it: links, check boxes and buttons are plain HTML.
(() => {
  const rows = () => [...document.querySelectorAll(".list-rows tbody tr")];
  const typing = (target) => target instanceof Element && target.closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog, [popover]");

  function focusRow(row) {
    if (!row) return;
    for (const other of rows()) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const all = rows();
    if (!all.length) return;
    const here = all.indexOf(document.activeElement?.closest(".list-rows tbody tr"));
    const inList = here >= 0;
    const moves = {
      j: here + 1, k: inList ? here - 1 : 0,
      ...(inList && { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }),
    };
    if (event.key in moves) {
      event.preventDefault();
      focusRow(all[Math.max(0, Math.min(all.length - 1, moves[event.key]))]);
    } else if (event.key === "Enter" && inList && document.activeElement === all[here] && all[here].dataset.href) {
      event.preventDefault();
      location.assign(all[here].dataset.href);
    } else if (event.key === "x" && inList) {
      const box = all[here].querySelector("input[name=chosen]");
      if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); }
    }
  });

  document.addEventListener("click", (event) => {
    const row = event.target instanceof Element ? event.target.closest(".list-rows tbody tr[data-href]") : null;
    if (!row || event.target.closest("a, button, input, label, select") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else location.assign(row.dataset.href);
  });

  function tellChosen(form) {
    const boxes = [...form.querySelectorAll("input[name=chosen]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const said = form.querySelector("[data-list-chosen]");
    if (said) said.textContent = chosen ? String(chosen) : "";
    const all = form.querySelector("[data-list-all]");
    if (all) { all.checked = chosen > 0 && chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; }
  }

  document.addEventListener("change", (event) => {
    const form = event.target instanceof Element ? event.target.closest(".list-form") : null;
    if (!form) return;
    if (event.target.matches("[data-list-all]")) for (const box of form.querySelectorAll("input[name=chosen]")) box.checked = event.target.checked;
    tellChosen(form);
  });

  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // The export and column menus stand outside the part that htmx replaces: tell them the present question.
  document.addEventListener("htmx:afterSettle", () => {
    const list = document.getElementById("list");
    if (!list) return;
    for (const field of document.querySelectorAll("[data-list-question]")) field.value = list.dataset.question ?? "";
  });
})();
