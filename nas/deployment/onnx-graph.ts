import type { NamedTensor } from '../supernet/safetensors.ts';
import type { ConvNorm } from './static-layout.ts';
import type { StaticNetwork } from './static-network.ts';

/** An attribute of a node: a whole number, a list of them, or a fraction. */
export type Attribute = { readonly i: number } | { readonly ints: readonly number[] } | { readonly f: number };

/** One operation of ONNX's standard operators; `output` is also its name. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A network as ONNX sees it: images [batch, channels, side, side] go in as `images`, logits [batch, classes] come out. */
export interface OnnxGraph {
  readonly nodes: readonly Node[];
  readonly tensors: readonly NamedTensor[];
  readonly input: { readonly name: string; readonly shape: readonly (number | string)[] };
  readonly output: { readonly name: string; readonly shape: readonly (number | string)[] };
}

/**
 * The graph of a network. Normalisations are kept as such, so that tensors have the names and values of the safetensors
 * file; runtimes fold them into the convolutions themselves.
 */
export function onnxGraph({ layout, tensors, description }: StaticNetwork): OnnxGraph {
  const nodes: Node[] = [];
  const add = (op: string, output: string, inputs: string[], attributes: Node['attributes'] = {}): string => {
    nodes.push({ op, inputs, output, attributes });
    return output;
  };
  const convNorm = (x: string, { conv, norm, kernel, stride }: ConvNorm): string => {
    const half = (kernel - 1) / 2;
    const y = add('Conv', `${conv}/conv`, [x, `${conv}.weight`], {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: { ints: [half, half, half, half] },
    });
    const parameters = ['weight', 'bias', 'running_mean', 'running_var'].map((of) => `${norm}.${of}`);
    return add('BatchNormalization', `${norm}/norm`, [y, ...parameters], { epsilon: { f: description.epsilon } });
  };
  const relu = (x: string): string => add('Relu', `${x}/relu`, [x]);

  const input = 'images';
  let x = relu(convNorm(input, layout.stem));
  if (layout.pool) {
    x = add('MaxPool', 'maxpool', [x], {
      kernel_shape: { ints: [3, 3] },
      strides: { ints: [2, 2] },
      pads: { ints: [1, 1, 1, 1] },
    });
  }
  for (const { name, conv1, conv2, shortcut } of layout.blocks) {
    const branch = convNorm(relu(convNorm(x, conv1)), conv2);
    x = relu(add('Add', `${name}/sum`, [branch, shortcut ? convNorm(x, shortcut) : x]));
  }
  const { classifier } = layout;
  const flat = add('Flatten', 'flatten', [add('GlobalAveragePool', 'avgpool', [x])]);
  const output = add('Gemm', 'logits', [flat, `${classifier.name}.weight`, `${classifier.name}.bias`], {
    transB: { i: 1 },
  });
  const { crop: side, channels } = description.picture;
  return {
    nodes,
    tensors,
    input: { name: input, shape: ['batch', channels, side, side] },
    output: { name: output, shape: ['batch', classifier.out] },
  };
}
