// Buttons beside the weighing form that read the scale, in browsers that can. The first reading is the tare, then the gross.
import { zh, type Island } from "../../islands";
import { bluetooth, byBluetooth, bySerial, serial } from "../../m-clean/scale";

const reader: Island = (place) => {
  const field = (name: string) => document.querySelector<HTMLInputElement>(`[name="${name}"]`);
  const offer = (text: string, source: string, read: () => Promise<number>) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = text;
    button.addEventListener("click", async () => {
      const tare = field("tare_g");
      const gross = field("gross_g");
      if (!tare || !gross) return;
      const first = tare.value === "" && gross.value === "";
      try {
        (tare.value === "" ? tare : gross).value = String(await read());
      } catch (problem) {
        button.title = String(problem);
        return;
      }
      const chosen = field("source") as unknown as HTMLSelectElement | null;
      if (chosen && (first || chosen.value === source)) chosen.value = source; // a mass typed in stays one by hand
    });
    place.append(button);
  };
  if (bluetooth()) offer(zh() ? "蓝牙读秤" : "Read by Bluetooth", "bluetooth", byBluetooth);
  if (serial()) offer(zh() ? "数据线读秤" : "Read by cable", "serial", bySerial);
};
export default reader;
