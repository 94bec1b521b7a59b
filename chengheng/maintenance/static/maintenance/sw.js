// The rounds' service worker: keeps the page and its files so that an inspection works without network.
// It never touches the API: what waits to be sent waits in IndexedDB, under the page's own hand.
const CACHE = "rounds-v1";
const PAGE = "/m/rounds/";

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const files = await (await fetch("/m/rounds/files.json")).json();
      const cache = await caches.open(CACHE);
      await cache.addAll([PAGE, ...files]);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith("rounds-") && name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === PAGE) event.respondWith(fresh(event.request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(kept(event.request));
});

// The page: from the network when there is one (and kept), else the one that is kept.
async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok && !response.redirected) await cache.put(PAGE, response.clone());
    return response;
  } catch {
    return (await cache.match(PAGE)) ?? Response.error();
  }
}

// Built files carry their content's hash in the name: the kept one is the right one.
async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (response.ok && request.url.includes("/build/")) await cache.put(request, response.clone());
  return response;
}
