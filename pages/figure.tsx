import type { Child } from 'hono/jsx';

/** A picture with its caption, and below it the same as numbers for whoever cannot or would not see it. */
export function Figure({ title, caption, children, numbers }: FigureProps) {
  return (
    <figure>
      <h3>{title}</h3>
      {children}
      {caption === undefined ? null : <figcaption>{caption}</figcaption>}
      {numbers === undefined ? null : (
        <details class="numbers">
          <summary>The numbers</summary>
          <Table {...numbers} />
        </details>
      )}
    </figure>
  );
}

interface FigureProps {
  readonly title: string;
  readonly caption?: Child;
  readonly numbers?: TableProps;
  readonly children?: Child;
}

export interface Column {
  readonly title: string;
  /** Numbers stand flush right, digit below digit. */
  readonly isNumber?: boolean;
}

interface TableProps {
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Child[])[];
}

/** A table that can be scrolled sideways where the screen is too narrow for it, by keyboard too. */
export function Table({ label, columns, rows }: TableProps) {
  return (
    <div class="scroll" tabindex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th scope="col" class={isNumber ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells) => (
            <tr>
              {cells.map((cell, at) => (
                <td class={columns[at]?.isNumber ? 'number' : undefined}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What has a heading of its own and a place in the page's list of contents. */
export function Section({ id, title, lead, children }: SectionProps) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {lead === undefined ? null : <p class="lead">{lead}</p>}
      {children}
    </section>
  );
}

interface SectionProps {
  readonly id: string;
  readonly title: string;
  readonly lead?: Child;
  readonly children?: Child;
}
