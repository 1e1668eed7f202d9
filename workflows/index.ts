// The bundle's only entry.
export { pipeline } from './pipeline.ts';
