/**
 * Runs beside each run of tests, and outlives it for a moment: when the process that began the run is gone, by a Ctrl-C,
 * a time-out, a crash or `kill -9`, it removes what is left of the run.
 */
process.stdin.resume().once('close', async () => {
  const { sweepRun } = await import('./sweep.ts');
  await sweepRun(String(process.argv[2]));
});
