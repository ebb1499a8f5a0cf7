import { useMemo } from 'react';
import { ChoiceField, Form, SecretField, TextField, useFields, type Fields } from '@/components/Form';
import { Notice } from '@/components/States';
import type { Connector, ConnectorOption, Source, SourceBody } from './data';
import classes from './sources.module.css';

type Values = Record<string, string>;

interface Props {
  connector: Connector;
  /** The source that is changed; absent for a new one. */
  source?: Source;
  send: (body: SourceBody) => Promise<unknown>;
  onCancel: () => void;
}

const intervals = [
  { value: '0s', label: 'Only when asked' },
  { value: '1h', label: 'Every hour' },
  { value: '6h', label: 'Every 6 hours' },
  { value: '24h', label: 'Every day' },
  { value: '168h', label: 'Every week' },
];

/** The form of a source, made from what its connector says about itself. */
export function SourceForm({ connector, source, send, onCancel }: Props) {
  const options = useMemo(() => connector.options.filter((o) => !o.fileOnly), [connector]);
  const fileOnly = connector.options.filter((o) => o.fileOnly);
  const form = useFields<Values>({
    initial: useMemo(() => initial(options, source), [options, source]),
    check: (v) => check(v, connector, options),
    send: (v) => send(bodyOf(v, connector, options, source)),
  });
  return (
    <Form of={form} button={source ? `Save ${source.name}` : 'Add source'} onCancel={onCancel}>
      <TextField
        of={form}
        name="name"
        label="Name"
        why="How lists and messages call it. It can be changed; what was read stays."
        placeholder={`${connector.kind}-prod`}
      />
      <TextField
        of={form}
        name="target"
        label="What to scan"
        optional={connector.targetOptional}
        mono
        why={<Targets connector={connector} />}
        placeholder={connector.target.find((t) => t.remote !== false)?.form}
      />
      {options.map((o) => (
        <OptionField key={o.name} form={form} option={o} source={source} />
      ))}
      <ChoiceField
        of={form}
        name="interval"
        label="Scan by itself"
        data={withCurrent(form.values['interval'] ?? '24h')}
        why="Each scan starts a little earlier or later, so that not all of them fall together."
      />
      {fileOnly.length > 0 && (
        <Notice tone="low">
          {fileOnly.map((o) => o.name).join(', ')}: set in <code className="mono">retinue.yaml</code> only, because{' '}
          {fileOnly.length === 1 ? 'it reaches' : 'they reach'} into the machine that scans.
        </Notice>
      )}
    </Form>
  );
}

function Targets({ connector }: { connector: Connector }) {
  return (
    <span className={classes.forms}>
      {connector.target.map((t) => (
        <span key={t.form}>
          <code className="mono">{t.form}</code> – {t.help}
          {t.remote === false && ' (in retinue.yaml only)'}
        </span>
      ))}
    </span>
  );
}

function OptionField({ form, option: o, source }: { form: Fields<Values>; option: ConnectorOption; source?: Source | undefined }) {
  const label = o.name.replaceAll('-', ' ').replace(/^./, (c) => c.toUpperCase());
  const by = o.default ? ` Without a value: ${o.default}.` : '';
  if (o.secret) {
    const set = source?.secrets?.includes(o.name) ?? false;
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

function withCurrent(value: string) {
  return intervals.some((i) => i.value === value) ? intervals : [...intervals, { value, label: `Every ${value}` }];
}

function initial(options: ConnectorOption[], source?: Source): Values {
  const v: Values = {
    name: source?.name ?? '',
    target: source?.target ?? '',
    interval: source?.interval ?? '24h',
  };
  for (const o of options) {
    if (o.secret) v[`secrets.${o.name}`] = '';
    else v[`options.${o.name}`] = source?.options?.[o.name] ?? '';
  }
  return v;
}

function check(v: Values, connector: Connector, options: ConnectorOption[]): Partial<Record<string, string>> {
  const wrong: Partial<Record<string, string>> = {};
  if (!v['name']?.trim()) wrong['name'] = 'Give it a name, such as aws-prod.';
  else if (!/^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,99}$/u.test(v['name'].trim()))
    wrong['name'] = 'Use letters, digits, dots, hyphens and spaces, beginning with a letter or digit.';
  if (!connector.targetOptional && !v['target']?.trim())
    wrong['target'] = `Say what to scan, as ${connector.target.map((t) => t.form).join(' or ')}.`;
  for (const o of options) {
    const value = v[`options.${o.name}`];
    if (value && o.values?.length && !o.values.includes(value))
      wrong[`options.${o.name}`] = `Choose one of ${o.values.join(', ')}.`;
  }
  return wrong;
}

function bodyOf(v: Values, connector: Connector, options: ConnectorOption[], source?: Source): SourceBody {
  const body: SourceBody = {
    name: v['name']?.trim() ?? '',
    kind: connector.kind,
    target: v['target']?.trim() ?? '',
    options: {},
    secrets: {},
    interval: v['interval'] ?? '24h',
  };
  for (const o of options) {
    const value = v[o.secret ? `secrets.${o.name}` : `options.${o.name}`]?.trim() ?? '';
    if (!value) continue;
    if (o.secret) body.secrets[o.name] = value;
    else body.options[o.name] = value;
  }
  if (source?.enabled === false) body.enabled = false;
  return body;
}
