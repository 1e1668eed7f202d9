// Records the histories that test/replay replays: npx tsx test/replay/record.ts [shape …]
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root, temporalCli } from '../../runtime/layout.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { PipelineServer } from '../support/pipeline-server.ts';
import { shapes, shortHistories } from './shapes.ts';

// Where and by whom it was recorded is nobody's business.
function withoutThisMachine(history: string): string {
  return history.replaceAll(root, '').replaceAll(/"identity": "[^"]*"/g, '"identity": "recorder"');
}

const asked = process.argv.slice(2);
const server = new PipelineServer();
await server.open(plainActivities, shortHistories);
try {
  for (const [name, run] of Object.entries(shapes)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const handle = await run(server);
    const { runId } = await handle.describe();
    const of = ['--workflow-id', handle.workflowId, '--run-id', runId, '--address', server.environment.address];
    const history = execFileSync(temporalCli(), ['workflow', 'show', ...of, '--output', 'json'], { encoding: 'utf8' });
    await writeFile(path.join(import.meta.dirname, 'histories', `${name}.json`), withoutThisMachine(history));
    console.log(name);
  }
} finally {
  await server.close();
}
