import type { Certificates } from './certificates.ts';
import type { Access, Address } from './server.ts';

/** Where one member lives: filled in by what runs it, read by the recipe. */
export interface Place {
  readonly name: string;
  /** Address for clients, as the tests reach it. */
  readonly client: Address;
  /** The interface on which it listens for clients. */
  readonly listen: string;
  /** The address at which its peers reach it. */
  readonly peer: string;
  /** The port that it listens on, for each port of the recipe. */
  readonly ports: Readonly<Record<string, number>>;
  /** Its folder, as the server sees it: configuration files are put there, and its data belongs below. */
  readonly directory: string;
}

export interface Command {
  readonly args: readonly string[];
  /** Flags for a Java virtual machine. */
  readonly jvmFlags?: readonly string[];
  /** Content by name, relative to the place's directory. */
  readonly files: Readonly<Record<string, string>>;
}

/** How to run one kind of server, and how to ask it about itself. The same for containers and processes. */
export interface Recipe {
  /** The executable in the image. */
  readonly program: string;
  /** The server's usual ports by role. `client` is the one that the tests connect to. */
  readonly ports: { readonly client: number } & Readonly<Record<string, number>>;
  /** With certificates: a secured server. */
  command(member: Place, members: readonly Place[], certificates: Certificates | undefined): Command;
  /** Whether it serves reads and writes. */
  isReady(address: Address, admin: Access): Promise<boolean>;
  isLeader(member: Place, admin: Access): Promise<boolean>;
  version(address: Address, admin: Access): Promise<string>;
  /** Switches access control on, on a server that was started with certificates. */
  secure(address: Address, tls: Access): Promise<{ client: Access; admin: Access }>;
}
