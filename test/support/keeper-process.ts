import { keepServer } from '../../runtime/server-keeper.ts';

// Keeps a server until it is killed: npx tsx keeper-process.ts <folder>

const keeper = await keepServer(process.argv[2] ?? '');
process.send?.(keeper.address);
