import { createHmac } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const step = 30_000;

/** The code of an authenticator app (RFC 6238: SHA-1, 30 s, six digits) in a step of time. */
function totp(secret: string, counted: number): string {
  let bits = '';
  for (const c of secret.replace(/[\s=]/g, '').toUpperCase()) bits += alphabet.indexOf(c).toString(2).padStart(5, '0');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(counted));
  const hash = createHmac('sha1', key).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/**
 * An authenticator app. Each code counts once, and the server takes those of the present step and of the ones beside
 * it: so the next one that was not used is given, and waited for only when all three are.
 */
export class Authenticator {
  secret = '';
  private last = 0;

  async code(): Promise<string> {
    const now = Date.now() / step;
    // The step before is taken only while it has not nearly gone.
    const next = Math.max(this.last + 1, Math.floor(now) - (now % 1 < 0.5 ? 1 : 0));
    if (next > Math.floor(now) + 1) await new Promise((done) => setTimeout(done, (next - 1) * step - Date.now() + 50));
    this.last = next;
    return totp(this.secret, next);
  }
}
