// Fails when the script that the first page loads, compressed, is larger than
// the limit: the entry and everything it imports without asking for it later,
// plus the first page itself.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const limit = 350 * 1000;
const dist = join(import.meta.dirname, '../../internal/web/ui/dist');
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
const first = ['index.html', 'src/pages/overview/index.tsx'];

const seen = new Map();
function add(key) {
  const chunk = manifest[key];
  if (!chunk) throw new Error(`size: ${key} is not in the manifest`);
  if (seen.has(chunk.file)) return;
  seen.set(chunk.file, chunk.file.endsWith('.js') ? gzipSync(readFileSync(join(dist, chunk.file)), { level: 9 }).length : 0);
  for (const next of chunk.imports ?? []) add(next);
}
first.forEach(add);

let total = 0;
for (const [file, size] of [...seen].sort((a, b) => b[1] - a[1])) {
  total += size;
  console.log(`${(size / 1000).toFixed(1).padStart(8)} kB  ${file}`);
}
console.log(`${(total / 1000).toFixed(1).padStart(8)} kB  first load, gzip; the limit is ${limit / 1000} kB`);
if (total > limit) process.exit(1);
