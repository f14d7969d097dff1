import type { UserConfig } from 'vite';

export const config: UserConfig = { root: import.meta.dirname, build: { target: 'es2022' } };

// Vite wants it so.
// biome-ignore lint/style/noDefaultExport: see above
export default config;
