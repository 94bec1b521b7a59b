// Draws a road's line on the map beside its form: drag a corner, click the line to add one, go on at its end, take back.
// The text field stays the truth: what is drawn is written into it, what is typed there is drawn.
import * as maplibre from "maplibre-gl";
import type { GeoJSONSource, Map as Chart } from "maplibre-gl";
import { onTheme, token, zh, type Island } from "../../islands";

interface Props {
  input: string; // id of the text field that holds [[lon, lat], …]
}
type Position = [number, number];
const MOST = 300; // corners that can still be handled one by one
const say = (chinese: string, english: string) => (zh() ? chinese : english);

function parsed(text: string): Position[] | null {
  try {
    const found: unknown = JSON.parse(text || "[]");
    const right = Array.isArray(found) && found.every((one) => Array.isArray(one) && one.length === 2 && one.every((v) => typeof v === "number"));
    return right ? (found as Position[]) : null;
  } catch {
    return null;
  }
}

/** Metres along the line, flat near it. */
function length(line: Position[]): number {
  let sum = 0;
  for (let i = 1; i < line.length; i++) {
    const [a, b] = [line[i - 1]!, line[i]!];
    sum += Math.hypot((a[0] - b[0]) * Math.cos((a[1] * Math.PI) / 180), a[1] - b[1]) * 111_195;
  }
  return sum;
}

function chartOf(): Promise<Chart> {
  const place = document.querySelector<HTMLElement & { chart?: Chart }>(".island-map");
  if (place?.chart) return Promise.resolve(place.chart);
  return new Promise((done) => document.addEventListener("map-drawn", (event) => done((event as CustomEvent<Chart>).detail), { once: true }));
}

const editor: Island<Props> = async (place, props) => {
  const input = document.getElementById(props.input) as HTMLTextAreaElement | null;
  if (!input) throw new Error(`no field ${props.input}`);
  const chart = await chartOf();
  const stored = input.defaultValue;
  let line = parsed(input.value) ?? [];
  let going = line.length < 2; // a click goes on at the line's end
  const earlier: Position[][] = [];
  const markers: maplibre.Marker[] = [];

  const button = (text: string, act: () => void): HTMLButtonElement => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn btn-sm";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };
  const extend = button(say("续画", "Go on at the end"), () => setGoing(!going));
  const back = button(say("撤销", "Take back"), () => {
    const last = earlier.pop();
    if (last) show(last, false);
  });
  const anew = button(say("重画", "Draw anew"), () => {
    change([]);
    setGoing(true);
  });
  const asStored = button(say("恢复原线位", "As stored"), () => change(parsed(stored) ?? []));
  const told = document.createElement("span");
  told.className = "muted";
  told.setAttribute("role", "status");
  place.classList.add("chips");
  place.append(extend, back, anew, asStored, told);

  const tell = () => {
    const many = line.length > MOST ? say("折点过多，请在文本框中修改。", "Too many corners to handle one by one: change the text.") : "";
    const how = going ? say("点击地图添加折点。", "Click the map to add a corner.") : say("拖动折点；点击线段加点；双击折点删除。", "Drag a corner; click the line to add one; double-click a corner to remove it.");
    told.textContent = `${line.length} ${say("个折点", "corners")} · ${Math.round(length(line))} m · ${many || how}`;
    back.disabled = !earlier.length;
  };
  const setGoing = (on: boolean) => {
    going = on;
    extend.setAttribute("aria-pressed", String(on));
    chart.getCanvas().style.cursor = on ? "crosshair" : "";
    tell();
  };
  const change = (next: Position[]) => {
    earlier.push(line);
    show(next, false);
  };
  const round = (at: { lng: number; lat: number }): Position => [Number(at.lng.toFixed(6)), Number(at.lat.toFixed(6))];

  function show(next: Position[], typed: boolean): void {
    line = next;
    (chart.getSource("edited") as GeoJSONSource).setData({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: line.length > 1 ? line : [] } });
    markers.splice(0).forEach((one) => one.remove());
    if (line.length <= MOST)
      line.forEach((at, index) => {
        const corner = document.createElement("button");
        corner.type = "button";
        corner.className = "map-corner";
        corner.setAttribute("aria-label", `${say("折点", "Corner")} ${index + 1}`);
        corner.addEventListener("dblclick", (event) => {
          event.stopPropagation();
          if (line.length > 2) change(line.filter((_one, i) => i !== index));
        });
        corner.addEventListener("click", (event) => event.stopPropagation());
        corner.addEventListener("keydown", (event) => {
          if ((event.key === "Delete" || event.key === "Backspace") && line.length > 2) change(line.filter((_one, i) => i !== index));
        });
        const marker = new maplibre.Marker({ element: corner, draggable: true }).setLngLat(at).addTo(chart);
        marker.on("dragend", () => change(line.map((one, i) => (i === index ? round(marker.getLngLat()) : one))));
        markers.push(marker);
      });
    if (!typed) {
      input!.value = JSON.stringify(line);
      input!.dispatchEvent(new Event("change", { bubbles: true }));
    }
    tell();
  }

  chart.addSource("edited", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  chart.addLayer({ id: "edited-line", type: "line", source: "edited", layout: { "line-cap": "round", "line-join": "round" } });
  chart.addLayer({ id: "edited-reach", type: "line", source: "edited", paint: { "line-width": 18, "line-opacity": 0 } });
  const paint = () => {
    chart.setPaintProperty("edited-line", "line-color", token("seal"));
    chart.setPaintProperty("edited-line", "line-width", 3.5);
  };
  paint();
  chart.on("click", (event) => {
    if (going) return change([...line, round(event.lngLat)]);
    if (!chart.queryRenderedFeatures(event.point, { layers: ["edited-reach"] }).length) return;
    let best = 1;
    let least = Infinity;
    for (let i = 1; i < line.length; i++) {
      const [a, b] = [chart.project(line[i - 1]!), chart.project(line[i]!)];
      const [dx, dy] = [b.x - a.x, b.y - a.y];
      const t = Math.max(0, Math.min(1, ((event.point.x - a.x) * dx + (event.point.y - a.y) * dy) / (dx * dx + dy * dy || 1)));
      const off = Math.hypot(a.x + t * dx - event.point.x, a.y + t * dy - event.point.y);
      if (off < least) [least, best] = [off, i];
    }
    change([...line.slice(0, best), round(event.lngLat), ...line.slice(best)]);
  });
  input.addEventListener("input", () => {
    const typed = parsed(input.value);
    if (!typed) return;
    earlier.push(line);
    show(typed, true);
  });
  chart.doubleClickZoom.disable();
  show(line, true);
  setGoing(going);
  const stop = onTheme(paint);
  place.dispatchEvent(new CustomEvent("editor-ready", { bubbles: true }));
  return () => {
    stop();
    markers.forEach((one) => one.remove());
  };
};
export default editor;
