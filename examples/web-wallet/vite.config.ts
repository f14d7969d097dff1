import type { Plugin, UserConfig } from 'vite';

/**
 * What the wallet's page may do: run scripts of its own files and nothing else, not even one line in the page. It goes with
 * every file, since a worker has the policy that its own script came with.
 */
export const CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types tandem',
].join('; ');

/** With every file of the page. A frame could lay something over what is to be clicked. */
export const HEADERS = {
  'content-security-policy': `${CSP}; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // No process of the browser for this origin and another one of the same site.
  'origin-agent-cluster': '?1',
};

/** For hosts that send no headers of one's own: the page has it in itself, too. */
const inPage: Plugin = {
  name: 'csp',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: CSP }, injectTo: 'head-prepend' },
  ],
};

export const config: UserConfig = {
  root: import.meta.dirname,
  plugins: [inPage],
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { headers: HEADERS },
  preview: { headers: HEADERS },
};

// Vite wants it so.
// biome-ignore lint/style/noDefaultExport: see above
export default config;
