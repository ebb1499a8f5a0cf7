import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Keeps the file that makes git keep the output folder, which a build empties. */
export function keep(name: string): Plugin {
  let folder = '';
  return {
    name: 'keep',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      const file = join(import.meta.dirname, '..', folder, name);
      if (!existsSync(file)) writeFileSync(file, '');
    },
  };
}
