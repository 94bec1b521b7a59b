// What the phone keeps until the centre has it: the visits that are due, the findings that wait. IndexedDB, no library.

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

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("chengheng-rounds", 1);
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
    transaction.oncomplete = () => resolve(request.result); // only when it is on disk
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

export const keep = (entry: Waiting) => run("waiting", "readwrite", (s) => s.put(entry));
export const drop = (key: string) => run("waiting", "readwrite", (s) => s.delete(key));
export const all = () => run("waiting", "readonly", (s) => s.getAll() as IDBRequest<Waiting[]>);
export const fact = <T>(name: string) => run("facts", "readonly", (s) => s.get(name) as IDBRequest<T | undefined>);
export const setFact = (name: string, value: unknown) => run("facts", "readwrite", (s) => s.put(value, name));
