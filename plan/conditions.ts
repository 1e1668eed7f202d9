import { ExpressionError, lookUp, parseReference } from './references.ts';
import type { Reference, Scope } from './references.ts';
import type { Json } from './json.ts';

/**
 * The grammar of `if:`, with or without `${{ }}` around it:
 *
 *     or         = and {"||" and}
 *     and        = not {"&&" not}
 *     not        = "!" not | comparison
 *     comparison = operand [("==" | "!=" | "<" | "<=" | ">" | ">=") operand]
 *     operand    = number | 'text' | true | false | null | params.x | stages.ID.OUTPUT… | success() | failure() | "(" or ")"
 *
 * `success()`: every need is done; `failure()`: some need failed. As in GitHub Actions, a condition that names neither
 * means `success() && (…)`, so whatever needs a skipped stage is skipped too unless it says otherwise (`!failure()`).
 * null, false, 0 and '' count as false. Ordering compares numbers only: with anything else it is false.
 * Pure and without imports but our own: the workflow decides with it.
 */

/** How each need of a stage ended. */
export type NeedState = 'done' | 'skipped' | 'failed';

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

export type Condition =
  | { readonly is: 'value'; readonly value: Json }
  | { readonly is: 'reference'; readonly reference: Reference }
  | { readonly is: 'success' }
  | { readonly is: 'failure' }
  | { readonly is: 'not'; readonly of: Condition }
  | { readonly is: 'and'; readonly left: Condition; readonly right: Condition }
  | { readonly is: 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly is: 'compare'; readonly how: Comparison; readonly left: Condition; readonly right: Condition };

const TOKEN =
  /\s*(?:(\|\||&&|==|!=|<=|>=|[<>!()])|'([^']*)'|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.-])|((?:success|failure)\(\))|([A-Za-z][\w.-]*))/y;
const COMPARISONS: readonly Comparison[] = ['==', '!=', '<', '<=', '>', '>='];
const WORDS: Readonly<Record<string, Json>> = { true: true, false: false, null: null };
const LONGEST = 500;

/** Parses a condition. Throws ExpressionError that says where in the text. */
export function parseCondition(text: string): Condition {
  if (text.length > LONGEST)
    throw new ExpressionError(`expected a condition of at most ${LONGEST} characters, got ${text.length}`);
  const parser = new Parser(tokens(text.replace(/^\s*\$\{\{(.*)\}\}\s*$/s, '$1')));
  const condition = parser.or();
  parser.end();
  return parser.namesAStatus ? condition : { is: 'and', left: { is: 'success' }, right: condition };
}

/** Whether a stage runs. `condition` null = `success()`. Throws ExpressionError for a name that is not there. */
export function holds(condition: string | null, scope: Scope, needs: readonly NeedState[]): boolean {
  const parsed: Condition = condition === null ? { is: 'success' } : parseCondition(condition);
  return truthy(valueOf(parsed, scope, needs));
}

/** Every reference of a condition. */
export function conditionReferences(condition: Condition): Reference[] {
  if (condition.is === 'reference') return [condition.reference];
  if (condition.is === 'not') return conditionReferences(condition.of);
  if ('left' in condition) return [...conditionReferences(condition.left), ...conditionReferences(condition.right)];
  return [];
}

/** Whether a condition asks how its needs ended: by `failure()`, or by `success()`. */
export function namesStatus(condition: Condition, status: 'success' | 'failure'): boolean {
  if (condition.is === 'not') return namesStatus(condition.of, status);
  if ('left' in condition) return namesStatus(condition.left, status) || namesStatus(condition.right, status);
  return condition.is === status;
}

function valueOf(condition: Condition, scope: Scope, needs: readonly NeedState[]): Json {
  const of = (inner: Condition): Json => valueOf(inner, scope, needs);
  if (condition.is === 'value') return condition.value;
  if (condition.is === 'reference') return lookUp(condition.reference, scope);
  if (condition.is === 'success') return needs.every((state) => state === 'done');
  if (condition.is === 'failure') return needs.includes('failed');
  if (condition.is === 'not') return !truthy(of(condition.of));
  if (condition.is === 'and') return truthy(of(condition.left)) && truthy(of(condition.right));
  if (condition.is === 'or') return truthy(of(condition.left)) || truthy(of(condition.right));
  return compare(condition.how, of(condition.left), of(condition.right));
}

function compare(how: Comparison, left: Json, right: Json): boolean {
  if (how === '==') return left === right;
  if (how === '!=') return left !== right;
  if (typeof left !== 'number' || typeof right !== 'number') return false;
  if (how === '<') return left < right;
  if (how === '<=') return left <= right;
  return how === '>' ? left > right : left >= right;
}

function truthy(value: Json): boolean {
  return value !== null && value !== false && value !== 0 && value !== '';
}

interface Token {
  readonly kind: 'sign' | 'text' | 'number' | 'status' | 'name';
  readonly text: string;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const kinds = ['sign', 'text', 'number', 'status', 'name'] as const;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match)
      throw new ExpressionError(`expected a condition, got ${JSON.stringify(text.slice(at).trim().slice(0, 40))}`);
    const group = kinds.findIndex((_, index) => match[index + 1] !== undefined);
    found.push({ kind: kinds[group] ?? 'name', text: match[group + 1] ?? '' });
    at = TOKEN.lastIndex;
  }
  return found;
}

/** Recursive descent, one method a rule of the grammar above. */
class Parser {
  namesAStatus = false;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(list: readonly Token[]) {
    this.#tokens = list;
  }

  or(): Condition {
    let left = this.#and();
    while (this.#take('||')) left = { is: 'or', left, right: this.#and() };
    return left;
  }

  end(): void {
    const rest = this.#tokens[this.#at];
    if (rest) throw new ExpressionError(`expected the end of the condition, got ${JSON.stringify(rest.text)}`);
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#take('&&')) left = { is: 'and', left, right: this.#not() };
    return left;
  }

  #not(): Condition {
    if (this.#take('!')) return { is: 'not', of: this.#not() };
    const left = this.#operand();
    const how = COMPARISONS.find((sign) => this.#take(sign));
    return how === undefined ? left : { is: 'compare', how, left, right: this.#operand() };
  }

  #operand(): Condition {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'text') return { is: 'value', value: token.text };
    if (token?.kind === 'number') return { is: 'value', value: Number(token.text) };
    if (token?.kind === 'status') {
      this.namesAStatus = true;
      return { is: token.text === 'success()' ? 'success' : 'failure' };
    }
    if (token?.kind === 'name') {
      const word = Object.hasOwn(WORDS, token.text) ? WORDS[token.text] : undefined;
      return word === undefined
        ? { is: 'reference', reference: parseReference(token.text) }
        : { is: 'value', value: word };
    }
    if (token?.text === '(') {
      const inner = this.or();
      if (!this.#take(')')) throw new ExpressionError('expected ) in the condition, got its end');
      return inner;
    }
    throw new ExpressionError(
      `expected a value in the condition, got ${token ? JSON.stringify(token.text) : 'its end'}`,
    );
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }
}
