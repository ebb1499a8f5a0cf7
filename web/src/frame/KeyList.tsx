import { Modal } from '@mantine/core';
import { boundKeys } from '@/app/keys';
import classes from './Frame.module.css';
import { modKey } from './modkey';

/** The keys that work on this page. */
export function KeyList({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal opened={opened} onClose={close} title="Keys" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={classes.keys}>
        {opened &&
          boundKeys().map((group) => (
            <section key={group.title}>
              <h3>{group.title}</h3>
              {group.bindings.map((b) => (
                <div key={b.keys} className={classes.keyRow}>
                  <span>{b.does}</span>
                  <span>
                    {b.keys.split(' ').map((k, i) => (
                      <span key={i}>
                        {i > 0 && ' then '}
                        <kbd>{k.replace('mod+', modKey).replace('arrow', '')}</kbd>
                      </span>
                    ))}
                  </span>
                </div>
              ))}
            </section>
          ))}
      </div>
    </Modal>
  );
}
