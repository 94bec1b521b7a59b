// What the phone keeps: reports and answers that wait to be sent, the dictionary, small facts. IndexedDB, no library.

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

const NAME = "chengheng-collector";
let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("waiting", { keyPath: "key" });
      request.result.createObjectStore("facts");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run<T>(store: string, mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const base = await open();
  return new Promise((resolve, reject) => {
    const transaction = base.transaction(store, mode, { durability: "strict" });
    const request = act(transaction.objectStore(store));
    // resolved only when the transaction is on disk: what the phone says it kept, it has
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

export const keep = (entry: Waiting) => run("waiting", "readwrite", (s) => s.put(entry));
export const drop = (key: string) => run("waiting", "readwrite", (s) => s.delete(key));
export const all = async (): Promise<Waiting[]> =>
  (await run("waiting", "readonly", (s) => s.getAll() as IDBRequest<Waiting[]>)).sort((a, b) => a.made - b.made);
export const fact = <T>(name: string) => run("facts", "readonly", (s) => s.get(name) as IDBRequest<T | undefined>);
export const setFact = (name: string, value: unknown) => run("facts", "readwrite", (s) => s.put(value, name));
