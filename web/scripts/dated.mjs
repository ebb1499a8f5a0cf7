// Writes the reads that answer as of a date, from the server's description of
// itself: the server refuses parameters that it does not know.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const document = JSON.parse(readFileSync(join(root, '../internal/web/api/openapi.json'), 'utf8'));
const paths = Object.entries(document.paths)
  .filter(([, item]) => item.get?.parameters?.some((p) => p.name === 'as_of' && p.in === 'query'))
  .map(([path]) => path.replace(/^\/api\/v1/, ''))
  .sort();
const pattern = (path) => path.replaceAll('/', '\\/').replace(/\{[^}]+\}/g, '[^/]+');
writeFileSync(
  join(root, 'src/api/dated.ts'),
  `// Made by \`npm run api\`. Do not edit.\n\n/** Reads that answer as of a date. */\nexport const dated = [\n${paths
    .map((p) => `  /^${pattern(p)}$/,\n`)
    .join('')}];\n`,
);
