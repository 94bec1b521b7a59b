// The city map: districts drawn from our own GeoJSON, layers of the rooms on top; no outside tiles unless a site sets them.
// Colours are the design tokens; text is drawn with the page's own fonts (no glyph files are fetched).
import "maplibre-gl/dist/maplibre-gl.css";
import * as maplibre from "maplibre-gl";
import type { AllPaintProperties, GeoJSONSource, LngLatBoundsLike, Map as Chart, MapLayerMouseEvent, StyleSpecification, VectorTileSource } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { onTheme, token, zh, type Island } from "../../islands";

maplibre.setWorkerUrl(workerUrl);

type Shape = "point" | "line" | "area";
interface Layer {
  code: string;
  label: string;
  url?: string;
  data?: GeoJSON.GeoJSON;
  shape?: Shape;
  tone?: string;
  shown?: boolean;
  bounded?: boolean;
  tiles?: string; // the name of the layer in vector tiles, when `url` is their address
  each?: boolean; // few points, each drawn for itself with the `mark` of its properties, never gathered
}
interface Props {
  districts?: string;
  layers?: Layer[];
  tiles?: string;
  panel?: string; // id of the element that holds input[data-layer] and [data-count]
  status?: string; // id of the element that says what could not be loaded
  point?: [number, number] | null; // where a marker stands
  centre?: [number, number] | null; // where to look first, without a marker
  pick?: [string, string]; // ids of the inputs that take lon and lat of a click
  zoom?: number;
  fit?: [[number, number], [number, number]]; // what is in view at first, instead of the city
  here?: boolean; // offer the phone's position; `pick` always does
}
type Features = GeoJSON.FeatureCollection & { partial?: boolean };

const CITY: [[number, number], [number, number]] = [[116.7, 38.55], [118.1, 40.26]];
const TONES = ["good", "warn", "bad", "info", "none"] as const;
const say = (chinese: string, english: string) => (zh() ? chinese : english);

const map: Island<Props> = async (place, props) => {
  const fonts = token("font").split(",")[0]!;
  const chart = new maplibre.Map({
    container: place,
    style: ground(props.tiles),
    bounds: (props.fit ?? CITY) as LngLatBoundsLike,
    fitBoundsOptions: { padding: props.fit ? 48 : 24, maxZoom: 16 },
    attributionControl: false,
    maxZoom: 19,
    minZoom: 6,
    dragRotate: false,
    pitchWithRotate: false,
    localIdeographFontFamily: `${fonts}, sans-serif`,
    locale: zh() ? { "NavigationControl.ZoomIn": "放大", "NavigationControl.ZoomOut": "缩小", "GeolocateControl.FindMyLocation": "手机定位", "GeolocateControl.LocationNotAvailable": "无法定位", "Map.Title": "地图", "Popup.Close": "关闭" } : undefined,
  });
  chart.touchZoomRotate.disableRotation();
  chart.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  chart.addControl(new maplibre.ScaleControl({}), "bottom-left");
  const status = props.status ? document.getElementById(props.status) : null;
  const troubles = new Map<string, string>();
  const tell = (code: string, text: string) => {
    if (text) troubles.set(code, text);
    else troubles.delete(code);
    if (status) status.textContent = [...troubles.values()].join(" · ");
  };
  const asked = props.districts ? read(props.districts) : undefined; // while the map starts
  void asked?.then((answer) => {
    if (typeof answer === "string") tell("districts", `${say("区界未能载入", "District shapes could not be loaded")} (${answer})`);
  });
  await new Promise<void>((done) => chart.once("load", () => done()));

  if (asked) {
    const answer = await asked;
    if (typeof answer !== "string") {
      chart.addSource("districts", { type: "geojson", data: answer });
      chart.addSource("district-names", { type: "geojson", data: names(answer) });
      chart.addLayer({ id: "districts-fill", type: "fill", source: "districts" });
      chart.addLayer({ id: "districts-line", type: "line", source: "districts" });
      chart.addLayer({ id: "districts-name", type: "symbol", source: "district-names", layout: { "text-field": ["get", "name"], "text-size": ["interpolate", ["linear"], ["zoom"], 7, 10, 11, 14], "text-font": ["sans"], "text-padding": 1 } });
    }
  }
  const layers = props.layers ?? [];
  for (const layer of layers) prepare(chart, layer);
  paint(chart, layers);
  Object.assign(place, { chart }); // for an island that comes later than the event
  place.dispatchEvent(new CustomEvent("map-drawn", { bubbles: true, detail: chart })); // further layers come on top

  const panel = props.panel ? document.getElementById(props.panel) : null;
  const told = (code: string, text: string) => {
    const count = panel?.querySelector(`[data-count="${CSS.escape(code)}"]`);
    if (count) count.textContent = text;
  };
  /** What of a tiled layer is in view, added up as it is drawn. */
  const inView = (layer: Layer) => {
    const drawn = chart.queryRenderedFeatures({ layers: parts(layer) });
    const once = new Map(drawn.map((one) => [one.id ?? (one.geometry as GeoJSON.Point).coordinates.join(), Number(one.properties?.count ?? 1)]));
    told(layer.code, String([...once.values()].reduce((all, each) => all + each, 0)));
  };
  const tiled = layers.filter((one) => one.tiles);
  if (tiled.length) {
    chart.on("idle", () => tiled.filter((one) => one.shown).forEach(inView));
    chart.on("error", (event) => {
      const layer = tiled.find((one) => one.code === (event as unknown as { sourceId?: string }).sourceId);
      if (layer) tell(layer.code, `${layer.label}: ${say("未能载入", "could not be loaded")}`);
    });
    chart.on("sourcedata", (event) => {
      if (event.isSourceLoaded && tiled.some((one) => one.code === event.sourceId)) tell(event.sourceId, "");
    });
  }
  const again = window.setInterval(() => {
    if (!document.hidden) for (const layer of tiled) if (layer.shown) (chart.getSource(layer.code) as VectorTileSource).setTiles([tilesOf(layer, Date.now())]);
  }, 60_000);

  const load = async (layer: Layer) => {
    if (layer.tiles) return;
    let data: Features | GeoJSON.GeoJSON | string | undefined = layer.data;
    if (layer.url) {
      const b = chart.getBounds();
      const box = layer.bounded ? `${layer.url.includes("?") ? "&" : "?"}bbox=${[b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((v) => v.toFixed(5)).join(",")}` : "";
      data = await read(layer.url + box);
    }
    if (data === undefined) return;
    if (typeof data === "string") return tell(layer.code, `${layer.label}: ${say("未能载入", "could not be loaded")} (${data})`);
    if (layer.url) (chart.getSource(layer.code) as GeoJSONSource).setData(data); // what came with the page is there already
    const features = "features" in data ? data.features.reduce((all, one) => all + Number(one.properties?.count ?? 1), 0) : 1;
    const partial = (data as Features).partial === true;
    tell(layer.code, partial ? `${layer.label}: ${say("数量较多，请放大查看全部", "too many to show all; zoom in")}` : "");
    told(layer.code, `${features}${partial ? "+" : ""}`);
  };
  const show = (code: string, shown: boolean) => {
    for (const part of chart.getStyle().layers) {
      if (part.id.startsWith(`${code}-`)) chart.setLayoutProperty(part.id, "visibility", shown ? "visible" : "none");
    }
    const layer = layers.find((one) => one.code === code);
    if (layer) layer.shown = shown;
    if (layer && shown) void load(layer);
  };
  for (const layer of layers) show(layer.code, layer.shown ?? !panel);
  panel?.addEventListener("change", (event) => {
    const box = event.target as HTMLInputElement;
    if (box.dataset.layer) show(box.dataset.layer, box.checked);
  });
  let moved = 0;
  chart.on("moveend", () => {
    clearTimeout(moved);
    moved = window.setTimeout(() => layers.filter((one) => one.bounded && one.shown).forEach((one) => void load(one)), 250);
  });

  for (const layer of layers) {
    for (const part of parts(layer)) {
      chart.on("click", part, (event) => open(chart, event, layer));
      chart.on("mouseenter", part, () => (chart.getCanvas().style.cursor = "pointer"));
      chart.on("mouseleave", part, () => (chart.getCanvas().style.cursor = ""));
    }
  }

  const locate = (found: (at: { lng: number; lat: number }) => void) => {
    if (!("geolocation" in navigator)) return;
    const control = new maplibre.GeolocateControl({ positionOptions: { enableHighAccuracy: true }, fitBoundsOptions: { maxZoom: 18 } });
    control.on("geolocate", (event: { coords: GeolocationCoordinates }) => found({ lng: event.coords.longitude, lat: event.coords.latitude }));
    chart.addControl(control, "bottom-right");
  };
  let marker: maplibre.Marker | null = null;
  const mark = (lon: number, lat: number) => {
    marker ??= new maplibre.Marker({ color: token("seal"), draggable: Boolean(props.pick) });
    marker.setLngLat([lon, lat]).addTo(chart);
  };
  if (props.point) {
    mark(...props.point);
    chart.jumpTo({ center: props.point, zoom: props.zoom ?? 15 });
  }
  if (props.centre) chart.jumpTo({ center: props.centre, zoom: props.zoom ?? 15 });
  if (props.pick) {
    const [lon, lat] = props.pick.map((id) => document.getElementById(id) as HTMLInputElement | null);
    const take = (at: { lng: number; lat: number }) => {
      for (const [field, value] of [[lon, at.lng], [lat, at.lat]] as const) {
        if (!field) continue;
        field.value = value.toFixed(6);
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    };
    chart.on("click", (event) => {
      mark(event.lngLat.lng, event.lngLat.lat);
      take(event.lngLat);
      marker?.off("dragend", dropped).on("dragend", dropped);
    });
    const dropped = () => marker && take(marker.getLngLat());
    locate((at) => {
      mark(at.lng, at.lat);
      take(at);
    });
  } else if (props.here) locate(() => undefined);
  const stop = onTheme(() => paint(chart, layers));
  await new Promise<void>((done) => chart.once("idle", () => done()));
  place.dispatchEvent(new CustomEvent("map-ready", { bubbles: true, detail: chart }));
  return () => {
    stop();
    clearInterval(again);
    chart.remove();
  };
};
export default map;

function ground(tiles?: string): StyleSpecification {
  const style: StyleSpecification = { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": token("none-soft") } }] };
  if (tiles) {
    style.sources.tiles = { type: "raster", tiles: [tiles], tileSize: 256 };
    style.layers.push({ id: "tiles", type: "raster", source: "tiles", paint: { "raster-saturation": -0.5 } });
  }
  return style;
}

async function read(url: string): Promise<Features | string> {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/geo+json, application/json" }, credentials: "same-origin" });
    if (answer.status === 401) return say("登录已结束，请重新登录", "signed out: sign in again");
    if (!answer.ok) return String(answer.status);
    return (await answer.json()) as Features;
  } catch (problem) {
    console.error(problem);
    return say("网络中断", "no connection");
  }
}

/** One point a district for its name: the label point that the data gives, else the middle of its outline. */
function names(districts: Features): Features {
  return {
    type: "FeatureCollection",
    features: districts.features.map((one) => {
      const given = one.properties?.label as [number, number] | undefined;
      return { type: "Feature", properties: { name: one.properties?.name ?? "" }, geometry: { type: "Point", coordinates: Array.isArray(given) ? given : middle(one.geometry) } };
    }),
  };
}

function middle(shape: GeoJSON.Geometry): [number, number] {
  let west = 180, south = 90, east = -180, north = -90;
  const walk = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "number") {
      west = Math.min(west, part[0]); east = Math.max(east, part[0]);
      south = Math.min(south, part[1] as number); north = Math.max(north, part[1] as number);
    } else part.forEach(walk);
  };
  if ("coordinates" in shape) walk(shape.coordinates);
  return [(west + east) / 2, (south + north) / 2];
}

const parts = (layer: Layer): string[] =>
  layer.shape === "area" ? [`${layer.code}-fill`] : layer.shape === "line" ? [`${layer.code}-line`] : layer.each ? [`${layer.code}-dot`] : [`${layer.code}-dot`, `${layer.code}-many`];

// a feature may itself stand for many (`count`, gathered by the server); clusters add those up
const one: maplibre.ExpressionSpecification = ["coalesce", ["get", "count"], 1];
const sum: maplibre.ExpressionSpecification = ["coalesce", ["get", "sum"], one];
// radius of a circle, then from which number on it is which: wider than the number that stands in it
const ROOM = [11, 50, 15, 500, 19, 10_000, 22, 100_000, 25, 1_000_000, 29];

/** Tiles are asked with the page's own session; `at` asks again for what changed meanwhile. */
const tilesOf = (layer: Layer, at = 0) => `${new URL(layer.url!, location.href).href.replaceAll("%7B", "{").replaceAll("%7D", "}")}${at ? `?at=${at}` : ""}`;

function prepare(chart: Chart, layer: Layer): void {
  const shape = layer.shape ?? "point";
  if (layer.tiles) {
    const many: maplibre.ExpressionSpecification = ["has", "count"];
    const of = { source: layer.code, "source-layer": layer.tiles };
    chart.addSource(layer.code, { type: "vector", tiles: [tilesOf(layer)], minzoom: 0, maxzoom: 17 });
    chart.addLayer({ id: `${layer.code}-dot`, type: "circle", ...of, filter: ["!", many] });
    chart.addLayer({ id: `${layer.code}-many`, type: "circle", ...of, filter: many });
    chart.addLayer({ id: `${layer.code}-number`, type: "symbol", ...of, filter: many, layout: { "text-field": ["to-string", one], "text-size": 11, "text-font": ["sans"], "text-allow-overlap": true } });
    return;
  }
  const given: GeoJSON.GeoJSON = layer.data ?? { type: "FeatureCollection", features: [] };
  const id = layer.code;
  if (shape === "point" && layer.each) {
    chart.addSource(id, { type: "geojson", data: given });
    chart.addLayer({ id: `${id}-dot`, type: "circle", source: id });
    chart.addLayer({ id: `${id}-number`, type: "symbol", source: id, layout: { "text-field": ["to-string", ["get", "mark"]], "text-size": 12, "text-font": ["sans"], "text-allow-overlap": true } });
    return;
  }
  if (shape === "point") {
    chart.addSource(id, { type: "geojson", data: given, cluster: true, clusterRadius: 36, clusterMaxZoom: 14, clusterProperties: { sum: ["+", one] } });
    const many: maplibre.ExpressionSpecification = ["any", ["has", "point_count"], ["has", "count"]];
    chart.addLayer({ id: `${id}-dot`, type: "circle", source: id, filter: ["!", many] });
    chart.addLayer({ id: `${id}-many`, type: "circle", source: id, filter: many });
    chart.addLayer({ id: `${id}-number`, type: "symbol", source: id, filter: many, layout: { "text-field": ["to-string", sum], "text-size": 11, "text-font": ["sans"], "text-allow-overlap": true } });
    return;
  }
  chart.addSource(id, { type: "geojson", data: given });
  if (shape === "area") chart.addLayer({ id: `${id}-fill`, type: "fill", source: id });
  chart.addLayer({ id: `${id}-line`, type: "line", source: id, layout: { "line-cap": "round", "line-join": "round" } });
}

/** Colours of everything, again when the appearance changes. */
function paint(chart: Chart, layers: Layer[]): void {
  const set = (id: string, name: string, value: unknown) => chart.getLayer(id) && chart.setPaintProperty(id, name as keyof AllPaintProperties, value as never);
  set("ground", "background-color", token("none-soft"));
  set("districts-fill", "fill-color", token("surface"));
  set("districts-fill", "fill-opacity", chart.getLayer("tiles") ? 0.15 : 1);
  set("districts-line", "line-color", token("line-strong"));
  set("districts-line", "line-width", 1);
  set("districts-name", "text-color", token("ink-2"));
  set("districts-name", "text-halo-color", token("surface"));
  set("districts-name", "text-halo-width", 1.2);
  for (const { code, tiles, each, tone = "info" } of layers) {
    const colour = ["match", ["coalesce", ["get", "tone"], tone], ...TONES.flatMap((name) => [name, token(name)]), token("info")];
    set(`${code}-dot`, "circle-color", colour);
    set(`${code}-dot`, "circle-radius", each ? 10 : ["interpolate", ["linear"], ["zoom"], 8, 3.5, 14, 7]);
    set(`${code}-dot`, "circle-stroke-width", 1.5);
    set(`${code}-dot`, "circle-stroke-color", token("surface"));
    set(`${code}-many`, "circle-color", tiles ? colour : token(tone));
    set(`${code}-many`, "circle-radius", ["step", sum, ...ROOM]);
    set(`${code}-many`, "circle-opacity", 0.9);
    set(`${code}-number`, "text-color", token("surface"));
    set(`${code}-fill`, "fill-color", colour);
    set(`${code}-fill`, "fill-opacity", 0.25);
    set(`${code}-line`, "line-color", colour);
    set(`${code}-line`, "line-width", 2.5);
  }
}

function open(chart: Chart, event: MapLayerMouseEvent, layer: Layer): void {
  const feature = event.features?.[0];
  if (!feature) return;
  if (feature.properties?.cluster) {
    const source = chart.getSource(layer.code) as GeoJSONSource;
    void source.getClusterExpansionZoom(feature.properties.cluster_id as number).then((zoom) => chart.easeTo({ center: (feature.geometry as GeoJSON.Point).coordinates as [number, number], zoom }));
    return;
  }
  if (feature.properties?.count) chart.easeTo({ center: (feature.geometry as GeoJSON.Point).coordinates as [number, number], zoom: chart.getZoom() + 2 });
  const { title, label, state, url } = feature.properties as { title?: string; label?: string; state?: string; url?: string };
  const box = document.createElement("div");
  box.className = "map-pop";
  const head = document.createElement(url && /^\/(?!\/)/.test(url) ? "a" : "b");
  head.textContent = title || layer.label;
  if (head instanceof HTMLAnchorElement) head.href = url!;
  box.append(head);
  const more = document.createElement("span");
  more.textContent = [layer.label, label ?? (layer.tiles ? "" : state)].filter(Boolean).join(" · ");
  box.append(more);
  new maplibre.Popup({ closeButton: true, maxWidth: "280px" }).setLngLat(event.lngLat).setDOMContent(box).addTo(chart);
}
