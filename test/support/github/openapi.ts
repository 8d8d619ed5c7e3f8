/** GitHub's published description of its API, as a judge of requests and answers, and as a source of whole answers. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

/** `openapi.generated.json`: the paths in use, of @octokit/openapi 23.0.2. */
const DOCUMENT = makeNullsExplicit(
  JSON.parse(readFileSync(join(import.meta.dirname, "openapi.generated.json"), "utf8")),
) as OpenApi;

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Operation {
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minLength?: number;
}

export interface Call {
  readonly method: string;
  /** As in the description: `/repos/{owner}/{repo}/pulls/{pull_number}`. */
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
addFormats.default(ajv);
ajv.addSchema({ $id: "github", ...DOCUMENT });
const validators = new Map<string, ValidateFunction>();

/** @returns `undefined` for a path that is not described, which then is a mistake of ours. */
export function findCall(method: string, path: string): Call | undefined {
  for (const template of Object.keys(DOCUMENT.paths).toSorted((a, b) => b.length - a.length)) {
    if (DOCUMENT.paths[template]?.[method.toLowerCase()] === undefined) continue;
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
    // Only the path of a file has slashes in it.
    const pattern = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === "path" ? "(.+)" : "([^/]+)"));
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (match === null) continue;
    const values = match.slice(1).map(decodeURIComponent);
    return {
      method: method.toLowerCase(),
      template,
      parameters: Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""])),
    };
  }
  return undefined;
}

/** @returns What is wrong with the body of a request; "" where nothing is. */
export function complainAboutRequest({ method, template }: Call, body: unknown): string {
  const { required, content } = DOCUMENT.paths[template]?.[method]?.requestBody ?? {};
  const schema = content?.["application/json"]?.schema;
  if (body === undefined && required !== true) return "";
  return schema === undefined ? "" : complain(`${method} ${template} request`, schema, body);
}

/** @returns What is wrong with an answer of the double; "" where nothing is. */
export function complainAboutAnswer(call: Call, status: number, body: unknown): string {
  const schema = answerSchema(call, status);
  return schema === undefined ? "" : complain(`${call.method} ${call.template} ${status}`, schema, body);
}

/** A whole answer: what GitHub would send beside the given values has a value of its type. */
export function sampleAnswer(call: Call, status: number, given: unknown): unknown {
  const schema = answerSchema(call, status);
  return schema === undefined ? given : fill(schema, given);
}

function answerSchema({ method, template }: Call, status: number): Schema | undefined {
  const found = DOCUMENT.paths[template]?.[method]?.responses[String(status)];
  const response = resolve(found as Schema) as { content?: Record<string, { schema: Schema }> };
  return response?.content?.["application/json"]?.schema;
}

function complain(key: string, schema: Schema, value: unknown): string {
  const validate = validators.get(key) ?? ajv.compile(inDocument(schema));
  validators.set(key, validate);
  return validate(value) ? "" : `${key}: ${ajv.errorsText(validate.errors)}`;
}

/** References of a part lead into the whole document. */
const inDocument = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"github#/')) as Schema;

function resolve(schema: Schema | undefined): Schema {
  if (schema?.$ref === undefined) return schema ?? {};
  const keys = schema.$ref.slice(2).split("/");
  return resolve(keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], DOCUMENT) as Schema);
}

function fill(schema: Schema, given: unknown): unknown {
  const { type, properties = {}, required = [], items = {}, allOf, anyOf, oneOf, ...rest } = resolve(schema);
  if (allOf) return allOf.reduce<unknown>((whole, part) => Object.assign({}, whole, fill(part, given)), {});
  const variants = anyOf ?? oneOf;
  if (variants) return given === null ? null : fill(variantFor(variants, given), given);
  if (type === "object") {
    const values = isMap(given) ? given : {};
    const names = new Set([...required, ...Object.keys(values)]);
    return Object.fromEntries([...names].map((name) => [name, fill(properties[name] ?? {}, values[name])]));
  }
  if (type === "array") return Array.isArray(given) ? given.map((item: unknown) => fill(items, item)) : [];
  return given ?? sampleOf(type, rest);
}

/** The one whose fixed words are the given ones. */
function variantFor(variants: readonly Schema[], given: unknown): Schema {
  const possible = variants.filter((one) => resolve(one).type !== "null");
  const fits = (one: Schema) => {
    const { type, properties = {} } = resolve(one);
    if (!isMap(given)) return (type === "array") === Array.isArray(given);
    return (
      type !== "array" &&
      Object.entries(given).every(([name, value]) => properties[name]?.enum?.includes(value) ?? true)
    );
  };
  return possible.find(fits) ?? possible[0] ?? {};
}

function sampleOf(type: string | undefined, { enum: words, default: usual, format, minLength = 0 }: Schema): unknown {
  if (words) return words[0];
  if (usual !== undefined) return usual;
  switch (type) {
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return false;
    case "string":
      if (format === "date-time") return "2026-01-01T00:00:00Z";
      return format === "uri" ? "https://example.org/" : "x".repeat(minLength);
    case undefined:
    default:
      return null;
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** OpenAPI 3.0 says `nullable` where JSON Schema says `type: null`. */
function makeNullsExplicit(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(makeNullsExplicit);
  if (!isMap(part)) return part;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(part).map(([key, value]) => [key, makeNullsExplicit(value)]),
  );
  return nullable === true ? { anyOf: [rest, { type: "null" }] } : isMap(nullable) ? { nullable, ...rest } : rest;
}
