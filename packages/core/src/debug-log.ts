import { debuglog } from 'node:util';
import { KvError } from './error.ts';
import { type CallTrace, callChannel, type StatusTrace, statusChannel } from './tracing.ts';

let started = false;

/**
 * With `kv` in the environment variable `NODE_DEBUG`, has every call and every change of status told on stderr. It hears
 * of them as any subscriber does, so that it costs nothing where it is off.
 */
export function startDebugLog(): void {
  const log = debuglog('kv');
  if (started || !log.enabled) return;
  started = true;
  const starts = new WeakMap<CallTrace, number>();
  callChannel.subscribe({
    start: (call) => void starts.set(call, performance.now()),
    end() {},
    asyncStart() {},
    asyncEnd: (call) => {
      const milliseconds = (performance.now() - (starts.get(call) ?? Number.NaN)).toFixed(1);
      const subject = call.key === undefined ? call.operation : `${call.operation} ${JSON.stringify(call.key)}`;
      const retries = call.retries === 0 ? '' : `, sent again ${call.retries}×`;
      log(`${subject} on ${call.driver}: ${outcomeOf(call)} after ${milliseconds} ms${retries}`);
    },
    error() {},
  });
  statusChannel.subscribe((message) => {
    const { driver, status, error } = message as StatusTrace;
    log(`${driver} is ${status}${error === undefined ? '' : `: ${failureOf(error)}`}`);
  });
}

function outcomeOf(call: CallTrace): string {
  return 'error' in call ? failureOf(call.error) : 'done';
}

/** Messages of a `KvError` tell no value and no secret. What a caller aborts with may be anything. */
function failureOf(error: unknown): string {
  return KvError.is(error) ? `${error.code} (${error.message})` : 'aborted';
}
