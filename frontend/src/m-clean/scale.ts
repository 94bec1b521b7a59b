// Reading a scale by Bluetooth (the standard Weight Scale service, 0x181D) or by cable (a line of text with grams).
// Only in browsers that have it; elsewhere the mass is typed and a second person must read it again.

type Anything = any; // eslint-disable-line -- neither API is in TypeScript's DOM library
const nav = navigator as Anything;

export const bluetooth = (): boolean => Boolean(nav.bluetooth);
export const serial = (): boolean => Boolean(nav.serial);

/** Grams of one Weight Measurement (0x2A9D): flags, then the mass in units of 5 g (SI) or 0.01 lb. */
export function measured(view: DataView): number {
  const pounds = view.getUint8(0) & 1;
  const raw = view.getUint16(1, true);
  return pounds ? raw * 0.01 * 453.59237 : raw * 5;
}

/** Grams in a scale's line of text ("ST,GS,+  12.34 g", "0.01234kg"), null where there is no mass. */
export function grams(line: string): number | null {
  const found = /([+-]?)\s*(\d+(?:\.\d+)?)\s*(kg|g)\b/i.exec(line);
  if (!found || line.startsWith("US")) return null; // US: unstable
  const value = Number(found[2]) * (found[3]!.toLowerCase() === "kg" ? 1000 : 1);
  return found[1] === "-" ? -value : Math.round(value * 1000) / 1000;
}

export async function byBluetooth(): Promise<number> {
  const device = await nav.bluetooth.requestDevice({ filters: [{ services: [0x181d] }] });
  const server = await device.gatt.connect();
  const mass = await (await server.getPrimaryService(0x181d)).getCharacteristic(0x2a9d);
  try {
    return await new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("timeout")), 15_000);
      mass.addEventListener("characteristicvaluechanged", (event: Anything) => {
        clearTimeout(late);
        resolve(measured(event.target.value));
      });
      void mass.startNotifications();
    });
  } finally {
    server.disconnect();
  }
}

export async function bySerial(): Promise<number> {
  const port = await nav.serial.requestPort();
  await port.open({ baudRate: 9600 });
  const reader = port.readable.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (const until = Date.now() + 15_000; Date.now() < until; ) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      const lines = text.split(/\r?\n/);
      text = lines.pop() ?? "";
      for (const line of lines) {
        const found = grams(line);
        if (found !== null) return found;
      }
    }
    throw new Error("timeout");
  } finally {
    await reader.cancel().catch(() => undefined);
    await port.close().catch(() => undefined);
  }
}
