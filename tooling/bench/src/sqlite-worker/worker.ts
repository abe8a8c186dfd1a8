import { parentPort, workerData } from 'node:worker_threads';
import { openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';
import type { Question, Reply } from './messages.ts';

const store = await openStore(sqlite({ path: workerData }));
let replies: Reply[] = [];

function answer(question: Question): Promise<unknown> {
  if (question.type === 'put') return store.put(question.key, question.value);
  return question.type === 'delete' ? store.delete(question.key) : store.close();
}

function reply(message: Reply): void {
  if (replies.push(message) > 1) return;
  // All calls of one commit settle before this.
  setImmediate(() => {
    parentPort?.postMessage(replies);
    replies = [];
  });
}

parentPort?.on('message', (questions: readonly Question[]) => {
  for (const question of questions) {
    answer(question).then(
      (result) => reply({ id: question.id, result }),
      (error) => reply({ id: question.id, error }),
    );
  }
});
parentPort?.postMessage([]);
