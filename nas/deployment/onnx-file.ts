import { createHash } from 'node:crypto';
import path from 'node:path';
import protobuf from 'protobufjs';
import { atomicWrite } from '../../artifacts/atomic-write.ts';
import { onnxGraph } from './onnx-graph.ts';
import type { Attribute, Node, OnnxGraph } from './onnx-graph.ts';
import type { StaticNetwork } from './static-network.ts';

// What every runtime since 2020 reads.
const IR_VERSION = 7;
const OPSET = 13;
const FLOAT = 1;
const AttributeType = { f: 1, i: 2, ints: 7 } as const;

/** Writes a network as ONNX, with its description as JSON in the model's metadata under `network`. */
export async function writeOnnx(file: string, network: StaticNetwork): Promise<{ sha256: string; bytes: number }> {
  const schema = protobuf.loadSync(path.join(import.meta.dirname, 'onnx.proto'));
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
