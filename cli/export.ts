import path from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { deploy } from './deployment.ts';
import { jsonOption, output } from './options.ts';
import { defineForSubnet, subnetOf } from './supernet-options.ts';
import type { SubnetOptions } from './supernet-options.ts';
import { columns } from './view/format.ts';
import { formats } from '../nas/deployment/request.ts';
import { gmacs } from '../report/format.ts';

interface ExportOptions extends SubnetOptions {
  readonly out: string;
  readonly format: readonly (typeof formats)[number][];
  readonly json?: true;
}

export function define(command: Command): void {
  defineForSubnet(command)
    .option('--out <folder>', 'where the files go', '.')
    .addOption(new Option('--format <formats...>', 'which files').choices(formats).default(formats, formats.join(', ')))
    .addOption(jsonOption())
    .action(exportSubnet);
}

async function exportSubnet({ out, format, json, ...options }: ExportOptions): Promise<void> {
  const subnet = await subnetOf(options);
  const write = [...new Set(format)].map((one) => ({
    format: one,
    file: path.resolve(out, `subnet-${subnet.arch}.${one}`),
  }));
  const { network, parameters, macs, written } = await deploy({ network: subnet, write, pictures: [] });
  output(json, { network, parameters, macs, files: written }, () => {
    const { dataset, batches, batch_size: size } = network.calibration;
    const rows = written.map(({ file, bytes, sha256 }) => [
      path.relative('', file),
      `${bytes.toLocaleString('en-US')} bytes`,
      `sha256 ${sha256}`,
    ]);
    return [
      ...columns(rows),
      `${parameters.toLocaleString('en-US')} parameters, ${gmacs(macs)} GMACs; BN statistics of ${batches} × ${size} images of ${dataset}`,
    ].join('\n');
  });
}
