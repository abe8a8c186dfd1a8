import type { Codec, Store } from '@kv/core';

/** Has a recipe work on views of this store that are not what they were. */
export function changeViews(store: Store, change: (view: Store<unknown, never>) => void): void {
  const withCodec = store.withCodec.bind(store);
  store.withCodec = <Out, In>(codec: Codec<Out, In>) => {
    const view = withCodec(codec);
    change(view as Store<unknown, never>);
    return view;
  };
}
