import { waitingStages } from './glance.tsx';
import type { LiveFacts } from './facts.ts';
import { Section } from './figure.tsx';
import { figure, range } from './words.ts';
import type { StageStatus } from '../plan/messages.ts';

// What a reader of a live page can do: forms that send the very messages that the command line sends.

interface Form {
  readonly run: string;
  /** Goes with every form: pages of other sites cannot read it. */
  readonly token: string;
}

/** Buttons for the run as a whole; none once it is over. */
export function Controls({ run, token, live }: Form & { readonly live: LiveFacts }) {
  if (live.ending !== null) return null;
  const order = live.status.state === 'paused' ? 'resume' : 'pause';
  return (
    <div class="controls">
      <form method="post" action={`/runs/${run}/${order}`}>
        <input type="hidden" name="token" value={token} />
        <button type="submit" id={`${order}-run`}>
          {order === 'pause' ? 'Pause at the next checkpoint' : 'Go on'}
        </button>
      </form>
      <details>
        <summary>End it …</summary>
        <form method="post" action={`/runs/${run}/cancel`}>
          <input type="hidden" name="token" value={token} />
          <p>What runs writes its checkpoint first. Started again under its id, the run goes on from there.</p>
          <button type="submit" id="cancel-run">
            Cancel the run
          </button>
        </form>
      </details>
    </div>
  );
}

/** What the run waits for a person to say, each with its form; commands instead where `token` is null: only to be read. */
export function Asked({ run, token, who, live }: AskedProps) {
  const waiting = live.ending === null ? waitingStages(live) : [];
  const asking = live.status.stages.filter(({ id }) => waiting.some((one) => one.id === id));
  if (asking.length === 0) return null;
  return (
    <Section id="asked" title="Waits for you">
      {asking.map((stage) => (
        <div class="ask">
          {stage.state === 'selecting' ? (
            <Choose stage={stage} run={run} token={token} who={who} />
          ) : (
            <Parked stage={stage} run={run} token={token} />
          )}
        </div>
      ))}
    </Section>
  );
}

interface AskedProps {
  readonly run: string;
  readonly token: string | null;
  /** Proposed as the name of whoever chooses. */
  readonly who: string;
  readonly live: LiveFacts;
}

interface StageForm {
  readonly stage: StageStatus;
  readonly run: string;
  readonly token: string | null;
}

function Choose({ stage, run, token, who }: StageForm & { readonly who: string }) {
  const { id, choices = [], epoch: proposed } = stage;
  if (token === null) return <Command text={`nas select ${run} ${id} ${proposed ?? 0}`} />;
  return (
    <form method="post" action={`/runs/${run}/select`}>
      <input type="hidden" name="token" value={token} />
      <input type="hidden" name="stage" value={id} />
      <fieldset>
        <legend>
          Which epoch does <strong>{id}</strong> hand on?
        </legend>
        <div class="choices">
          {choices.map(({ epoch, tau, interval }) => (
            <label>
              <input type="radio" name="epoch" value={epoch} checked={epoch === proposed} required />
              <span>
                epoch {epoch}: tau <strong>{figure(tau)}</strong>
                {interval === null ? '' : ` (${range(...interval)})`}
                {epoch === proposed ? ', as the rule would' : ''}
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="fields">
        <label>
          who <input name="who" value={who} maxlength={100} />
        </label>
        <label class="grows">
          why <input name="why" maxlength={500} />
        </label>
        <button type="submit" class="main" id={`select-${id}`}>
          Hand this epoch on
        </button>
      </div>
    </form>
  );
}

function Parked({ stage: { id, error = '', cells }, run, token }: StageForm) {
  const name = cells === undefined || cells.parked.length === 0 ? id : cells.parked.join(', ');
  return (
    <>
      <h3>{name} failed and waits</h3>
      <pre class="error">{error}</pre>
      {token === null ? (
        <Command text={`nas retry ${run} ${id}`} />
      ) : (
        <form method="post">
          <input type="hidden" name="token" value={token} />
          <input type="hidden" name="stage" value={id} />
          <label>
            values to change first, one <code>key=value</code> a line
            <textarea name="set" rows={2} placeholder="optimizer.momentum=0.8" />
          </label>
          <div class="fields">
            <button type="submit" class="main" formaction={`/runs/${run}/retry`} id={`retry-${id}`}>
              Try it again
            </button>
            <button type="submit" formaction={`/runs/${run}/skip`} id={`skip-${id}`}>
              Go on without it
            </button>
            <button type="submit" formaction={`/runs/${run}/abort`} id={`abort-${id}`}>
              Give it up, and the run with it
            </button>
          </div>
        </form>
      )}
    </>
  );
}

function Command({ text }: { readonly text: string }) {
  return (
    <pre data-copy="">
      <code>{text}</code>
    </pre>
  );
}
