/** The optimizers can be imported where there is no Node.js: a bundler for browsers finds nothing that it cannot resolve. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const entry = join(__dirname, '..', '..', 'src', 'optimizers', 'index.ts');

/** What a file and all that it imports take from outside, types apart. */
function imports(file: string, seen = new Set<string>()): Set<string> {
  const outside = new Set<string>();
  if (seen.has(file)) return outside;
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  for (const [, isType, name] of source.matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gms)) {
    if (isType) continue;
    if (!name!.startsWith('.')) outside.add(name!);
    else {
      const path = join(dirname(file), name!);
      const found = [`${path}.ts`, join(path, 'index.ts')].find((candidate) => {
        try {
          return readFileSync(candidate);
        } catch {
          return false;
        }
      });
      for (const of of imports(found!, seen)) outside.add(of);
    }
  }
  return outside;
}

describe('liandan/optimizers', () => {
  it('needs @tensorflow/tfjs-core and nothing else', () => {
    expect([...imports(entry)]).toEqual(['@tensorflow/tfjs-core']);
  });
});
