export interface Changeset {
  readonly releases: readonly { readonly name: string; readonly type: string }[];
}

/**
 * The drivers that get no major version although core does. A new major of core is outside of the range that its drivers
 * ask for, and takes them along; changesets makes that a mere patch of theirs, which it is not for who uses them.
 */
export function missingMajors(changesets: readonly Changeset[], core: string, drivers: readonly string[]): string[] {
  const releases = changesets.flatMap((changeset) => changeset.releases);
  const isMajor = (name: string) => releases.some((release) => release.name === name && release.type === 'major');
  return isMajor(core) ? drivers.filter((driver) => !isMajor(driver)) : [];
}
