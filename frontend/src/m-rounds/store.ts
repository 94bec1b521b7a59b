// What the phone keeps until the centre has it: the visits that are due, the findings that wait.

import { keeping } from "../phone/keeping";

export type Finding = {
  client_id: string;
  visit: number;
  normal: boolean;
  answers: Record<string, boolean>;
  note: string;
  label: string;
  done_at: string;
};
export type Waiting = { key: string; visit: number; body: Finding; state: "waiting" | "sent" | "refused"; message: string };

export const { keep, drop, all, fact, setFact } = keeping<Waiting>("chengheng-rounds");
