import { expect, test } from '@playwright/test';
import { changeWords, coveredHours, dayBars, daysText, dormantBy, importOf, provenShare, signalText, simulationText } from './words';

test('the hours of the week that a window covers begin on Monday, and gaps take theirs away', () => {
  // 2026-03-02 is a Monday.
  const one = coveredHours({ from: '2026-03-02T00:00:00Z', to: '2026-03-02T03:00:00Z' });
  expect(one.flatMap((c, i) => (c ? [i] : []))).toEqual([0, 1, 2]);
  const week = { from: '2026-03-02T00:00:00Z', to: '2026-03-09T00:00:00Z' };
  expect(coveredHours(week).every(Boolean)).toBe(true);
  const gap = coveredHours({ ...week, gaps: [{ from: '2026-03-08T00:00:00Z', to: '2026-03-09T00:00:00Z' }] });
  expect(gap.filter(Boolean)).toHaveLength(144);
  expect(gap[6 * 24]).toBe(false);
  expect(coveredHours({}).some(Boolean)).toBe(false);
});

test('days without a use are known inside the window only', () => {
  const bars = dayBars(
    [
      { day: '2026-03-01', uses: 2 },
      { day: '2026-03-04', uses: 0, denied: 1 },
    ],
    { from: '2026-03-03T00:00:00Z', to: '2026-03-06T00:00:00Z', gaps: [{ from: '2026-03-05T00:00:00Z', to: '2026-03-06T00:00:00Z' }] },
    365,
    1,
  );
  expect(bars.map((b) => b.day)).toEqual(['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05']);
  expect(bars.map((b) => b.known)).toEqual([true, false, true, true, false]);
  expect(daysText(bars)).toBe('Used on 1 of 5 days; 1 attempt denied; 2 days not known');
  expect(dayBars([{ day: '2026-03-01', uses: 2 }], {}, 365, 28)).toHaveLength(28);
  expect(dayBars([], {})).toEqual([]);
});

test('a system without a reader of its own is read as lines', () => {
  expect(importOf('aws:111122223333')).toBe('retinue activity import aws=PATH');
  expect(importOf('shop:eu')).toBe('retinue activity import ndjson=PATH');
});

test('a log is proven for as much of its time as its proofs cover, each stretch once', () => {
  const c = (from: string, to: string, proof: string) => ({ log: 'l', realm: 'aws:1', from, to, proof, authenticated: true, classes: null, blindSpots: null });
  const log = { from: '2026-03-01T00:00:00Z', to: '2026-03-05T00:00:00Z' };
  expect(provenShare({ ...log, coverage: [] })).toBe(0);
  expect(provenShare({ ...log, coverage: [c('2026-03-01T00:00:00Z', '2026-03-05T00:00:00Z', '')] })).toBe(0);
  expect(provenShare({ ...log, coverage: [c('2026-03-01T00:00:00Z', '2026-03-03T00:00:00Z', 'p'), c('2026-03-02T00:00:00Z', '2026-03-04T00:00:00Z', 'q')] })).toBe(0.75);
  expect(provenShare({ ...log, coverage: [c('2026-03-01T00:00:00Z', '2026-03-05T00:00:00Z', 'p')] })).toBe(1);
});

test('a simulation says in a sentence who would notice', () => {
  const of = (refused: number, by: number) => ({
    counts: { refused },
    coverage: { uses: 5, judged: 5, behaviours: 1, judgedBehaviours: 1 },
    refusedBy: Array.from({ length: by }, () => ({ kind: 'workload', name: 'x', uses: 1, first: '2026-03-01T00:00:00Z', last: '2026-03-01T00:00:00Z', actions: [] })),
  });
  expect(simulationText(of(5, 1))).toMatch(/^5 uses by 1 consumer would have been refused, the last on (1 Mar|Mar 1)/);
  expect(simulationText(of(0, 0))).toBe('Nothing that could be judged would have been refused.');
  expect(simulationText({ ...of(0, 0), coverage: { uses: 0, judged: 0, behaviours: 0, judgedBehaviours: 0 } })).toBe('No use is on record.');
});

test('what is called dormant later says why', () => {
  expect(dormantBy({ dormantConfidence: 0.99 })).toBe('99% sure');
  expect(dormantBy({ windowTooShort: true })).toBe('by limit: too little is known of its rhythm');
  expect(dormantBy({})).toBe('by limit');
});

test('of a consumer the last change is told', () => {
  const moved = { at: '2026-03-01T00:00:00Z', what: 'network', from: '10.0.1.0/24', to: '10.0.2.0/24' };
  expect(changeWords([moved])).toMatch(/^moved from 10\.0\.1\.0\/24 to 10\.0\.2\.0\/24 on (1 Mar|Mar 1)/);
  expect(changeWords([moved, { ...moved, what: 'agent', from: 'boto3', to: 'go' }])).toMatch(/^go in place of boto3 since/);
  expect(changeWords([])).toBeUndefined();
  expect(changeWords(undefined)).toBeUndefined();
});

test('on its own page an identity is "it", and keys keep their letters', () => {
  const subject = { key: 'arn:aws:iam::1:role/x' };
  expect(signalText({ sentence: 'arn:aws:iam::1:role/x was used from two places', subject })).toMatch(/^It was used from two places/);
  expect(signalText({ sentence: 'arn:other did it', subject })).toBe('arn:other did it');
});
