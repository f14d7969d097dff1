declare module '*?url' {
  const url: string;
  // biome-ignore lint/style/noDefaultExport: so Vite has it
  export default url;
}

declare module '*?worker&url' {
  const url: string;
  // biome-ignore lint/style/noDefaultExport: so Vite has it
  export default url;
}
