// Photos: smaller for the network, with the camera's own EXIF (time, place) put back, because it is evidence.

const MOST = 1600; // pixels on the longer side
const QUALITY = 0.8;

/** A JPEG of at most MOST pixels with the original's EXIF; the original itself where the browser cannot read it. */
export async function compressed(file: Blob): Promise<Blob> {
  const original = new Uint8Array(await file.arrayBuffer());
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(file); // upright: the EXIF orientation is applied
  } catch {
    return file;
  }
  const scale = Math.min(1, MOST / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.round(image.width * scale), Math.round(image.height * scale));
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  const small = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY })).arrayBuffer());
  const exif = exifOf(original);
  if (small.length >= original.length && exif === null) return file;
  const parts = exif ? [small.slice(0, 2), upright(exif), small.slice(2)] : [small];
  return new Blob(parts as BlobPart[], { type: "image/jpeg" });
}

/** The APP1 segment with the EXIF of a JPEG, or null. */
export function exifOf(bytes: Uint8Array): Uint8Array | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  let at = 2;
  while (at + 4 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const isExif = bytes[at + 1] === 0xe1 && String.fromCharCode(...bytes.slice(at + 4, at + 8)) === "Exif";
    if (isExif) return bytes.slice(at, at + 2 + length);
    at += 2 + length;
  }
  return null;
}

/** When the camera says that it took the picture (DateTimeOriginal, with its offset or China's), or null. */
export async function takenAt(file: Blob): Promise<Date | null> {
  const segment = exifOf(new Uint8Array(await file.slice(0, 200_000).arrayBuffer()));
  if (!segment) return null;
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const tiff = 10; // FFE1, length, "Exif\0\0"
  try {
    const little = view.getUint16(tiff) === 0x4949;
    const find = (table: number, tag: number): number | null => {
      for (let i = 0; i < view.getUint16(tiff + table, little); i++) {
        const entry = tiff + table + 2 + i * 12;
        if (view.getUint16(entry, little) === tag) return entry;
      }
      return null;
    };
    const text = (entry: number): string => {
      const length = view.getUint32(entry + 4, little);
      const from = length > 4 ? tiff + view.getUint32(entry + 8, little) : entry + 8;
      return String.fromCharCode(...segment.slice(from, from + length)).replace(/\0.*$/, "");
    };
    const pointer = find(view.getUint32(tiff + 4, little), 0x8769);
    if (pointer === null) return null;
    const own = view.getUint32(pointer + 8, little);
    const [at, offset] = [find(own, 0x9003), find(own, 0x9011)];
    const said = at === null ? null : /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)/.exec(text(at));
    if (!said) return null;
    const zone = offset === null ? "" : text(offset);
    const made = new Date(`${said[1]}-${said[2]}-${said[3]}T${said[4]}${/^[+-]\d\d:\d\d$/.test(zone) ? zone : "+08:00"}`);
    return Number.isNaN(made.getTime()) ? null : made;
  } catch {
    return null; // a broken table says nothing
  }
}

/** The same EXIF with orientation 1, since the pixels are upright now. */
function upright(segment: Uint8Array): Uint8Array {
  const copy = segment.slice();
  const view = new DataView(copy.buffer);
  const tiff = 10; // FFE1, length, "Exif\0\0"
  const little = view.getUint16(tiff) === 0x4949;
  try {
    const table = tiff + view.getUint32(tiff + 4, little);
    for (let i = 0; i < view.getUint16(table, little); i++) {
      const entry = table + 2 + i * 12;
      if (view.getUint16(entry, little) === 0x0112) view.setUint16(entry + 8, 1, little);
    }
  } catch {
    // a broken table: kept as it came
  }
  return copy;
}
