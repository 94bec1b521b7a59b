// Gathers the icons that templates and rooms name, from @tabler/icons (MIT), into one small JSON that the page reads.
// Found names: {% icon "x" %}, icon="x", icon=x in includes, plus icons.txt for names that are put together at run time.
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync, existsSync } from "node:fs";
import { join, extname } from "node:path";

const root = join(import.meta.dirname, "..", "chengheng");
const source = join(import.meta.dirname, "node_modules", "@tabler", "icons", "icons");
const target = join(import.meta.dirname, "..", "chengheng", "common", "ui", "static", "ui", "build", "icons.json");
const names = new Set(
  readFileSync(join(import.meta.dirname, "icons.txt"), "utf8").split("\n").map((l) => l.split("#")[0].trim()).filter(Boolean),
);

function walk(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name === "node_modules" || name === "__pycache__" || name === "build") continue;
    if (statSync(path).isDirectory()) walk(path);
    else if ([".html", ".py"].includes(extname(name))) {
      const text = readFileSync(path, "utf8");
      for (const hit of text.matchAll(/(?:\bicon\s+|\bicon=)["']([a-z0-9][a-z0-9-]*)["']/g)) names.add(hit[1]);
    }
  }
}
walk(root);

const icons = {};
for (const name of [...names].sort()) {
  const [plain, filled] = name.endsWith("-filled") ? [name.slice(0, -7), true] : [name, false];
  const file = join(source, filled ? "filled" : "outline", `${plain}.svg`);
  if (!existsSync(file)) {
    console.warn(`icon ${name}: @tabler/icons has none of this name`);
    continue;
  }
  const inner = readFileSync(file, "utf8").replace(/<!--[\s\S]*?-->/g, "").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1];
  icons[name] = inner.replace(/\s*\n\s*/g, "").replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "").trim();
}
mkdirSync(join(target, ".."), { recursive: true });
writeFileSync(target, JSON.stringify(icons, null, 0).replaceAll('","', '",\n"') + "\n");
console.log(`${Object.keys(icons).length} icons`);
