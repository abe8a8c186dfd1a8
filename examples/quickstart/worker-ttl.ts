/** After so many milliseconds the others may take a worker for dead. The backend rounds it up where it has to. */
export const workerTtl = 2_000;
