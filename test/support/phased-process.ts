// Goes through two phases of the stage `r/one` as fast as it can.
import { PhaseTrace } from '../../nas/process/phase-trace.ts';

const trace = new PhaseTrace('r/one');
for (const phase of ['training', 'saving', 'training', null]) trace.enter(phase);
