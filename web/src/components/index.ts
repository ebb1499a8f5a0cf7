export { CopyButton } from './CopyButton';
export { Key, Name, Particulars } from './Name';
export { Page, Section } from './Page';
export { Sign } from './Sign';
export { Block, Rows } from './Skeletons';
export { Empty, Failed, Notice } from './States';
export { Time } from './Time';
export { useToasts } from './Toasts';
export { evidence, Mark, Priority, Severity, State, Tag, Term, Unknown, Usage } from './Words';
