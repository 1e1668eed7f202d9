import { across, Chart, Dot, small, upwards } from './chart.tsx';
import type { RunFacts, TrainedStage, TruthFacts } from './facts.ts';
import { Figure, Section } from './figure.tsx';
import { count, figure } from './words.ts';

const MOST = 12;

/** What a supernet gives to the subnets of the ground truth, against what they reach alone; every subnet is named. */
export function Truth({ facts }: { readonly facts: RunFacts }) {
  const drawn = facts.trained.flatMap((stage) => {
    const measured = facts.truths.get(stage.truth);
    return measured === undefined || measured.truth.names.length !== stage.record.groundTruth.length
      ? []
      : [{ stage, measured }];
  });
  if (drawn.length === 0) return null;
  // Of many the best; in the order of the run.
  const byTau = drawn.toSorted((a, b) => (b.stage.record.tau ?? -2) - (a.stage.record.tau ?? -2)).slice(0, MOST);
  const shown = drawn.filter((one) => byTau.includes(one));
  return (
    <Section
      id="truth"
      title="Against the ground truth"
      lead={
        <>
          One dot a subnet: across, its accuracy when trained alone; upwards, its accuracy with the supernet’s weights.
          A supernet need not be right about accuracies, only about their order.
          {drawn.length > MOST
            ? ` The ${MOST} of ${count(drawn.length)} supernets with the largest tau are shown.`
            : ''}
        </>
      }
    >
      <div class="columns">
        {shown.map(({ stage, measured }) => (
          <Scatter stage={stage} measured={measured} />
        ))}
      </div>
    </Section>
  );
}

function Scatter({ stage, measured: { truth } }: { readonly stage: TrainedStage; readonly measured: TruthFacts }) {
  const given = stage.record.groundTruth.map((share) => 100 * share);
  const alone = [...truth.accuracies];
  const x = across(small, [Math.min(...alone), Math.max(...alone)]);
  const y = upwards(small, [Math.min(...given), Math.max(...given)]);
  const { id, groups, record } = stage;
  return (
    <Figure
      title={`${id} (K = ${groups}), epoch ${record.epoch}`}
      caption={`tau ${figure(record.tau)}`}
      numbers={{
        label: `${id}: accuracy of each ground-truth subnet`,
        columns: [
          { title: 'subnet' },
          { title: 'alone %', isNumber: true },
          { title: 'in the supernet %', isNumber: true },
        ],
        rows: truth.names.map((name, at) => [name, alone[at]!.toFixed(2), given[at]!.toFixed(2)]),
      }}
    >
      <Chart
        size={small}
        x={x}
        y={y}
        xLabel="trained alone, top-1 %"
        yLabel="in the supernet, top-1 %"
        says={`Accuracy of ${given.length} subnets in ${id} against their accuracy trained alone; tau ${figure(record.tau)}`}
      >
        {truth.names.map((name, at) => (
          <Dot
            x={x(alone[at]!)}
            y={y(given[at]!)}
            name={`${name}: ${alone[at]!.toFixed(2)} % alone, ${given[at]!.toFixed(2)} % in ${id}`}
          />
        ))}
      </Chart>
    </Figure>
  );
}
