import {
  ActionIcon,
  Button,
  Checkbox,
  createTheme,
  defaultVariantColorsResolver,
  Menu,
  Modal,
  Popover,
  Select,
  Skeleton,
  Tabs,
  Textarea,
  TextInput,
  Tooltip,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';

const accent: MantineColorsTuple = [
  '#edf1fd',
  '#d7dffa',
  '#b3c3ff',
  '#96acff',
  '#6d88ec',
  '#4c69d9',
  '#2b50c8',
  '#2343aa',
  '#1c378c',
  '#142869',
];

const dark: MantineColorsTuple = [
  '#e5e8ec',
  '#b9c1cb',
  '#9da7b4',
  '#707a87',
  '#3c444f',
  '#262c34',
  '#181c22',
  '#101317',
  '#0b0e11',
  '#07090b',
];

const popup = { shadow: 'md', transitionProps: { duration: 80, transition: 'fade' as const } };

export const theme = createTheme({
  primaryColor: 'accent',
  primaryShade: { light: 6, dark: 3 },
  // On the accent stands the ink that was chosen for it, in light and dark.
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    return input.variant === 'filled' && (input.color ?? input.theme.primaryColor) === 'accent'
      ? { ...colors, color: 'var(--rt-on-accent)' }
      : colors;
  },
  colors: { accent, dark },
  black: '#16191d',
  fontFamily: '-apple-system, "Segoe UI Variable Text", "Segoe UI", Roboto, "Noto Sans", Ubuntu, Cantarell, "Liberation Sans", system-ui, sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '13px', sm: '13px', md: '14px', lg: '14px', xl: '20px' },
  lineHeights: { xs: '1.4', sm: '1.45', md: '1.5', lg: '1.5', xl: '1.3' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '20px', lineHeight: '28px' },
      h2: { fontSize: '14px', lineHeight: '20px' },
      h3: { fontSize: '13px', lineHeight: '20px' },
    },
  },
  defaultRadius: 4,
  radius: { xs: '2px', sm: '3px', md: '4px', lg: '6px', xl: '8px' },
  shadows: { md: 'var(--rt-shadow)' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray', size: 28 } }),
    Button: Button.extend({ defaultProps: { size: 'xs' }, styles: { root: { fontWeight: 500 } } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: 'xs', radius: 3 } }),
    Menu: Menu.extend({ defaultProps: popup }),
    Modal: Modal.extend({
      // The head of a dialogue is no banner of the page.
      defaultProps: { attributes: { header: { role: 'presentation' } }, centered: false, yOffset: '12vh', radius: 6,  transitionProps: { duration: 80 }, overlayProps: { backgroundOpacity: 0.35 } },
    }),
    Popover: Popover.extend({ defaultProps: popup }),
    Select: Select.extend({ defaultProps: { size: 'xs', comboboxProps: popup, checkIconPosition: 'right' } }),
    Skeleton: Skeleton.extend({ defaultProps: { radius: 3 } }),
    Tabs: Tabs.extend({ defaultProps: { keepMounted: false } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'xs' } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'xs', autosize: true, minRows: 2 } }),
    Tooltip: Tooltip.extend({
      defaultProps: {
        withArrow: false,
        openDelay: 250,
        transitionProps: { duration: 60 },
        multiline: true,
        maw: 340,
        events: { hover: true, focus: true, touch: true },
      },
    }),
  },
});

/** Leads Mantine's own colours back to the tokens, so that there is one palette. */
export const variables: CSSVariablesResolver = () => {
  const both = {
    '--mantine-color-body': 'var(--rt-page)',
    '--mantine-color-text': 'var(--rt-ink)',
    '--mantine-color-dimmed': 'var(--rt-muted)',
    '--mantine-color-default': 'var(--rt-raised)',
    '--mantine-color-default-hover': 'var(--rt-hover)',
    '--mantine-color-default-color': 'var(--rt-ink)',
    '--mantine-color-default-border': 'var(--rt-line-strong)',
    '--mantine-color-placeholder': 'var(--rt-muted)',
    '--mantine-color-anchor': 'var(--rt-accent)',
    '--mantine-color-error': 'var(--rt-critical)',
    '--mantine-primary-color-contrast': 'var(--rt-on-accent)',
    '--mantine-color-accent-filled': 'var(--rt-accent)',
    '--mantine-color-accent-filled-hover': 'var(--rt-accent-hover)',
    '--mantine-color-accent-light': 'var(--rt-accent-wash)',
    '--mantine-color-accent-light-color': 'var(--rt-accent)',
    '--mantine-color-accent-outline': 'var(--rt-accent)',
    '--mantine-color-accent-text': 'var(--rt-accent)',
    '--mantine-color-gray-text': 'var(--rt-muted)',
    '--mantine-color-gray-light-color': 'var(--rt-muted)',
    '--mantine-color-gray-light-hover': 'var(--rt-hover)',
  };
  return { variables: {}, light: both, dark: both };
};
