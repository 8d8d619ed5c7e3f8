/**
 * YAML to plain values, and where each of them stands. The subset that a spec needs: maps, lists and words. Words are read
 * from their source text (`readScalar`), so that no spelling of a number is lost in YAML's own types. Aliases and tags are
 * refused: a small file must stay small, and mean what it says.
 */

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from "yaml";
import type { Node, YAMLMap, YAMLParseError } from "yaml";
import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { formatPath } from "#model/field-path";
import type { FieldPath } from "#model/field-path";
import { readScalar } from "#model/scalar-text";

/** Counted from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
}

export interface SpecText {
  readonly value: unknown;
  /** By field, as `formatPath` writes it. */
  readonly places: ReadonlyMap<string, Place>;
}

/** @throws {InputError} Where it is no YAML of this kind; all such mistakes, with file, line and column. */
export function parseSpecYaml(text: string, file: string): SpecText {
  const lineCounter = new LineCounter();
  const reader = new Reader(file, lineCounter);
  const document = parseDocument(text, { schema: "failsafe", lineCounter, prettyErrors: false, uniqueKeys: false });
  // Only the first: what follows a broken place is mostly its consequence.
  const [broken] = document.errors;
  const value = broken
    ? reader.refuse("spec", broken.code, wordsOf(broken), broken.pos[0])
    : reader.read(document.contents);
  if (reader.issues.length > 0) throw new InputError(reader.issues);
  return { value, places: reader.places };
}

function wordsOf({ code, message }: YAMLParseError): string {
  return code === "RESOURCE_EXHAUSTION" ? "nested too deeply" : `not valid YAML: ${message.split("\n")[0]}`;
}

class Reader {
  readonly issues: InputIssue[] = [];
  readonly places = new Map<string, Place>();
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  read(node: Node | null, path: FieldPath = []): unknown {
    const field = formatPath(path);
    const offset = node?.range?.[0] ?? 0;
    this.places.set(field, this.#placeAt(offset));
    if (isAlias(node)) return this.refuse(field, `*${node.source}`, "aliases are not supported; write it out", offset);
    if (node?.tag !== undefined) return this.refuse(field, node.tag, "tags are not supported; remove it", offset);
    if (isSeq(node)) return node.items.map((item, i) => this.read(item as Node, [...path, i]));
    if (isMap(node)) return this.#readMap(node as YAMLMap<Node | null, Node | null>, path);
    if (!isScalar(node)) return null;
    return node.type === Scalar.PLAIN ? readScalar(node.source ?? "") : node.value;
  }

  #readMap(map: YAMLMap<Node | null, Node | null>, path: FieldPath): unknown {
    // Without a prototype, `__proto__` is a key like any other, for the validator to refuse.
    const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const { key, value } of map.items) {
      const offset = key?.range?.[0] ?? 0;
      const name = isScalar(key) ? String(key.value) : undefined;
      const field = formatPath([...path, name ?? "?"]);
      if (name === undefined) this.refuse(field, undefined, "a key must be a word", offset);
      else if (name in result) this.refuse(field, name, "duplicate key; keep one of them", offset);
      else result[name] = value === null ? null : this.read(value, [...path, name]);
    }
    return result;
  }

  refuse(field: string, value: unknown, message: string, offset: number): undefined {
    const [rule = message, hint] = message.split("; ");
    const issue = { field, value, rule, file: this.#file, ...this.#placeAt(offset) };
    this.issues.push(hint === undefined ? issue : { ...issue, hint });
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}
