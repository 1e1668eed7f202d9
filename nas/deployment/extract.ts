import { moduleOf } from '../supernet/block.ts';
import type { ConvNorm as SharedConvNorm } from '../supernet/modules.ts';
import type { Supernet } from '../supernet/network.ts';
import type { Parameter } from '../supernet/parameters.ts';
import type { NamedTensor } from '../supernet/safetensors.ts';
import { hasShortcut } from '../space/space.ts';
import type { Subnet } from '../space/space.ts';
import { convNorms } from './static-layout.ts';
import type { StaticLayout } from './static-layout.ts';

/** The weights of one subnet, cut out of the supernet's, under static names and without BN statistics. */
export function extractSubnet(net: Supernet, subnet: Subnet, layout: StaticLayout): NamedTensor[] {
  const blocks = net.blocksOf(subnet);
  const shared: SharedConvNorm[] = [
    net.modules.stem,
    ...blocks.flatMap((at) => {
      const { conv1, conv2, shortcut } = moduleOf(net, at);
      return [conv1, conv2, ...(hasShortcut(at) ? [shortcut] : [])];
    }),
  ];
  const tensors = convNorms(layout).flatMap(({ conv, norm, in: input, out }, index) => {
    const { weight, gamma, beta } = shared[index]!;
    return [
      leading(`${conv}.weight`, weight, out, input),
      leading(`${norm}.weight`, gamma, out),
      leading(`${norm}.bias`, beta, out),
    ];
  });
  const { name, in: input, out } = layout.classifier;
  const { weight, bias } = net.modules.classifiers[blocks.at(-1)!.group]!;
  return [...tensors, leading(`${name}.weight`, weight, out, input), leading(`${name}.bias`, bias, out)];
}

/** `parameter[:out, :input]`, in PyTorch's order. */
function leading(name: string, parameter: Parameter, out: number, input = 1): NamedTensor {
  const [, allInputs = 1, ...kernel] = parameter.shape;
  const size = kernel.reduce((product, side) => product * side, 1);
  const shape = parameter.shape.length === 1 ? [out] : [out, input, ...kernel];
  const all = parameter.read();
  const data = new Float32Array(out * input * size);
  for (let row = 0; row < out; row++) {
    const from = row * allInputs * size;
    data.set(all.subarray(from, from + input * size), row * input * size);
  }
  return { name, shape, data };
}
