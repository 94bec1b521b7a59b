// The shell's script: htmx for parts of pages, a few keys and menus, and islands that load only where a page asks.
import "./style/main.css";
import htmx from "htmx.org";
import { here } from "./shell/here";
import { keys } from "./shell/keys";
import { live } from "./shell/live";
import { menus } from "./shell/menus";
import { rows } from "./shell/rows";
import { toasts } from "./shell/toasts";
import { mount } from "./islands";

declare global {
  interface Window {
    htmx: typeof htmx;
  }
}
window.htmx = htmx;

toasts();
menus();
keys();
rows();
here();
live();
mount(document);
document.addEventListener("click", (event) => {
  if ((event.target as Element).closest("[data-print]")) window.print();
});
document.body.addEventListener("htmx:load", (event) => mount((event as CustomEvent<{ elt: Element }>).detail.elt));
