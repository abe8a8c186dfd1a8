import type { ConformanceCase } from '../case.ts';
import { getAndPut } from './get-and-put.ts';

/** Every case, by subject. */
export const cases: readonly ConformanceCase[] = [...getAndPut];
