import { Radio, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { Section } from '@/components/Page';
import classes from './settings.module.css';

const schemes: { value: MantineColorScheme; label: string; why: string }[] = [
  { value: 'auto', label: 'As the system', why: 'Changes with the setting of this machine.' },
  { value: 'light', label: 'Light', why: '' },
  { value: 'dark', label: 'Dark', why: '' },
];

/** Light or dark. It is kept on this machine. */
export default function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Section title="Colours" id="colours">
      <Radio.Group value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)} aria-label="Colours">
        <div style={{ display: 'flex', flexDirection: 'column', gap: 10 }}>
          {schemes.map((s) => (
            <Radio key={s.value} size="xs" value={s.value} label={s.label} description={s.why || undefined} />
          ))}
        </div>
      </Radio.Group>
      <p className={classes.note} style={{ marginTop: 20 }}>
        Columns, density and saved views of lists are chosen in the lists and follow you to other machines. The console moves nothing where the system
        asks for reduced motion, and numbers and dates follow the language of the browser.
      </p>
    </Section>
  );
}
