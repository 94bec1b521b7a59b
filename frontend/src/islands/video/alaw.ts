// Sound of a microphone to G.711 A-law at 8 kHz, as a camera's loudspeaker takes it (ITU-T G.711).
const RATE = 8000;
const TAPS = 96;

/** From any rate to 8 kHz: a windowed sinc below 3.6 kHz, evaluated only where a sample is needed. */
export class Resampler {
  private kept = new Float32Array(0);
  private at = 0; // place of the next output sample in `kept`
  private readonly step: number;
  private readonly half: number;

  constructor(rate: number) {
    this.step = rate / RATE;
    this.half = Math.ceil((TAPS / 2) * Math.max(1, this.step / 6));
    this.at = this.half;
    this.kept = new Float32Array(this.half);
  }

  take(samples: Float32Array): Float32Array {
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    const out: number[] = [];
    const cut = 0.45 / Math.max(1, this.step);
    while (this.at + this.half < all.length) {
      const middle = Math.floor(this.at);
      let sum = 0;
      let weight = 0;
      for (let index = middle - this.half + 1; index <= middle + this.half; index += 1) {
        const x = index - this.at;
        const sinc = x === 0 ? 2 * cut : Math.sin(2 * Math.PI * cut * x) / (Math.PI * x);
        const tap = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / (this.half + 1)));
        sum += (all[index] ?? 0) * tap;
        weight += tap;
      }
      out.push(sum / weight);
      this.at += this.step;
    }
    const from = Math.max(0, Math.floor(this.at) - this.half);
    this.kept = all.slice(from);
    this.at -= from;
    return Float32Array.from(out);
  }
}

export function alaw(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(samples.length);
  for (let index = 0; index < samples.length; index += 1) {
    const whole = Math.max(-32768, Math.min(32767, Math.round(samples[index]! * 32767)));
    const sign = whole >= 0 ? 0x80 : 0;
    const size = (whole >= 0 ? whole : -whole - 1) >> 4; // 0 … 2047
    const exponent = size < 16 ? 0 : Math.max(1, 28 - Math.clz32(size));
    const mantissa = exponent < 2 ? size & 15 : (size >> (exponent - 1)) & 15;
    out[index] = (sign | (exponent << 4) | mantissa) ^ 0x55;
  }
  return out;
}
