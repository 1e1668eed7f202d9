import { Connection } from '@temporalio/client';
import type { Client, OperatorService } from '@temporalio/client';
import { pipelineValue, searchAttributes } from '../plan/search.ts';
import type { SearchAttribute } from '../plan/search.ts';

// The search attributes of plan/search.ts on a server: whether it has them, and giving them to it.

/** How the server's protocol numbers the types. */
const TYPES = { KEYWORD: 2, DOUBLE: 4, KEYWORD_LIST: 7 } as const;

// Object.keys knows nothing of the keys' type.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const names = Object.keys(searchAttributes) as SearchAttribute[];

type Server = Pick<Client, 'connection'> & { readonly options: { readonly namespace: string } };

/** Those that the namespace does not have. Rejects with the server's error where it may not be asked. */
async function missingAttributes(server: Server): Promise<SearchAttribute[]> {
  const { namespace } = server.options;
  const { customAttributes } = await operatorOf(server).listSearchAttributes({ namespace });
  return names.filter((name) => !Object.hasOwn(customAttributes ?? {}, name));
}

/** Gives a namespace the attributes that it does not have; those come back. Only whoever may administer it can. */
export async function registerAttributes(server: Server): Promise<SearchAttribute[]> {
  const missing = await missingAttributes(server);
  if (missing.length === 0) return [];
  await operatorOf(server).addSearchAttributes({
    namespace: server.options.namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, TYPES[searchAttributes[name]]])),
  });
  return missing;
}

function operatorOf({ connection }: Server): OperatorService {
  if (connection instanceof Connection) return connection.operatorService;
  throw new TypeError('expected a connection of @temporalio/client, got one of a worker');
}

/** What a run of that pipeline starts with: nothing where the server has not all attributes, or does not say. */
export async function startAttributes(server: Server, pipeline: string) {
  const missing = await missingAttributes(server).catch(() => names);
  return missing.length === 0 ? { typedSearchAttributes: [pipelineValue(pipeline)] } : {};
}
