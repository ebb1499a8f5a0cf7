import { Outlets } from './Outlets';
import { Routes } from './Routes';

/** Who is told what, and by which way. */
export default function Channels() {
  return (
    <>
      <Outlets
        purpose={{
          path: '/channels',
          one: 'channel',
          many: 'channels',
          channel: true,
          empty: 'Add a chat room, a mail server, a webhook or a ticket system. Then a route says what goes there.',
        }}
      />
      <Routes />
    </>
  );
}
