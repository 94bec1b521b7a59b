// What the phone keeps: reports and answers that wait to be sent, the dictionary, small facts.

import { keeping } from "../phone/keeping";

export type Photo = { kind: string; name: string; blob: Blob; sent: boolean };
export type Waiting = {
  key: string; // also the client_id of a report
  made: number; // the phone's clock, ms
  what: "report" | "step" | "shift";
  url: string;
  body: Record<string, unknown>;
  photos: Photo[];
  label: string;
  state: "waiting" | "sending" | "sent" | "refused";
  message: string;
  caseId?: number;
};

const kept = keeping<Waiting>("chengheng-collector");
export const { keep, drop, fact, setFact } = kept;
export const all = async (): Promise<Waiting[]> => (await kept.all()).sort((a, b) => a.made - b.made);
