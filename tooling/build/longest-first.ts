import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Starts the test files that take longest first, so that none of them runs alone at the end. Those are the conformance
 * suites; clusters, which have more faults to offer, before single servers.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const order = [/\/conformance\/three-/, /\/conformance\//].findIndex((pattern) => pattern.test(moduleId));
  return order === -1 ? 2 : order;
}
