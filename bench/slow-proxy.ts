import { createServer, request } from 'node:http';
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

// Stands before a server of this machine and lets so many bytes a second through to it: a process of its own, for whoever
// starts it holds its thread. Arguments: the server's port, its own, the rate.

const [to, own, bytesPerSecond] = process.argv.slice(2).map(Number);
let free = performance.now();
const server = createServer((asked, answer) => {
  const slow = new Transform({
    transform(chunk: Buffer, _, done) {
      free = Math.max(free, performance.now()) + (1000 * chunk.length) / bytesPerSecond!;
      void sleep(free - performance.now()).then(() => done(null, chunk));
    },
  });
  const { method, url, headers } = asked;
  const passed = request({ host: '127.0.0.1', port: to, method, path: url, headers }, (answered) => {
    answer.writeHead(answered.statusCode ?? 500, answered.headers);
    answered.pipe(answer);
  });
  passed.on('error', () => asked.socket.destroy());
  asked.pipe(slow).pipe(passed);
});
server.listen(own, '127.0.0.1', () => process.send?.('listening'));
process.on('disconnect', () => process.exit(0));
