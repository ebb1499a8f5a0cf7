import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { keep } from './scripts/keep.ts';

// RETINUE_SERVER is where `npm run dev` sends API calls.
const server = process.env['RETINUE_SERVER'] ?? 'http://127.0.0.1:8420';

export default defineConfig({
  plugins: [react(), keep('.gitkeep')],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: '../internal/web/ui/dist',
    emptyOutDir: true,
    target: 'es2023',
    // Everything is a file of its own: the content security policy allows no
    // data: or inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
    chunkSizeWarningLimit: 2000,
  },
  worker: { format: 'es' },
  server: { proxy: { '/api': server } },
});
