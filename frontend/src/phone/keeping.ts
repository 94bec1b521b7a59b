// What a phone page keeps until the centre has it: entries that wait to be sent, and small facts. IndexedDB, no library.

/** The page's own database. A promise is resolved only when it is on disk: what the phone says it kept, it has. */
export function keeping<Entry extends { key: string }>(name: string) {
  let opened: Promise<IDBDatabase> | undefined;

  function open(): Promise<IDBDatabase> {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
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
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
    });
  }

  return {
    keep: (entry: Entry) => run("waiting", "readwrite", (s) => s.put(entry)),
    drop: (key: string) => run("waiting", "readwrite", (s) => s.delete(key)),
    all: () => run("waiting", "readonly", (s) => s.getAll() as IDBRequest<Entry[]>),
    fact: <T>(name: string) => run("facts", "readonly", (s) => s.get(name) as IDBRequest<T | undefined>),
    setFact: (name: string, value: unknown) => run("facts", "readwrite", (s) => s.put(value, name)),
  };
}
