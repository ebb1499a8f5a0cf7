import {
  Button,
  Checkbox,
  MultiSelect,
  PasswordInput,
  Select,
  TagsInput,
  Textarea,
  TextInput,
  type ComboboxData,
} from '@mantine/core';
import { useCallback, useMemo, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { Problem } from '@/api/problem';
import { CopyButton } from './CopyButton';
import { Sign } from './Sign';
import classes from './Form.module.css';

/** What is wrong, by the name of the field, in words that say what would be right. */
export type Wrong<T> = Partial<Record<keyof T & string, string>>;

export interface Fields<T> {
  values: T;
  set: <K extends keyof T & string>(name: K, value: T[K]) => void;
  /** Begins again, with these values or the first ones. */
  reset: (values?: T) => void;
  /** What is shown to be wrong with a field: nothing until it was left. */
  wrong: (name: keyof T & string) => string | undefined;
  left: (name: keyof T & string) => void;
  busy: boolean;
  changed: boolean;
  problem: Problem | undefined;
  submit: (event?: FormEvent) => void;
}

interface FieldsOptions<T> {
  initial: T;
  check?: (values: T) => Wrong<T>;
  /** Sends the form. What it throws is shown at the field that it names, or above the button. */
  send: (values: T) => Promise<unknown>;
}

/** The state of a form: checked field by field as each is left, and as a whole when sent. */
export function useFields<T extends object>({ initial, check, send }: FieldsOptions<T>): Fields<T> {
  const first = useRef(initial);
  const [values, setValues] = useState(initial);
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [refused, setRefused] = useState<Record<string, string>>({});
  const found = useMemo(() => check?.(values) ?? {}, [check, values]);

  const set = useCallback(<K extends keyof T & string>(name: K, value: T[K]) => {
    setValues((v) => ({ ...v, [name]: value }));
    setRefused((r) => without(r, name));
  }, []);
  const reset = useCallback((to?: T) => {
    if (to) first.current = to;
    setValues(first.current);
    setSeen(new Set());
    setProblem(undefined);
    setRefused({});
  }, []);
  const left = useCallback((name: string) => setSeen((s) => new Set(s).add(name)), []);

  async function run(form: HTMLFormElement | undefined) {
    setSeen(new Set(Object.keys(values)));
    setProblem(undefined);
    if (Object.values(found).some(Boolean)) {
      requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    setBusy(true);
    try {
      await send(values);
    } catch (error) {
      const p = Problem.of(error);
      const named = Object.entries(p.fields).filter(([name]) => name in values);
      setRefused(Object.fromEntries(named));
      // A problem whose every part stands at a field need not be said twice.
      setProblem(named.length > 0 && named.length === Object.keys(p.fields).length ? undefined : p);
      requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
    } finally {
      setBusy(false);
    }
  }

  return {
    values,
    set,
    reset,
    left,
    busy,
    problem,
    changed: JSON.stringify(values) !== JSON.stringify(first.current),
    wrong: (name) => refused[name] ?? (seen.has(name) ? (found as Record<string, string | undefined>)[name] : undefined),
    submit: (event) => {
      event?.preventDefault();
      event?.stopPropagation();
      if (!busy) void run(event?.currentTarget as HTMLFormElement | undefined);
    },
  };
}

function without(all: Record<string, string>, name: string) {
  return Object.fromEntries(Object.entries(all).filter(([key]) => key !== name));
}

interface FieldProps<T> {
  of: Fields<T>;
  name: keyof T & string;
  label: string;
  /** Why it is asked, under the field. */
  why?: ReactNode;
  optional?: boolean;
  disabled?: boolean;
}

const order: ('label' | 'input' | 'description' | 'error')[] = ['label', 'input', 'description', 'error'];

function common<T>({ of, name, label, why, optional, disabled }: FieldProps<T>) {
  const error = of.wrong(name);
  return {
    name,
    label: optional ? (
      <>
        {label} <span className={classes.optional}>optional</span>
      </>
    ) : (
      label
    ),
    description: why,
    error,
    disabled,
    inputWrapperOrder: order,
    onBlur: () => of.left(name),
    'aria-invalid': error ? true : undefined,
  };
}

type Keyed<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T] & string;

interface TextProps<T> extends FieldProps<T> {
  type?: 'text' | 'email' | 'url' | 'number' | 'date' | 'time' | 'datetime-local';
  placeholder?: string;
  autoComplete?: string;
  inputMode?: 'numeric' | 'text' | 'email';
  mono?: boolean;
  autoFocus?: boolean;
  rows?: number;
  min?: string | number;
  max?: string | number;
  maxLength?: number;
}

/** One line of text, or several with rows. */
export function TextField<T>(props: TextProps<T>) {
  const { of, name, rows, mono, type = 'text', placeholder, autoComplete = 'off', inputMode, autoFocus } = props;
  const shared = {
    ...common(props),
    value: String(of.values[name] ?? ''),
    onChange: (event: { currentTarget: { value: string } }) =>
      of.set(name, event.currentTarget.value as T[keyof T & string]),
    placeholder,
    autoComplete,
    maxLength: props.maxLength,
    'data-autofocus': autoFocus || undefined,
    styles: mono ? { input: { fontFamily: 'var(--rt-mono)' } } : undefined,
    spellCheck: mono ? false : undefined,
  };
  if (rows) return <Textarea {...shared} minRows={rows} maxRows={rows * 3} />;
  return <TextInput {...shared} type={type} inputMode={inputMode} min={props.min} max={props.max} autoFocus={autoFocus} />;
}

/** A secret: what stands there already is never shown. */
export function SecretField<T>(
  props: FieldProps<T> & { autoComplete?: string; placeholder?: string; autoFocus?: boolean },
) {
  const { of, name, autoComplete = 'off', placeholder, autoFocus } = props;
  return (
    <PasswordInput
      size="xs"
      {...common(props)}
      value={String(of.values[name] ?? '')}
      onChange={(event) => of.set(name, event.currentTarget.value as T[keyof T & string])}
      autoComplete={autoComplete}
      placeholder={placeholder}
      autoFocus={autoFocus}
      visibilityToggleButtonProps={{ 'aria-label': `Show ${props.label.toLowerCase()}`, tabIndex: 0 }}
    />
  );
}

/** One of several values. */
export function ChoiceField<T>(
  props: FieldProps<T> & { data: ComboboxData; placeholder?: string; searchable?: boolean; clearable?: boolean },
) {
  const { of, name, data, placeholder, searchable, clearable } = props;
  return (
    <Select
      {...common(props)}
      data={data}
      value={(of.values[name] as string | null) || null}
      onChange={(value) => of.set(name, (value ?? '') as T[keyof T & string])}
      placeholder={placeholder}
      searchable={searchable}
      clearable={clearable}
      clearButtonProps={{ 'aria-label': `Clear ${props.label.toLowerCase()}`, tabIndex: 0 }}
      allowDeselect={false}
    />
  );
}

/** Several of several values. */
export function ChoicesField<T>(
  props: FieldProps<T> & { name: Keyed<T, string[]>; data: ComboboxData; placeholder?: string },
) {
  const { of, name, data, placeholder } = props;
  const value = of.values[name] as unknown as string[];
  return (
    <MultiSelect
      size="xs"
      {...common(props)}
      data={data}
      value={value}
      onChange={(next) => of.set(name, next as T[typeof name])}
      placeholder={value.length === 0 ? placeholder : undefined}
      searchable
      hidePickedOptions
    />
  );
}

/** Several values that the person writes. */
export function WordsField<T>(
  props: FieldProps<T> & { name: Keyed<T, string[]>; placeholder?: string; suggestions?: string[] },
) {
  const { of, name, placeholder, suggestions } = props;
  const value = of.values[name] as unknown as string[];
  return (
    <TagsInput
      size="xs"
      {...common(props)}
      data={suggestions}
      value={value}
      onChange={(next) => of.set(name, next as T[typeof name])}
      placeholder={value.length === 0 ? placeholder : undefined}
    />
  );
}

/** Yes or no. */
export function CheckField<T>(props: FieldProps<T> & { name: Keyed<T, boolean> }) {
  const { of, name, label, why, disabled } = props;
  return (
    <Checkbox
      name={name}
      label={label}
      description={why}
      disabled={disabled}
      checked={Boolean(of.values[name])}
      onChange={(event) => of.set(name, event.currentTarget.checked as T[typeof name])}
    />
  );
}

interface FormProps<T> {
  of: Fields<T>;
  children: ReactNode;
  /** What the button does: "Create token". */
  button: string;
  /** What the button says while it is being done. */
  doing?: string;
  onCancel?: () => void;
  /** The colour of a destructive action. */
  danger?: boolean;
  wide?: boolean;
  disabled?: boolean;
  label?: string;
}

/** One column of fields, what went wrong, and one button. */
export function Form<T>({ of, children, button, doing, onCancel, danger, wide, disabled, label }: FormProps<T>) {
  return (
    <form className={classes.form} data-wide={wide || undefined} onSubmit={of.submit} noValidate aria-label={label}>
      {children}
      {of.problem && <Refused problem={of.problem} />}
      <div className={classes.buttons}>
        <Button type="submit" color={danger ? 'red' : undefined} disabled={disabled} aria-disabled={of.busy || undefined}>
          {of.busy ? (doing ?? 'Saving…') : button}
        </Button>
        {onCancel && (
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </div>
    </form>
  );
}

/** Why something was not done, what to try, and the id in the log. */
export function Refused({ problem, what }: { problem: unknown; what?: string }) {
  const p = Problem.of(problem);
  return (
    <div className={classes.refused} role="alert">
      <Sign name="cross" />
      <div>
        <p>
          {what && <strong>{what}. </strong>}
          {p.text}
        </p>
        {Object.entries(p.fields).map(([field, text]) => (
          <p key={field}>
            <span className="mono">{field}</span>: {text}
          </p>
        ))}
        <p className="muted">Nothing was changed. {p.hint}</p>
        {p.id && (
          <p className={classes.id}>
            id in the log <code className="mono">{p.id}</code> <CopyButton value={p.id} what="id" />
          </p>
        )}
      </div>
    </div>
  );
}
