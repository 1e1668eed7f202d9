import { expect, test } from 'vitest';
import { addressOf } from '../../cli/worker-options.ts';

test('an address to listen at serves this machine alone unless it names a host', () => {
  expect(['9464', ':9464', '0.0.0.0:9464', '[::1]:9464'].map(addressOf)).toEqual([
    { host: '127.0.0.1', port: 9464 },
    { host: '127.0.0.1', port: 9464 },
    { host: '0.0.0.0', port: 9464 },
    { host: '::1', port: 9464 },
  ]);
});

test.each(['localhost', '', ':', '0', '127.0.0.1:65536', '127.0.0.1:http', 'http://127.0.0.1:9464/'])(
  'what names no port to listen at is refused: %j',
  (text) => {
    expect(() => addressOf(text)).toThrow('expected a port, alone or as host:port.');
  },
);
