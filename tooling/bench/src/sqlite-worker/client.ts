import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Client } from '../client.ts';
import type { Question, Reply } from './messages.ts';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

type Asked = Question extends infer Each ? (Each extends Question ? Omit<Each, 'id'> : never) : never;

/**
 * What `@kv/sqlite` would be if another thread committed: a prototype, to find out whether that pays. It only writes; reads would
 * stay where they are.
 */
export async function openThroughWorker(path: string): Promise<Client> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: path });
  await once(worker, 'message');
  const waiting = new Map<number, Waiting>();
  let questions: Question[] = [];
  let ids = 0;
  worker.on('message', (replies: readonly Reply[]) => {
    for (const { id, result, error } of replies) {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(error);
    }
  });
  const send = () => {
    worker.postMessage(questions);
    questions = [];
  };
  const ask = (question: Asked) =>
    new Promise((resolve, reject) => {
      const id = ids++;
      waiting.set(id, { resolve, reject });
      if (questions.push({ ...question, id }) === 1) setImmediate(send);
    });
  return {
    put: (key, value) => ask({ type: 'put', key, value }),
    delete: (key) => ask({ type: 'delete', key }),
    async close() {
      await ask({ type: 'close' });
      await worker.terminate();
    },
  };
}
