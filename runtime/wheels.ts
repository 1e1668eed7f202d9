import type { Device } from './layout.ts';
import type { Pin } from './requirements.ts';
import { SetupError } from './setup-error.ts';

/** Which members of a wheel are wanted, and where the folder or file they make up belongs below `.runtime/`. */
export interface Contents {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly from: string;
  readonly to: string;
  /** Names that linkers look for -> files, inside `to`. */
  readonly links: Readonly<Record<string, string>>;
}

const tensorflowMembers = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  // The C API's headers and the few of the C++ ones that they include.
  'tensorflow/include/tensorflow/c/*',
  'tensorflow/include/tensorflow/core/platform/ctstring*',
  'tensorflow/include/tsl/platform/ctstring*',
  'tensorflow/include/xla/tsl/c/*',
];

const tensorflowLinks = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};

/** A pinned wheel and what is wanted of it. */
export interface Wheel {
  readonly pin: Pin;
  readonly contents: Contents;
}

/** Says what to take out of the wheel of a pin. The GPU folder is laid out as site-packages, where libtensorflow's RUNPATH looks. */
export function contentsOf(pin: Pin, device: Device): Contents {
  const { name, version } = pin;
  const executable = /^(temporal|temporal-test-server)-bin$/.exec(name)?.[1];
  if (executable) {
    const from = `${name.replaceAll('-', '_')}-${version}.data/scripts/${executable}`;
    return { include: [from], exclude: [], from, to: `bin/${executable}`, links: {} };
  }
  if (name === 'tensorflow' || name === 'tensorflow-cpu') {
    return {
      include: tensorflowMembers,
      exclude: [],
      from: 'tensorflow',
      to: `${device}/tensorflow`,
      links: tensorflowLinks,
    };
  }
  const library = /^nvidia-(.+)-cu12$/.exec(name)?.[1]?.replaceAll('-', '_');
  if (library) {
    const from = `nvidia/${library}`;
    return { include: [`${from}/*`], exclude: ['*/include/*', '*.a'], from, to: `${device}/${from}`, links: {} };
  }
  throw new SetupError(
    `setup: expected a wheel whose contents are known, got ${name}; describe it in runtime/wheels.ts`,
  );
}
