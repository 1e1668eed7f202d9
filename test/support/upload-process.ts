import { parseS3Address } from '../../artifacts/s3/address.ts';
import { Bucket } from '../../artifacts/s3/bucket.ts';
import { upload } from '../../artifacts/s3/transfer.ts';

// Sends a file and says so when the second part has arrived: whoever hears it kills this process.
const [root = '', file = '', sha256 = ''] = process.argv.slice(2);
const bucket = new Bucket(parseS3Address(root));
const { client } = await bucket.connected();
let arrived = 0;
client.middlewareStack.add(
  (next, { commandName }) =>
    async (asked) => {
      const answer = await next(asked);
      if (commandName === 'UploadPartCommand' && ++arrived === 2) process.send?.('two parts');
      return answer;
    },
  { step: 'initialize' },
);
await upload(bucket, `files/${sha256}`, file, sha256, 0);
