import { Outlets } from './Outlets';

/** Where findings and records are passed on to, and where checkpoints of the audit log are kept. */
export default function Streams() {
  return (
    <>
      <Outlets
        purpose={{
          path: '/streams',
          one: 'stream',
          many: 'streams',
          empty: 'A stream passes findings and audit records on as they happen, as OCSF, to a log system such as Splunk.',
        }}
      />
      <Outlets
        purpose={{
          path: '/checkpoint-places',
          one: 'place for checkpoints',
          many: 'places for checkpoints',
          empty: 'Put signed states of the audit log where an administrator of this server cannot rewrite them: then nobody can rewrite the log unseen.',
        }}
      />
    </>
  );
}
