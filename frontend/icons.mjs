// All icons of @tabler/icons (MIT) as one JSON for the server, which draws those that a page names into the page.
// Browsers never load this file. Filled shapes are called <name>-filled.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const source = join(import.meta.dirname, "node_modules", "@tabler", "icons", "icons");
const target = join(import.meta.dirname, "..", "chengheng", "common", "ui", "static", "ui", "build", "icons.json");
const icons = {};
for (const [folder, ending] of [["outline", ""], ["filled", "-filled"]]) {
  for (const file of readdirSync(join(source, folder)).filter((name) => name.endsWith(".svg")).sort()) {
    const inner = readFileSync(join(source, folder, file), "utf8").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1];
    icons[file.slice(0, -4) + ending] = inner.replace(/\s*\n\s*/g, "").replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "").trim();
  }
}
writeFileSync(target, JSON.stringify(icons) + "\n");
console.log(`${Object.keys(icons).length} icons`);
