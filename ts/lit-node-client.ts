// Lit's older network, as a host of actions, by @lit-protocol/lit-node-client, which has to be installed.

export { connectLitNodeClient } from './runtime/lit-node-client/connect.ts';
export { LitNodeClientRuntime } from './runtime/lit-node-client/runtime.ts';
