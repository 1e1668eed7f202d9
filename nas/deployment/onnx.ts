import protobuf from 'protobufjs';
import { createHash } from 'node:crypto';
import { atomicWrite } from '../../artifacts/files.ts';
import { shippedFile } from '../../artifacts/paths.ts';
import { pass } from '../space/network.ts';
import type { Steps } from '../space/network.ts';
import type { NamedTensor } from '../weights/safetensors.ts';
import { FC, torchvisionNames } from './static-network.ts';
import type { StaticNetwork } from './static-network.ts';

/** An attribute of a node: a whole number, a list of them, or a fraction. */
type Attribute = { readonly i: number } | { readonly ints: readonly number[] } | { readonly f: number };

/** One operation of ONNX's standard operators; `output` is also its name. */
interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A network as ONNX sees it: images [batch, channels, side, side] go in as `images`, logits [batch, classes] come out. */
interface OnnxGraph {
  readonly nodes: readonly Node[];
  readonly tensors: readonly NamedTensor[];
  readonly input: { readonly name: string; readonly shape: readonly (number | string)[] };
  readonly output: { readonly name: string; readonly shape: readonly (number | string)[] };
}

/**
 * The graph of a network. Normalisations are kept as such, so that tensors have the names and values of the safetensors
 * file; runtimes fold them into the convolutions themselves.
 */
function onnxGraph({ network, tensors, description }: StaticNetwork): OnnxGraph {
  const nodes: Node[] = [];
  const add = (op: string, output: string, inputs: string[], attributes: Node['attributes'] = {}): string => {
    nodes.push({ op, inputs, output, attributes });
    return output;
  };
  const steps: Steps<string> = {
    convNorm(x, layer) {
      const { conv, norm } = torchvisionNames(layer);
      const y = add('Conv', `${conv}/conv`, [x, `${conv}.weight`], window(layer.kernel, layer.stride));
      const parameters = ['weight', 'bias', 'running_mean', 'running_var'].map((of) => `${norm}.${of}`);
      return add('BatchNormalization', `${norm}/norm`, [y, ...parameters], { epsilon: { f: description.epsilon } });
    },
    activate(x, activation) {
      if (activation === 'relu') return add('Relu', `${x}/relu`, [x]);
      const gate =
        activation === 'silu'
          ? add('Sigmoid', `${x}/sigmoid`, [x])
          : add('Tanh', `${x}/tanh`, [add('Softplus', `${x}/softplus`, [x])]);
      return add('Mul', `${x}/${activation}`, [x, gate]);
    },
    maxPool: (x) => add('MaxPool', 'maxpool', [x], window(3, 2)),
    add: (branch, shortcut) => add('Add', `${branch}/sum`, [branch, shortcut]),
    classify(x) {
      const flat = add('Flatten', 'flatten', [add('GlobalAveragePool', 'avgpool', [x])]);
      return add('Gemm', 'logits', [flat, `${FC}.weight`, `${FC}.bias`], { transB: { i: 1 } });
    },
    done: () => {},
  };
  const input = 'images';
  const output = pass(network, steps, input);
  const { crop: side, channels } = description.picture;
  return {
    nodes,
    tensors,
    input: { name: input, shape: ['batch', channels, side, side] },
    output: { name: output, shape: ['batch', network.classifier.out] },
  };
}

/** What a convolution or a pool reads around each pixel. */
function window(kernel: number, stride: number): Node['attributes'] {
  const half = (kernel - 1) / 2;
  return {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: [half, half, half, half] },
  };
}

// What every runtime since 2020 reads.
const IR_VERSION = 7;
const OPSET = 13;
const FLOAT = 1;
const AttributeType = { f: 1, i: 2, ints: 7 } as const;

/** Writes a network as ONNX, with its description as JSON in the model's metadata under `network`. */
export async function writeOnnx(file: string, network: StaticNetwork): Promise<{ sha256: string; bytes: number }> {
  const schema = protobuf.loadSync(shippedFile('nas/deployment/onnx.proto'));
  const bytes = schema.lookupType('onnx.ModelProto').encode(modelOf(network)).finish();
  await atomicWrite(file, bytes);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/** The message `onnx.ModelProto`, in the names of onnx.proto as protobufjs has them. */
function modelOf(network: StaticNetwork): object {
  const { nodes, tensors, input, output } = onnxGraph(network);
  return {
    irVersion: IR_VERSION,
    producerName: 'fewshot-nas',
    opsetImport: [{ version: OPSET }],
    metadataProps: [
      { key: 'arch', value: network.description.arch },
      { key: 'network', value: JSON.stringify(network.description) },
    ],
    graph: {
      name: `subnet-${network.description.arch}`,
      node: nodes.map(nodeOf),
      initializer: tensors.map(({ name, shape, data }) => ({
        name,
        dims: shape,
        dataType: FLOAT,
        rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
      input: [valueOf(input)],
      output: [valueOf(output)],
    },
  };
}

function nodeOf({ op, inputs, output, attributes }: Node): object {
  const attribute = Object.entries(attributes).map(([name, value]) => ({ name, type: typeOf(value), ...value }));
  return { name: output, opType: op, input: inputs, output: [output], attribute };
}

function typeOf(value: Attribute): number {
  if ('f' in value) return AttributeType.f;
  return 'i' in value ? AttributeType.i : AttributeType.ints;
}

function valueOf({ name, shape }: OnnxGraph['input']): object {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}
