/** Whether what is proved by repeating it is repeated as often as it should be (`npm run test:long`), or a few times (`npm test`). */
export const isLong = process.env['NAS_LONG'] === '1';
