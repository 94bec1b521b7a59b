// The shell and the collector's phone page are entries; every island under src/islands/<name>/ becomes its own chunk, loaded where a page asks for it.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    outDir: "../chengheng/common/ui/static/ui/build",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: { input: { main: "src/main.ts", collector: "src/collector/main.ts", "m-clean": "src/m-clean/main.ts", "m-rounds": "src/m-rounds/main.ts" } },
  },
});
