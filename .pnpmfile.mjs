export const hooks = {
  /**
   * Takes out of a packed manifest what only this repository can use: the way to the sources, and what builds them.
   *
   * @param {Record<string, any>} manifest
   */
  beforePacking({ devDependencies, scripts, ...manifest }) {
    const exports = Object.entries(manifest['exports']).map(([entry, target]) => {
      const { '@kv/source': source, ...published } = target;
      return [entry, typeof target === 'string' ? target : published];
    });
    return { ...manifest, exports: Object.fromEntries(exports) };
  },
};
