/** The files of `.github/workflows/`, as GitHub's own parser and evaluator see them. */

import { readdirSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";

// The parser imports its JSON without saying that it is JSON, which Node insists on.
registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
});
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");

const FOLDER = join(import.meta.dirname, "..", "..", "..", ".github", "workflows");

/** By name: its text. */
export const WORKFLOW_FILES: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]),
);

/** What decides whether a job or step runs. GitHub puts `success() && (…)` around what names no state itself. */
interface Condition {
  readonly expression: string;
}

export interface ParsedWorkflow {
  readonly errors: readonly string[];
  readonly jobs: readonly { id: string; condition: Condition; steps: readonly { condition: Condition }[] }[];
}

export async function parseWorkflowFile(name: string, content: string): Promise<ParsedWorkflow> {
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  const errors = () => context.errors.getErrors().map(({ message }) => message);
  if (value === undefined || errors().length > 0) return { errors: errors(), jobs: [] };
  const template = await convertWorkflowTemplate(context, value);
  const jobs = template.jobs.map((job) => ({
    id: job.id.value,
    condition: { expression: job.if.expression },
    steps: "steps" in job ? job.steps.map((step) => ({ condition: { expression: step.if?.expression ?? "" } })) : [],
  }));
  return { errors: [...errors(), ...(template.errors ?? []).map(({ Message: message }) => message)], jobs };
}

/** How the job stands when its condition is asked. */
export type JobState = "going well" | "failed" | "cancelled";

const STATE_FUNCTIONS: Readonly<Record<string, (state: JobState) => boolean>> = {
  success: (state) => state === "going well",
  failure: (state) => state === "failed",
  cancelled: (state) => state === "cancelled",
  always: () => true,
};

/** @throws {Error} The expression names something that the contexts do not have. */
export function evaluate(expression: string, contexts: Record<string, unknown>, state: JobState = "going well") {
  const functions = Object.entries(STATE_FUNCTIONS).map(([name, of]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(of(state)),
  }));
  const { tokens } = new Lexer(expression).lex();
  const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  const result = new Evaluator(parsed, values, new Map(functions.map((one) => [one.name, one]))).evaluate();
  return isTruthy(result);
}

/** GitHub's rule: false, 0, "" and null are not. */
function isTruthy(value: data.ExpressionData): boolean {
  if (!value.primitive) return true;
  return value.kind === data.Kind.String ? value.coerceString() !== "" : Boolean(value.number());
}
