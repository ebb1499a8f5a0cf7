import { Handle, Position, type Node, type NodeProps } from '@xyflow/react';
import {
  IconBox,
  IconCertificate,
  IconDots,
  IconFileText,
  IconFingerprint,
  IconKey,
  IconMapPin,
  IconPlayerPlay,
  IconUserShield,
  IconUsersGroup,
  type Icon,
} from '@tabler/icons-react';
import { memo } from 'react';
import type { PictureNode } from '@/api/types';
import { middle, word } from '@/lib/format';
import classes from './picture.module.css';

export const width = 188;
export const height = 46;

export type BoxNode = Node<{ node: PictureNode; at: boolean }, 'box'>;

const icons: Record<string, Icon> = {
  identity: IconFingerprint,
  credential: IconKey,
  place: IconMapPin,
  trustee: IconUserShield,
  group: IconUsersGroup,
  policy: IconFileText,
  resource: IconBox,
  runner: IconPlayerPlay,
  certificate: IconCertificate,
  more: IconDots,
};

/** One thing of the picture: what it is by its sign, its name, its kind. */
export const NodeBox = memo(function NodeBox({ data }: NodeProps<BoxNode>) {
  const { node: n, at } = data;
  const Sign = icons[n.type] ?? IconBox;
  return (
    <div className={classes.box} data-at={at || undefined} data-side={n.side} data-more={n.type === 'more' || undefined} title={n.name}>
      <Handle type="target" position={Position.Left} isConnectable={false} className={classes.handle} />
      <Sign size={16} stroke={1.6} aria-hidden="true" />
      <span className={classes.text}>
        <span className={classes.name}>{middle(n.name, 26)}</span>
        <span className={classes.kind}>
          {word(n.kind || n.type)}
          {n.flag && <span className={classes.flag}> · {n.flag}</span>}
        </span>
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} className={classes.handle} />
    </div>
  );
});
