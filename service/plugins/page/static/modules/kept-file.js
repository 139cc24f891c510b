// @ts-check
/** The file of readings that this browser keeps: it survives a reload, and is not stored on the server. */

/**
 * @typedef {import("./file-reader.js").FileContent} FileContent
 * @typedef {FileContent & {options: string}} KeptFile options: the query with which it was last shown
 */

const DATABASE = "sst-files";
const STORE = "files";
const KEY = "open";

/** The file while the database does not answer, as in a private window. @type {KeptFile | null} */
let inMemory = null;

/** @returns {Promise<KeptFile | null>} null if there is none */
export async function keptFile() {
  if (inMemory) return inMemory;
  inMemory = await transact("readonly", (store) => store.get(KEY)).catch(() => null) ?? null;
  return inMemory;
}

/** Keep a file in place of the one before. @param {FileContent} file @param {string} options */
export async function keepFile({ name, blob }, options) {
  inMemory = { name, blob, options };
  await transact("readwrite", (store) => store.put(inMemory, KEY)).catch(() => {});
}

export async function forgetFile() {
  inMemory = null;
  await transact("readwrite", (store) => store.delete(KEY)).catch(() => {});
}

/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} work @returns {Promise<any>} */
function transact(mode, work) {
  return new Promise((resolve, reject) => {
    const opened = indexedDB.open(DATABASE, 1);
    opened.onupgradeneeded = () => opened.result.createObjectStore(STORE);
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const database = opened.result;
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => (database.close(), resolve(request.result));
      transaction.onabort = () => (database.close(), reject(transaction.error));
    };
  });
}
