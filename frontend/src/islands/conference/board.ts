// The whiteboard: strokes that came from the gateway, and the one that is being drawn. Nothing is kept here that is not in
// the gateway's rows, but for the stroke under the pen.
import type { Stroke } from "./link";
import { button, make } from "./make";
import { say } from "./words";

export const INKS = ["#1f2937", "#d63939", "#206bc4", "#2fb344", "#f59f00"];
const WIDE = 1600;
const HIGH = 900;
const FULL = 10_000;
const MOST_POINTS = 400;

export class Board {
  readonly box = make("div", "conf-board");
  private readonly canvas = make("canvas");
  private readonly tools = make("div", "conf-board-tools");
  private strokes: Stroke[] = [];
  private from = 0;
  private ink = INKS[0]!;
  private wide = 6;
  private now: number[] | null = null;
  private mine: { colour: string; width: number; points: number[] }[] = [];

  constructor(
    private readonly send: (stroke: { colour: string; width: number; points: number[] }) => Promise<void>,
    private readonly more: { wipe: () => void; keep: (file: File) => void },
  ) {
    this.canvas.width = WIDE;
    this.canvas.height = HIGH;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", say("board"));
    this.box.append(this.canvas, this.tools);
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"] as const) this.canvas.addEventListener(name, () => this.up());
    this.paint();
  }

  /** Which tools there are: a pen for who may send, the sponge for who steers. */
  allow(draws: boolean, steers: boolean): void {
    const key = `${draws}|${steers}|${this.ink}|${this.wide}`;
    if (this.tools.dataset.drawn === key) return;
    this.tools.dataset.drawn = key;
    const out: HTMLElement[] = [];
    if (draws) {
      for (const ink of INKS) {
        const pick = button("", () => ((this.ink = ink), this.allow(draws, steers)), `conf-ink${ink === this.ink ? " is-chosen" : ""}`);
        pick.dataset.ink = ink;
        pick.setAttribute("aria-label", `${say("ink")} ${INKS.indexOf(ink) + 1}`);
        pick.setAttribute("aria-pressed", String(ink === this.ink));
        out.push(pick);
      }
      out.push(button(this.wide === 6 ? say("thick") : say("thin"), () => ((this.wide = this.wide === 6 ? 18 : 6), this.allow(draws, steers)), "btn btn-sm"));
      out.push(button(say("keepBoard"), () => this.keep(), "btn btn-sm"));
    }
    if (steers) out.push(button(say("wipe"), this.more.wipe, "btn btn-sm"));
    this.canvas.classList.toggle("is-mine", draws);
    this.tools.replaceChildren(...out);
  }

  add(strokes: Stroke[]): void {
    for (const stroke of strokes) {
      if (this.strokes.some((known) => known.id === stroke.id)) continue;
      this.strokes.push(stroke);
      const own = this.mine.findIndex((one) => one.points.length === stroke.points.length && one.points.every((value, at) => value === stroke.points[at]));
      if (own >= 0) this.mine.splice(own, 1);
    }
    this.paint();
  }

  /** Strokes up to this one were wiped. */
  wiped(from: number): void {
    if (from === this.from) return;
    this.from = from;
    this.strokes = this.strokes.filter((stroke) => stroke.id > from);
    this.mine = [];
    this.paint();
  }

  get count(): number {
    return this.strokes.length;
  }

  private place(event: PointerEvent): [number, number] {
    const area = this.canvas.getBoundingClientRect();
    const inside = (value: number) => Math.min(FULL, Math.max(0, Math.round(value * FULL)));
    return [inside((event.clientX - area.left) / area.width), inside((event.clientY - area.top) / area.height)];
  }

  private down(event: PointerEvent): void {
    if (!this.canvas.classList.contains("is-mine")) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.now = this.place(event);
    this.paint();
  }

  private move(event: PointerEvent): void {
    if (!this.now) return;
    const [x, y] = this.place(event);
    const [oldX, oldY] = this.now.slice(-2) as [number, number];
    if (Math.abs(x - oldX) + Math.abs(y - oldY) < 20) return;
    this.now.push(x, y);
    if (this.now.length >= 2 * MOST_POINTS) {
      this.up(); // a very long line goes out in parts
      this.now = [x, y];
    }
    this.paint();
  }

  private up(): void {
    const points = this.now;
    this.now = null;
    if (!points) return;
    const stroke = { colour: this.ink, width: this.wide, points };
    this.mine.push(stroke);
    void this.send(stroke).catch(() => {
      this.mine = this.mine.filter((one) => one !== stroke);
      this.paint();
    });
    this.paint();
  }

  private paint(): void {
    const pen = this.canvas.getContext("2d");
    if (!pen) return;
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, WIDE, HIGH);
    pen.lineCap = pen.lineJoin = "round";
    const current = this.now ? [{ colour: this.ink, width: this.wide, points: this.now }] : [];
    for (const { colour, width, points } of [...this.strokes, ...this.mine, ...current]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(((points[0] ?? 0) * WIDE) / FULL, ((points[1] ?? 0) * HIGH) / FULL);
      if (points.length === 2) pen.lineTo(((points[0] ?? 0) * WIDE) / FULL + 0.1, ((points[1] ?? 0) * HIGH) / FULL);
      for (let at = 2; at + 1 < points.length; at += 2) pen.lineTo(((points[at] ?? 0) * WIDE) / FULL, ((points[at + 1] ?? 0) * HIGH) / FULL);
      pen.stroke();
    }
  }

  private keep(): void {
    this.canvas.toBlob((blob) => {
      if (blob) this.more.keep(new File([blob], `${say("board")}-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}.png`, { type: "image/png" }));
    }, "image/png");
  }
}
