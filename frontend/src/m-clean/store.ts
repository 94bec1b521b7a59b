// What the phone keeps until the centre has it: the day's roads, the checks that wait.

import { keeping } from "../phone/keeping";

export type Shot = { kind: string; blob: Blob; taken_at: string; sha256?: string };
export type Reading = { bag: string; scale: string; gross_g: string; tare_g: string; source: string };
export type Taken = {
  number: number;
  lon: number;
  lat: number;
  taken_at: string;
  bag: string;
  moved_reason: string;
  shots: Shot[];
  reading?: Reading;
};
export type Waiting = {
  key: string; // the client_id of the check
  item: number;
  road: string;
  body: Record<string, unknown>;
  said?: Record<string, string>; // the form as it was filled, for a check that comes back
  points: Taken[];
  state: "waiting" | "sent" | "refused";
  message: string;
};

export const { keep, drop, all, fact, setFact } = keeping<Waiting>("chengheng-clean");
