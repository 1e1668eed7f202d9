import { committedSpace } from './spaces.ts';

/** A search of the small space under limits that leave out most of it; the budget and the way are missing. */
export const fashionSearch = {
  space: committedSpace('fashion'),
  n_classes: 10,
  limits: { macs: 400_000, parameters: 6000 },
  population: 20,
  seed: 1,
} as const;
