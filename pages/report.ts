import { runOf } from '../artifacts/catalogue.ts';
import { fileNames } from '../artifacts/paths.ts';
import type { FileReference } from '../artifacts/references.ts';
import type { StageFiles } from '../artifacts/store.ts';
import { reportOf } from '../report/report.ts';
import type { ReportConfig } from '../report/report.ts';
import { reportText } from '../report/text.ts';

/**
 * `report`: writes what the run reached as text, as data and as the page of the run. The page tells times and attempts too,
 * so it is no part of the result, which is the same whenever it is made.
 */
export async function report(stage: StageFiles, config: ReportConfig): Promise<{ report: FileReference }> {
  const made = await reportOf(stage.root, config);
  const files = await stage.put({
    [fileNames.reportText]: `${reportText(made)}\n`,
    [fileNames.reportData]: `${JSON.stringify(made, null, 1)}\n`,
  });
  // Loaded when a report is made: whoever only plans a run draws no charts.
  const [{ readFacts }, { runFile }] = await Promise.all([import('./facts.ts'), import('./run-page.tsx')]);
  const facts = await readFacts(stage.root, runOf(stage.directory), { writing: { directory: stage.directory, made } });
  await stage.put({ [fileNames.reportPage]: runFile(facts) }, 'extras');
  return { report: files[fileNames.reportText]! };
}
