// With `node --import`: rank 1 of a stage asks for more memory than there is, once, when somebody has made the file that
// TEST_SHORT_OF_MEMORY names.
import { existsSync, rmSync } from 'node:fs';

const [, , , rank] = process.argv;
const file = process.env['TEST_SHORT_OF_MEMORY'];
if (rank === '1' && file !== undefined) {
  setInterval(() => {
    if (!existsSync(file)) return;
    rmSync(file);
    void new ArrayBuffer(2 ** 46);
  }, 10).unref();
}
