// Charts: a short declaration (see ui/components/chart.html) becomes an ECharts drawing in the design system's colours.
import { use, init, type EChartsCoreOption } from "echarts/core";
import { BarChart, LineChart, PieChart, ScatterChart, HeatmapChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, DataZoomComponent, AriaComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { onTheme, token, zh, type Island } from "../../islands";

use([BarChart, LineChart, PieChart, ScatterChart, HeatmapChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, DataZoomComponent, AriaComponent, CanvasRenderer]);

interface Series {
  name: string;
  data: (number | string | null)[];
  tone?: string;
  kind?: "line" | "bar";
  dashed?: boolean;
}
interface Chart {
  kind?: "line" | "bar" | "area" | "stack" | "pie" | "rows";
  x: string[];
  series: Series[];
  unit?: string;
  most?: number;
  target?: number | string | null;
  band?: [(number | null)[], (number | null)[]];
  option?: EChartsCoreOption;
}

const order = ["accent", "info", "warn", "seal", "good", "none"];
const numbers = (data: (number | string | null)[]) => data.map((v) => (v === null || v === "" ? null : Number(v)));

export function optionOf(chart: Chart): EChartsCoreOption {
  const text = { color: token("ink-2"), fontFamily: token("font"), fontSize: 12 };
  const colour = (tone: string | undefined, at: number) => token(tone && tone !== "none" ? tone : tone === "none" ? "ink-3" : order[at % order.length]!);
  const tooltip = {
    renderMode: "richText", confine: true, backgroundColor: token("surface"), borderColor: token("line-strong"), borderWidth: 1,
    textStyle: { ...text, color: token("ink") },
    valueFormatter: (v: unknown) => (v === null || v === undefined || v === "-" ? "—" : `${Number(v).toLocaleString(zh() ? "zh-CN" : "en")}${chart.unit ?? ""}`),
  };
  const base = { textStyle: text, animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250, aria: { enabled: true } };
  if (chart.option) return { ...base, tooltip, ...chart.option };
  if (chart.kind === "pie") {
    const one = chart.series[0];
    return {
      ...base, tooltip: { ...tooltip, trigger: "item" },
      legend: { type: "scroll", bottom: 0, textStyle: text, icon: "roundRect", itemWidth: 10, itemHeight: 10 },
      series: [{ type: "pie", radius: ["52%", "78%"], center: ["50%", "44%"], itemStyle: { borderColor: token("surface"), borderWidth: 2 }, label: { show: false },
        data: chart.x.map((name, at) => ({ name, value: Number(one?.data[at] ?? 0), itemStyle: { color: colour(undefined, at) } })) }],
    };
  }
  const across = chart.kind === "rows";
  const names = { type: "category", data: chart.x, axisLabel: { ...text, hideOverlap: true }, axisLine: { lineStyle: { color: token("line-strong") } }, axisTick: { show: false }, inverse: across };
  const values = { type: "value", scale: (chart.kind ?? "line") === "line", max: chart.most, axisLabel: text, splitLine: { lineStyle: { color: token("line") } }, name: chart.unit ?? "", nameTextStyle: { ...text, align: "left" } };
  const line = chart.target === null || chart.target === undefined || chart.target === "" ? undefined : {
    silent: true, symbol: "none", lineStyle: { color: token("seal"), type: "dashed", width: 1.5 },
    label: { color: token("seal"), formatter: zh() ? "目标 {c}" : "target {c}", position: across ? "end" : "insideEndTop" }, data: [across ? { xAxis: Number(chart.target) } : { yAxis: Number(chart.target) }],
  };
  const series: object[] = chart.series.map((one, at) => {
    const kind = one.kind ?? (chart.kind === "bar" || chart.kind === "stack" || across ? "bar" : "line");
    return {
      name: one.name, type: kind, data: numbers(one.data), color: colour(one.tone, at), barMaxWidth: 26, connectNulls: false,
      stack: chart.kind === "stack" ? "all" : undefined, symbol: "circle", symbolSize: 5, showSymbol: chart.x.length < 40,
      lineStyle: kind === "line" ? { width: 2, type: one.dashed ? "dashed" : "solid" } : undefined,
      areaStyle: chart.kind === "area" ? { opacity: 0.12 } : undefined, itemStyle: kind === "bar" ? { borderRadius: chart.kind === "stack" ? 0 : across ? [0, 2, 2, 0] : [2, 2, 0, 0] } : undefined,
      markLine: at === 0 ? line : undefined,
    };
  });
  if (chart.band) {
    const [low, high] = chart.band;
    const quiet = { type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, silent: true, tooltip: { show: false } };
    series.push({ ...quiet, name: "", data: low }, { ...quiet, name: "", data: high.map((h, at) => (h === null || low[at] == null ? null : h - low[at]!)), areaStyle: { color: token("accent"), opacity: 0.14 } });
  }
  return {
    ...base, tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: chart.kind === "bar" || chart.kind === "stack" ? "shadow" : "line" } },
    legend: chart.series.length > 1 ? { type: "scroll", top: 0, left: 0, textStyle: text, icon: "roundRect", itemWidth: 10, itemHeight: 10, data: chart.series.map((s) => s.name) } : undefined,
    grid: { left: 4, right: across ? 40 : 12, top: chart.series.length > 1 ? 40 : 28, bottom: 4, containLabel: true },
    xAxis: across ? values : names, yAxis: across ? names : values, series,
  };
}

const chart: Island<Chart> = (place, props) => {
  const drawing = init(place, undefined, { renderer: "canvas" });
  const draw = () => drawing.setOption(optionOf(props), { notMerge: true });
  draw();
  const size = new ResizeObserver(() => drawing.resize());
  size.observe(place);
  const stop = onTheme(draw);
  return () => {
    stop();
    size.disconnect();
    drawing.dispose();
  };
};
export default chart;
