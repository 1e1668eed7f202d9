/** Where the keys of a stage's `with` come from: config files, the pipeline, the stage, flags. */
import type { Context } from './compile.ts';
import { isObject } from './json.ts';
import { kinds } from './kinds/index.ts';
import { only, sourceLayer } from './layers.ts';
import type { Layer } from './layers.ts';
import { nearest, problem } from './problems.ts';
import type { Path } from './problems.ts';
import type { StageFile } from './schema.ts';

/** What lies below the `with` of every stage. */
export interface Below {
  readonly configs: readonly Layer[];
  readonly with: Layer;
  /** Given by flags, and over what a stage says itself. */
  readonly flags: readonly Layer[];
}

/** The layers that all stages share. */
export function layersBelow(context: Context): Below {
  return {
    configs: configLayers(context.file.config, ['config'], context),
    with: knownKeys(sourceLayer(context.source, ['with']), context),
    flags: context.settings.shared.map((layer) => knownKeys(layer, context)),
  };
}

/** The config files that are named at a path, each a layer. */
function configLayers(names: readonly string[], at: Path, context: Context): Layer[] {
  const { source, project, report } = context;
  return names.flatMap((name, index) => {
    const path = source.has([...at, index]) ? [...at, index] : at;
    const found = project.yaml(`configs/${name}`, source.place(path), path);
    if ('problems' in found) report(...found.problems);
    else if (isObject(found.value.value)) return [knownKeys(sourceLayer(found.value, []), context)];
    else report(problem(source.place(path), path, `expected configs/${name} to hold a map, got none; write one`));
    return [];
  });
}

/** Reports keys that no kind of stage knows; those of another kind are left out stage by stage. */
function knownKeys(layer: Layer, { report }: Context): Layer {
  const known = [...new Set([...kinds.values()].flatMap(({ keys }) => keys))];
  for (const key of Object.keys(layer.value).filter((one) => !known.includes(one))) {
    report(
      problem(
        layer.keyPlace([key]),
        [key],
        `expected a key that some kind of stage knows, got ${JSON.stringify(key)}${nearest(key, known)}`,
      ),
    );
  }
  return layer;
}

/** Config files of the pipeline, then of the stage; `with` of the pipeline, then of the stage; `--set` for all, then for it. */
export function layersOf(id: string, { uses, config }: StageFile, below: Below, context: Context): Layer[] {
  const keys = kinds.get(uses)?.keys ?? [];
  const shared = [...below.configs, ...configLayers(config, ['stages', id, 'config'], context), below.with];
  const own = sourceLayer(context.source, ['stages', id, 'with']);
  const known = (layers: readonly Layer[]): Layer[] => layers.map((layer) => only(layer, keys));
  return [...known(shared), own, ...known(below.flags), ...(context.settings.layers.get(id) ?? [])];
}
