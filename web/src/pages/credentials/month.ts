// The dates of a month's grid. Everything is in UTC: an expiry is an instant, and the day it falls on must
// be the same for everybody who looks at the calendar.

export const DAY = 86_400_000;

/** Month is "2026-11". */
export type Month = string;
/** Day is "2026-11-22". */
export type Day = string;

export function dayOf(time: number | Date): Day {
  return new Date(time).toISOString().slice(0, 10);
}

export function monthOf(day: Day): Month {
  return day.slice(0, 7);
}

export function isMonth(text: string | null | undefined): text is Month {
  return !!text && /^\d{4}-(0[1-9]|1[0-2])$/.test(text);
}

export function addDays(day: Day, n: number): Day {
  return dayOf(Date.parse(`${day}T00:00:00Z`) + n * DAY);
}

export function addMonths(month: Month, n: number): Month {
  const [y, m] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(y, m - 1 + n, 1)).toISOString().slice(0, 7);
}

/** The same day n months on, or that month's last day where it has fewer days. */
export function addMonthsToDay(day: Day, n: number): Day {
  const month = addMonths(monthOf(day), n);
  const wanted = Number(day.slice(8));
  return `${month}-${String(Math.min(wanted, daysIn(month))).padStart(2, '0')}`;
}

export function daysIn(month: Month): number {
  const [y, m] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(y, m, 0)).getUTCDate();
}

/** 0 is Monday. */
export function weekday(day: Day): number {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
}

/** The weeks that a month touches, each of seven days, Monday first. */
export function weeksOf(month: Month): Day[][] {
  const first = `${month}-01`;
  const start = addDays(first, -weekday(first));
  const weeks = Math.ceil((weekday(first) + daysIn(month)) / 7);
  return Array.from({ length: weeks }, (_, w) => Array.from({ length: 7 }, (_, d) => addDays(start, w * 7 + d)));
}

/** Where a key takes the focus in the grid, or undefined where the grid does not use the key. */
export function moveBy(key: string, day: Day, shift: boolean): Day | undefined {
  switch (key) {
    case 'ArrowLeft':
      return addDays(day, -1);
    case 'ArrowRight':
      return addDays(day, 1);
    case 'ArrowUp':
      return addDays(day, -7);
    case 'ArrowDown':
      return addDays(day, 7);
    case 'Home':
      return addDays(day, -weekday(day));
    case 'End':
      return addDays(day, 6 - weekday(day));
    case 'PageUp':
      return addMonthsToDay(day, shift ? -12 : -1);
    case 'PageDown':
      return addMonthsToDay(day, shift ? 12 : 1);
    default:
      return undefined;
  }
}
