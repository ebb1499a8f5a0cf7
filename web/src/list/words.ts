import { date, word } from '@/lib/format';
import type { Choice, Filter, ListSpec } from './spec';
import type { ListState } from './state';

/** The choices of a filter, with what is known on this page. */
export function choicesOf(f: Filter, known: Record<string, Choice[]> = {}): Choice[] {
  if (typeof f.choices === 'function') return f.choices(known);
  return f.choices ?? [];
}

/** One value of a filter in words. */
export function valueWords(f: Filter, value: string, known?: Record<string, Choice[]>): string {
  if (f.kind === 'flag') return f.words ? f.words[value === 'true' ? 'true' : 'false'] : value === 'true' ? 'yes' : 'no';
  return choicesOf(f, known).find((c) => c.value === value)?.label ?? word(value);
}

/** What a chip says. */
export function chipWords(f: Filter, state: ListState, known?: Record<string, Choice[]>): { label: string; value: string } | undefined {
  if (f.ends) {
    const [from, to] = f.ends.map((name) => state.filters[name]?.[0]);
    if (!from && !to) return undefined;
    if (from && to) return { label: f.label, value: `${date(from)} to ${date(to)}` };
    return from ? { label: f.label, value: `since ${date(from)}` } : { label: f.label, value: `before ${date(to)}` };
  }
  const values = state.filters[f.id];
  if (!values) return undefined;
  const words = values.map((v) => valueWords(f, v, known));
  return { label: f.label, value: words.length > 3 ? `${words.slice(0, 2).join(', ')} or ${words.length - 2} others` : words.join(' or ') };
}

/** The list and its filters as a title: "Identities: owner none, kind role". */
export function titleWords<Row>(spec: ListSpec<Row>, state: ListState, known?: Record<string, Choice[]>): string {
  const many = spec.noun[1].charAt(0).toUpperCase() + spec.noun[1].slice(1);
  const parts = spec.filters.flatMap((f) => {
    const chip = chipWords(f, state, known);
    if (!chip) return [];
    return f.kind === 'flag' ? [chip.value] : [`${chip.label.toLowerCase()} ${chip.value}`];
  });
  if (state.text) parts.push(`“${state.text}”`);
  return parts.length === 0 ? many : `${many}: ${parts.join(', ')}`;
}
