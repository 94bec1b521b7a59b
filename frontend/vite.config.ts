// One entry (the shell); every island under src/islands/<name>/ becomes its own chunk, loaded where a page asks for it.
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
    rollupOptions: { input: { main: "src/main.ts" } },
  },
});
