declare const revisionBrand: unique symbol;

/**
 * The state of one pair, as an opaque token: equal only if the pair has not changed. (Writing the value that is there
 * already may or may not make a new one.) It is a string, so that it can be stored and sent; what is in it belongs to the
 * driver.
 */
export type Revision = string & { readonly [revisionBrand]: true };

/** A key with its value, at one revision. */
export interface KVPair<Value = Uint8Array> {
  /** Canonical, relative to the namespace of the store it was read through. */
  readonly key: string;
  readonly value: Value;
  /** The token for `atomicPut` and `atomicDelete`. */
  readonly revision: Revision;
  /**
   * Grows in the order in which keys are created across the store. A key that was deleted and created again has a
   * greater one.
   */
  readonly createRevision: bigint;
  /**
   * On a pair that a write with `ttl` returned: the time to live that the backend really set, in milliseconds. Absent
   * on pairs that were read.
   */
  readonly ttl?: number;
}
