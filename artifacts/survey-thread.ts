import { parentPort, workerData } from 'node:worker_threads';
import { surveyed } from './folder-survey.ts';

// The thread of surveyRuns: surveys its share of the runs and says what it saw.

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
parentPort?.postMessage(surveyed(workerData));
