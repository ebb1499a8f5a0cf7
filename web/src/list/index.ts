export { List } from './List';
export type { BulkAction, BulkContext, Choice, Column, Filter, ListAnswer, ListSpec, Selection } from './spec';
export { useListState } from './state';
export { titleWords } from './words';
export { usePreferences } from './preferences';
