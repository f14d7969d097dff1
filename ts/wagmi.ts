// The wallet of another origin as a connector of wagmi, which has to be installed.

export { tandemConnector } from './provider/wagmi.ts';
