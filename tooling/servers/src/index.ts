export { consulCall } from './consul.ts';
export { etcdCall } from './etcd.ts';
export { type Counts, FaultProxy, type SlowLink } from './fault-proxy.ts';
export { proxiedClient, serverFaults } from './harness.ts';
export { poll } from './poll.ts';
export type { Protocol } from './request-counter.ts';
export type { Access, Address, ClientTls, Deployment, Kind, Mode, Server } from './server.ts';
export { findMode, type StartOptions, startServers } from './start.ts';
export { ZooKeeperConnection, ZooKeeperError } from './zookeeper-connection.ts';
