import { useMemo } from 'react';
import { ChoiceField, Form, SecretField, TextField, useFields, type Fields } from '@/components/Form';
import { Notice } from '@/components/States';
import { everyWords } from './data';
import type { Kind, KindOption, KindTarget, Source, SourceValues } from './data';
import classes from './sources.module.css';

type Values = Record<string, string>;

interface Props {
  kind: Kind;
  /** The source that is changed; absent for a new one. */
  source?: Source;
  send: (body: SourceValues) => Promise<unknown>;
  onCancel: () => void;
}

const intervals = [
  { value: 'none', label: 'Only when asked' },
  { value: '1h', label: 'Every hour' },
  { value: '6h', label: 'Every 6 hours' },
  { value: '24h', label: 'Every day' },
  { value: '168h', label: 'Every week' },
];

const logIntervals = [
  { value: '1m', label: 'Every minute' },
  { value: '5m', label: 'Every 5 minutes' },
  { value: '15m', label: 'Every 15 minutes' },
  { value: '1h', label: 'Every hour' },
  { value: '24h', label: 'Every day' },
];

/** The form of a source, made from what its connector says about itself. */
export function SourceForm({ kind, source, send, onCancel }: Props) {
  const options = useMemo(() => (kind.options ?? []).filter((o) => !o.fileOnly), [kind]);
  const targets = kind.targets ?? [];
  const fileOnly = (kind.options ?? []).filter((o) => o.fileOnly);
  const logs = kind.logs?.fileOnly ? undefined : kind.logs;
  const form = useFields<Values>({
    initial: useMemo(() => initial(options, source), [options, source]),
    check: (v) => check(v, kind, options),
    send: (v) => send(bodyOf(v, kind, options)),
  });
  return (
    <Form of={form} button={source ? `Save ${source.name}` : 'Add source'} onCancel={onCancel}>
      <TextField
        of={form}
        name="name"
        label="Name"
        why={source ? 'It cannot be changed.' : 'How lists and messages call it. It cannot be changed later.'}
        disabled={source !== undefined}
        placeholder={`${kind.kind}-prod`}
      />
      {!kind.logsOnly && (
        <TextField
          of={form}
          name="target"
          label="What to scan"
          optional={kind.targetOptional || logs !== undefined}
          mono
          why={
            <>
              <Targets of={targets} />
              {logs && !kind.targetOptional && <span className={classes.forms}>Without it only its logs are read.</span>}
            </>
          }
          placeholder={targets.find((t) => !t.fileOnly)?.form}
        />
      )}
      {options.map((o) => (
        <OptionField key={o.name} form={form} option={o} source={source} />
      ))}
      {!kind.logsOnly && (
        <ChoiceField
          of={form}
          name="interval"
          label="Scan by itself"
          data={withCurrent(intervals, form.values['interval'] ?? '24h')}
          why="Each scan starts a little earlier or later, so that not all of them fall together."
        />
      )}
      {logs && (
        <>
          <TextField
            of={form}
            name="logs.target"
            label="Logs to read"
            optional={!kind.logsOnly}
            mono
            why={
              <>
                <span className={classes.forms}>{(logs.titles ?? []).join(', ')}: what its identities have really done. The server reads them by itself.</span>
                <Targets of={logs.targets ?? []} />
              </>
            }
            placeholder={(logs.targets ?? []).find((t) => !t.fileOnly)?.form}
          />
          <ChoiceField
            of={form}
            name="logs.interval"
            label="Read the logs"
            data={withCurrent(logIntervals, form.values['logs.interval'] ?? '5m')}
            why="From where the last read ended. What fails is tried again, less and less often."
          />
        </>
      )}
      {kind.logs?.fileOnly && (
        <Notice tone="low">
          {(kind.logs.titles ?? []).join(', ')}: files of the machine that reads them, named under <code className="mono">logs</code> in retinue.yaml, or handed in with{' '}
          <code className="mono">retinue activity import --server</code>.
        </Notice>
      )}
      {fileOnly.length > 0 && (
        <Notice tone="low">
          {fileOnly.map((o) => o.name).join(', ')}: set in <code className="mono">retinue.yaml</code> only, because{' '}
          {fileOnly.length === 1 ? 'it reaches' : 'they reach'} into the machine that scans.
        </Notice>
      )}
    </Form>
  );
}

function Targets({ of }: { of: KindTarget[] }) {
  return (
    <span className={classes.forms}>
      {of.map((t) => (
        <span key={t.form}>
          <code className="mono">{t.form}</code> – {t.help}
          {t.fileOnly && ' (in retinue.yaml only)'}
        </span>
      ))}
    </span>
  );
}

function OptionField({ form, option: o, source }: { form: Fields<Values>; option: KindOption; source?: Source | undefined }) {
  const label = o.name.replaceAll('-', ' ').replace(/^./, (c) => c.toUpperCase());
  const by = o.default ? ` Without a value: ${o.default}.` : '';
  if (o.secret) {
    const set = source?.secrets?.some((x) => x.name === o.name && x.set) ?? false;
    return (
      <SecretField
        of={form}
        name={`secrets.${o.name}`}
        label={label}
        optional
        placeholder={set ? 'Set; leave empty to keep it' : undefined}
        why={`${o.help} It is sealed and never shown again.`}
        autoComplete="new-password"
      />
    );
  }
  if (o.values?.length) {
    return (
      <ChoiceField
        of={form}
        name={`options.${o.name}`}
        label={label}
        optional
        clearable
        data={o.values}
        why={`${o.help}${by}`}
        placeholder={o.default}
      />
    );
  }
  return (
    <TextField
      of={form}
      name={`options.${o.name}`}
      label={label}
      optional
      mono
      why={`${o.help}${o.list ? ' Several are separated by ;.' : ''}${by}`}
    />
  );
}

/** "6h0m0s" as "6h", the way in which it is offered. */
function asChoice(interval: string | undefined): string {
  if (!interval) return 'none';
  return interval.replace(/(?<=[hm])0[ms]/g, '').replace(/0s$/, (m, at: number) => (at === 0 ? m : ''));
}

function withCurrent(offered: { value: string; label: string }[], value: string) {
  return offered.some((i) => i.value === value) ? offered : [...offered, { value, label: everyWords(value).replace(/^./, (c) => c.toUpperCase()) }];
}

function initial(options: KindOption[], source?: Source): Values {
  const v: Values = {
    name: source?.name ?? '',
    target: source?.target ?? '',
    interval: source ? asChoice(source.interval) : '24h',
    'logs.target': source?.logs?.target ?? '',
    'logs.interval': source?.logs ? asChoice(source.logs.interval) : '5m',
  };
  for (const o of options) {
    if (o.secret) v[`secrets.${o.name}`] = '';
    else v[`options.${o.name}`] = source?.options?.[o.name] ?? '';
  }
  return v;
}

function check(v: Values, kind: Kind, options: KindOption[]): Partial<Record<string, string>> {
  const wrong: Partial<Record<string, string>> = {};
  if (!v['name']?.trim()) wrong['name'] = 'Give it a name, such as aws-prod.';
  else if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(v['name'].trim()))
    wrong['name'] = 'Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit.';
  const logs = v['logs.target']?.trim() ?? '';
  if (kind.logsOnly && !logs) wrong['logs.target'] = `Say which logs to read, as ${remote(kind.logs?.targets).join(' or ')}.`;
  else if (!kind.targetOptional && !v['target']?.trim() && !logs)
    wrong['target'] = `Say what to scan, as ${(kind.targets ?? []).map((t) => t.form).join(' or ')}.`;
  for (const o of options) {
    const value = v[`options.${o.name}`];
    if (value && o.values?.length && !o.values.includes(value))
      wrong[`options.${o.name}`] = `Choose one of ${o.values.join(', ')}.`;
  }
  return wrong;
}

/** The forms of target that may be named here. */
const remote = (targets: KindTarget[] | null | undefined) => (targets ?? []).filter((t) => !t.fileOnly).map((t) => t.form);

/** Only the logs of the source are read: nothing says what to scan. */
const onlyLogs = (v: Values, kind: Kind) => kind.logsOnly || (!kind.targetOptional && !v['target']?.trim() && !!v['logs.target']?.trim());

function bodyOf(v: Values, kind: Kind, options: KindOption[]): SourceValues {
  const body: SourceValues = {
    name: v['name']?.trim() ?? '',
    kind: kind.kind,
    target: v['target']?.trim() ?? '',
    options: {},
    secrets: {},
    interval: onlyLogs(v, kind) || v['interval'] === 'none' ? '' : (v['interval'] ?? ''),
    ...(kind.logs && !kind.logs.fileOnly && { logs: { target: v['logs.target']?.trim() ?? '', interval: v['logs.interval'] ?? '' } }),
  };
  for (const o of options) {
    const value = v[o.secret ? `secrets.${o.name}` : `options.${o.name}`]?.trim() ?? '';
    if (!value) continue;
    if (o.secret) body.secrets[o.name] = value;
    else body.options[o.name] = value;
  }
  return body;
}
