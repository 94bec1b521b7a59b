// The list page's small help: a click on a row, choosing all, asking before bulk acts. Rows by keyboard are the shell's.
// Everything here also works without it: links, check boxes and buttons are plain HTML.
(() => {
  const of = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

  document.addEventListener("click", (event) => {
    const row = of(event.target, ".list-rows tbody tr[data-href]");
    if (!row || of(event.target, "a, button, input, label, select") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else location.assign(row.dataset.href);
  });

  function tellChosen(form) {
    const boxes = [...form.querySelectorAll("input[name=chosen]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const said = form.querySelector("[data-list-chosen]");
    if (said) said.textContent = chosen ? `${chosen} ${said.dataset.listChosen}` : "";
    for (const button of form.querySelectorAll(".list-bulk button")) button.disabled = !chosen;
    const all = form.querySelector("[data-list-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }

  document.addEventListener("change", (event) => {
    const form = of(event.target, ".list-form");
    if (!form) return;
    if (event.target.matches("[data-list-all]")) {
      for (const box of form.querySelectorAll("input[name=chosen]")) box.checked = event.target.checked;
    }
    tellChosen(form);
  });

  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // On a phone the filters would stand before the rows: folded until asked for, unless one is active.
  const box = document.querySelector(".list-filter-box");
  if (box && matchMedia("(max-width: 640px)").matches && !document.querySelector(".list-chip, .field-bad")) box.open = false;

  function settle() {
    const list = document.getElementById("list");
    if (!list) return;
    // The export and column dialogs stand outside the part that htmx replaces: tell them the present question.
    for (const field of document.querySelectorAll("[data-list-question]")) field.value = list.dataset.question ?? "";
    for (const form of list.querySelectorAll(".list-form")) tellChosen(form);
  }
  document.addEventListener("htmx:afterSettle", settle);
  settle();
})();
