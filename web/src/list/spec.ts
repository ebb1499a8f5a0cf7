import type { ReactNode } from 'react';

/** A column of a list. */
export interface Column<Row> {
  id: string;
  header: string;
  /** One line that explains the column, on hover. */
  help?: string;
  cell: (row: Row) => ReactNode;
  /** The server's name for sorting by it. A column without one cannot be sorted. */
  sort?: string;
  /** Cannot be sorted by on a past date. */
  sortedNow?: boolean;
  /** Sorting begins downwards: what is worst or newest comes first. */
  down?: boolean;
  align?: 'right';
  /** In pixels. The widest column takes what is left when it has none. */
  width?: number;
  /** Not shown unless chosen. */
  hidden?: boolean;
  /** Cannot be taken away: what the row is. */
  fixed?: boolean;
  /** Where it stands on a card of a narrow screen, plain without its header. Left out there when not named. */
  card?: 'title' | 'aside' | 'line' | 'plain';
}

export interface Choice {
  value: string;
  label: string;
}

/** A filter that the server knows. Its id is the name of the parameter, in the API as in the address. */
export interface Filter {
  id: string;
  label: string;
  kind: 'choice' | 'text' | 'flag' | 'time';
  /** For choices. */
  choices?: Choice[] | ((known: Record<string, Choice[]>) => Choice[]);
  /** For choices: values beyond those offered may be typed. */
  free?: boolean;
  /** The column whose values the server counts for this filter. */
  facet?: string;
  /** Only one value at a time. */
  single?: boolean;
  /** For flags: how true and false read. */
  words?: { true: string; false: string };
  /** For times: the parameters of both ends, [from, to). */
  ends?: [string, string];
  help?: string;
}

/** What was chosen: rows by id, or everything that a filter selects. */
export type Selection = { ids: string[]; count: number; all?: undefined } | { all: Record<string, string[]>; count: number; ids?: undefined };

export interface BulkContext<Row> {
  selection: Selection;
  /** The chosen rows that are on the screen. */
  rows: Row[];
  /** Called when it is done: forgets the selection and reads the list again. */
  done: () => void;
  close: () => void;
}

/** Something to do to several rows. */
export interface BulkAction<Row> {
  id: string;
  label: string;
  permission?: string;
  key?: string;
  /** Can only be done to rows that are named, not to a whole filter. */
  namedOnly?: boolean;
  /** The sheet that shows what will happen to how many, and does it. */
  sheet: (context: BulkContext<Row>) => ReactNode;
}

/** A list: what it shows, how it is filtered, sorted and exported. */
export interface ListSpec<Row> {
  /** The name under which columns and views are kept. */
  id: string;
  path: string;
  noun: readonly [string, string];
  rowId: (row: Row) => string;
  /** What the row is called by people who hear the page. */
  rowLabel: (row: Row) => string;
  rowTo?: (row: Row) => string;
  /** Is told when a row is opened in place of going to its page. */
  columns: Column<Row>[];
  filters: Filter[];
  /** The parameter of the search box; none when the list has no search. */
  search?: string;
  /** The server's default order, such as "-priority". */
  sort: string;
  /** Parameters that always hold and are not shown, such as the identity of a page. */
  always?: Record<string, string | string[] | undefined>;
  bulk?: BulkAction<Row>[];
  /** The path of the export, without the format, such as "/exports/identities". */
  exports?: { path: string; formats: string[] };
  /** Where the server counts the values of a column, such as "/facets/identities". */
  facets?: string;
  /** Views that everybody has. */
  views?: { name: string; query: string }[];
  empty: { title: string; body: ReactNode; action?: ReactNode };
  /** Rows of the page. */
  limit?: number;
  /** Does not ask for a count. */
  uncounted?: boolean;
}

/** The answer of every list. */
export interface ListAnswer<Row> {
  items: Row[] | null;
  next?: string;
  total: number;
  totalIsMore: boolean;
}
