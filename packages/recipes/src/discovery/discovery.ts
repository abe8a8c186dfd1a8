import { type CallOptions, type Codec, KvError, type StandardSchema, type Store, type WatchOptions } from '@kv/core';
import { iterate } from '../iterate.ts';
import { type PersistentKeyOptions, persistentKey } from '../persistent-key.ts';
import type { Strategy } from './choose.ts';
import { followHealth, type HealthCheck, untilHealthy } from './health.ts';
import {
  checkSegment,
  checkStorable,
  type Instance,
  instanceCodec,
  type StoredInstance,
  tolerant,
} from './instance.ts';
import { Picker } from './picker.ts';
import { Registration, storedInstance } from './registration.ts';
import { type ServiceState, ServiceView } from './service-state.ts';

export type { HealthCheck, Instance, Picker, Registration, ServiceState, Strategy };

/** Where services are, and what their metadata is. */
export interface DiscoveryOptions<Metadata> {
  /** The directory of all services. Default `services`. */
  readonly directory?: string | undefined;
  /**
   * Validates the metadata that is read, and types it. Any Standard Schema validator that answers synchronously. Default: it is
   * taken on trust.
   */
  readonly metadata?: StandardSchema<Metadata> | undefined;
}

/** How an instance is kept in the registry. */
export interface RegisterOptions extends PersistentKeyOptions {
  /** While it says no, the instance is not listed. Default: it is healthy for as long as its process lives. */
  readonly health?: HealthCheck | undefined;
  /** How often `health` is asked, and how long its answer may take, in milliseconds. Default 5,000. */
  readonly healthInterval?: number | undefined;
}

/** How a picker chooses. */
export interface PickerOptions {
  /** Default `round-robin`. */
  readonly strategy?: Strategy | undefined;
  /** An instance that left the registry longer ago than so many milliseconds is never picked. Default 30,000. */
  readonly bound?: number | undefined;
  /** Ends the opening, not the picker. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Services and their instances, one key each: `<directory>/<service>/<id>`. */
export class Discovery<Metadata = unknown> {
  readonly #codec: Codec<StoredInstance<Metadata>>;
  readonly #writing: Store<StoredInstance<Metadata>, StoredInstance<Metadata>>;
  readonly #reading: Store<StoredInstance<Metadata> | undefined, never>;
  readonly #directory: string;

  constructor(store: Store<unknown, never>, { directory = 'services', metadata }: DiscoveryOptions<Metadata> = {}) {
    const codec = instanceCodec(metadata);
    this.#codec = codec;
    this.#writing = store.withCodec(codec);
    this.#reading = store.withCodec(tolerant(codec));
    this.#directory = directory;
  }

  /**
   * Registers an instance for as long as this process lives, and again whenever its session was lost. Resolves once it is
   * listed, through outages; with `health`, once that has said yes. Who registers the same id later replaces it.
   *
   * @param options.signal Ends the attempt, not the registration.
   * @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_VALUE_TOO_LARGE`, `KV_PERMISSION_DENIED`, `KV_CLOSED`.
   */
  async register(
    service: string,
    instance: Instance<Metadata>,
    { health, healthInterval = 5_000, signal, ttl }: RegisterOptions = {},
  ): Promise<Registration<Metadata>> {
    const key = `${this.#directoryOf(service)}/${checkSegment('`id`', instance.id)}`;
    if (!(healthInterval > 0)) {
      throw new KvError('KV_INVALID_ARGUMENT', `\`healthInterval\` must be more than 0 ms, not ${healthInterval}`);
    }
    const check = (stored: StoredInstance<Metadata>) =>
      checkStorable(this.#codec, stored, this.#writing.capabilities.maxValueBytes);
    check(storedInstance(instance));
    if (health !== undefined) await untilHealthy(health, healthInterval, signal);
    const kept = await persistentKey(this.#writing, key, storedInstance(instance), { ttl, signal });
    const registration = new Registration(kept, instance, check);
    if (health !== undefined) {
      void followHealth(health, healthInterval, registration.over, (healthy) => registration.list(healthy));
    }
    return registration;
  }

  /** The instances of a service, in the order of their ids. What is there and is no instance is left out: see `watch`. */
  async list(service: string, options: CallOptions = {}): Promise<Instance<Metadata>[]> {
    const directory = this.#directoryOf(service);
    const view = new ServiceView<Metadata>(directory);
    const pairs = await this.#reading.list(directory, options);
    view.apply({ changes: pairs.map((pair) => ({ type: 'put', key: pair.key, pair })) });
    return [...view.instances.values()];
  }

  /** The instances of a service, from now on, as `store.watchTree` has its keys. */
  watch(service: string, { signal }: WatchOptions = {}): AsyncIterable<ServiceState<Metadata>> {
    const [store, directory] = [this.#reading, this.#directoryOf(service)];
    return iterate(signal, async function* (over) {
      const view = new ServiceView<Metadata>(directory);
      for await (const step of store.watchTree(directory, { signal: over })) {
        const state = view.apply(step);
        if (state !== undefined) yield state;
      }
      return undefined;
    });
  }

  /**
   * Opens a picker of a service's instances. Resolves once it knows them.
   *
   * @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_PERMISSION_DENIED`, `KV_CLOSED`.
   */
  async picker(
    service: string,
    { strategy = 'round-robin', bound = 30_000, signal }: PickerOptions = {},
  ): Promise<Picker<Metadata>> {
    if (!(bound > 0)) throw new KvError('KV_INVALID_ARGUMENT', `\`bound\` must be more than 0 ms, not ${bound}`);
    return Picker.open(this.#reading, this.#directoryOf(service), bound, strategy, signal);
  }

  #directoryOf(service: string): string {
    return `${this.#directory}/${checkSegment('`service`', service)}`;
  }
}
