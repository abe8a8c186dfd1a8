import fc from 'fast-check';

/** Any character of Unicode: as the unit `binary` of fast-check, which takes seconds to be made on a loaded machine. */
export const character = fc
  .integer({ min: 0, max: 0x10ffff })
  .filter((point) => point < 0xd800 || point > 0xdfff)
  .map((point) => String.fromCodePoint(point));
