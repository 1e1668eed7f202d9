import { test } from 'vitest';
import { VitestTestRunner } from 'vitest/runners';

/** A file that cannot even be loaded has a test that fails: Stryker counts tests alone, and would take the change for unnoticed. */
export default class LoadingIsATest extends VitestTestRunner {
  override async importFile(file: string, source: 'collect' | 'setup'): Promise<unknown> {
    try {
      return await super.importFile(file, source);
    } catch (error) {
      if (source === 'setup') throw error;
      // Only those tests are run that come by the change, and this one has no name among them.
      this.config.testNamePattern = undefined;
      test('is loaded', () => {
        throw error;
      });
      return undefined;
    }
  }
}
