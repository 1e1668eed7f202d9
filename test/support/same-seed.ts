import { configureGlobal, readConfigureGlobal } from 'fast-check';

// Properties are tried on the same values with every `npm test`; npm run test:properties takes others, and says their seed where one fails.
configureGlobal({ ...readConfigureGlobal(), seed: Number(process.env['NAS_SEED'] ?? 1) });
